//! Conditions between the threads of one process.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::until::until;
use crate::sync::wait::park::Waiting;
use crate::sync::{Lock, RLock, RawLock};

#[test]
fn what_is_put_is_taken_once_by_many_threads() {
    const EACH: u32 = 5_000;
    let (queue, more, sum) = (Lock::new(VecDeque::new()), Condition::new(), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let mut queue = more.wait_while(queue.lock().unwrap(), |queue| queue.is_empty()).unwrap();
                    sum.fetch_add(queue.pop_front().unwrap(), Ordering::Relaxed);
                }
            });
            scope.spawn(|| {
                for _ in 0..EACH {
                    queue.lock().unwrap().push_back(1);
                    more.notify_one();
                }
            });
        }
    });
    assert_eq!(sum.load(Ordering::Relaxed), 3 * EACH);
}

#[test]
fn who_gives_up_takes_no_notification_with_it() {
    let (count, condition) = (Lock::new(0), Condition::new());
    let (guard, in_time) = condition.wait_timeout(count.lock().unwrap(), Duration::ZERO).unwrap();
    assert!(!in_time);
    drop(guard);
    assert_eq!(condition.statistics().waiters, 0);
    let enlisted = condition.0.enlist().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| *condition.wait(count.lock().unwrap()).unwrap() += 1);
        until("the second waiter", || condition.statistics().waiters == 2);
        assert_eq!(condition.notify(1), 1, "the first in the list is told");
        drop(enlisted);
    });
    assert_eq!(count.into_inner(), 1, "what it was told is passed on");
}

#[test]
fn a_limit_ends_a_wait_for_a_condition_that_holds_on() {
    let (count, condition) = (Lock::new(0), Condition::new());
    let timeout = Duration::from_millis(5);
    let (guard, holds_no_more) =
        condition.wait_timeout_while(count.lock().unwrap(), timeout, |count| *count == 0).unwrap();
    assert_eq!((*guard, holds_no_more), (0, false));
    drop(guard);
    let (_, holds_no_more) =
        condition.wait_timeout_while(count.lock().unwrap(), Duration::ZERO, |count| *count == 1).unwrap();
    assert!(holds_no_more);
}

#[test]
fn a_guard_that_is_one_of_several_cannot_wait() {
    let (value, condition) = (RLock::new(Cell::new(1)), Condition::new());
    let outer = value.lock().unwrap();
    let inner = value.lock().unwrap();
    let refused = catch_unwind(AssertUnwindSafe(|| drop(condition.wait(inner))));
    assert!(refused.is_err());
    assert_eq!((outer.get(), condition.statistics().waiters), (1, 0));
    let (outer, in_time) = condition.wait_timeout(outer, Duration::ZERO).unwrap();
    assert_eq!((outer.get(), in_time), (1, false));
}

/// Ends a wait before its first sleep, as a handler does that raises.
struct Impatient;

impl Waiting for Impatient {
    fn before_sleep(&self) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

#[test]
fn an_interrupted_wait_has_its_lock_again_and_is_in_the_list_no_more() {
    let (lock, condition) = (RawLock::private(), RawCondition::private());
    let _ = lock.acquire(None, &Blocking).unwrap();
    let regained = condition.wait(&lock, None, &Impatient).unwrap();
    assert_eq!((regained.waited, regained.lock.is_ok()), (Err(WaitError::Interrupted), true));
    assert!(lock.is_held());
    assert_eq!(condition.statistics().waiters, 0);
}
