//! Conditions between the threads of one process.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::sync::wait::park::Waiting;
use crate::sync::{Lock, RLock, RawLock, RawRLock, ReleaseError};

/// Looks until `condition` holds; the limit is there only to end a test that would not.
fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Deadline::after(Duration::from_secs(60)).unwrap();
    while !condition() {
        assert!(!limit.is_past(), "waited a minute for {what}");
        thread::yield_now();
    }
}

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
fn notify_wakes_as_many_as_asked_and_the_first_come_first() {
    let (order, condition) = (Lock::new(Vec::new()), Condition::new());
    thread::scope(|scope| {
        for number in 0..40 {
            let (order, condition) = (&order, &condition);
            scope.spawn(move || condition.wait(order.lock().unwrap()).unwrap().push(number));
            until("the waiter to be in the list", || condition.statistics().waiters == number + 1);
        }
        assert_eq!(condition.notify(3), 3);
        until("three to return", || order.lock().unwrap().len() == 3);
        assert_eq!(condition.statistics().waiters, 37);
        assert_eq!(condition.notify(0), 0);
        assert_eq!(condition.notify_all(), 37);
    });
    let mut order = order.into_inner();
    order[..3].sort_unstable();
    assert_eq!(order[..3], [0, 1, 2]);
    assert_eq!(order.len(), 40);
    assert_eq!(condition.notify(5), 0, "a notification that nobody waits for is gone");
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
fn a_re_entrant_lock_is_given_up_and_regained_as_often_as_it_was_held() {
    let rlock = RawRLock::private();
    let condition = RawCondition::private();
    assert_eq!(condition.wait(&rlock, None, &Blocking).unwrap_err(), ReleaseError::NotHeld);
    for _ in 0..3 {
        let _ = rlock.acquire(None, &Blocking).unwrap();
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            until("the waiter", || condition.statistics().waiters == 1);
            let _ = rlock.acquire(None, &Blocking).unwrap();
            condition.notify(1);
            rlock.release().unwrap();
        });
        let regained = condition.wait(&rlock, None, &Blocking).unwrap();
        assert_eq!((regained.waited, regained.lock.is_ok(), rlock.depth()), (Ok(()), true, 3));
    });
    assert_eq!(condition.statistics().waiters, 0);
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
