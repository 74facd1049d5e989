//! Deadlocks of whole processes: each case is a fork's child with no thread but those of the case.
//!
//! Children end by a system call and use the engine and threads of their own only. Nobody waits for time to pass: a
//! child that finds no deadlock hangs, and its end is what the test waits for.

mod forked;
mod until;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use forked::{child, end_of, turn};
use manyhands::platform::pidfd::ExitStatus;
use manyhands::sync::{
    Blocking, Event, Lock, RawLock, WaitError, Waiting, interrupts_only_raise_if, suspicions_go_to,
};
use manyhands::{Pool, Queue};
use until::until;

/// Whether `body` says so in a child.
fn in_child(body: impl FnOnce() -> bool) -> bool {
    let _turn = turn();
    end_of(child(body)) == ExitStatus::Exited(0)
}

/// Has another thread take the lock and wait for the event with it.
fn hold_and_wait(lock: &'static Lock<()>, event: &'static Event) {
    thread::spawn(|| {
        let _guard = lock.lock().unwrap();
        event.wait();
    });
    until("a thread waits", || event.statistics().waiters == 1);
}

#[test]
fn when_all_wait_for_ever_the_one_that_wants_a_lock_is_told() {
    static LOCK: Lock<()> = Lock::new(());
    static NEVER: Event = Event::new();
    assert!(in_child(|| {
        hold_and_wait(&LOCK, &NEVER);
        match LOCK.lock().map(drop) {
            Err(WaitError::Deadlock(deadlock)) => {
                deadlock.steps.len() == 2 && deadlock.to_string().contains("nobody is left")
            }
            _ => false,
        }
    }));
}

#[test]
fn while_somebody_is_awake_nobody_is_told() {
    static LOCK: Lock<()> = Lock::new(());
    static LATER: Event = Event::new();
    assert!(in_child(|| {
        hold_and_wait(&LOCK, &LATER);
        thread::spawn(|| {
            until("a thread waits", || LOCK.statistics().waiters == 1);
            LATER.set();
        });
        LOCK.lock().is_ok()
    }));
}

static TOLD: Event = Event::new();

extern "C" fn tell(_signal: libc::c_int) {
    TOLD.set();
}

fn handle(signal: libc::c_int) {
    // SAFETY: the handler stores to an atomic word and makes one system call.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = tell as *const () as usize;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

/// Sends this process the signal when the thread has looked around several times.
struct Signals(libc::c_int, std::cell::Cell<u32>);

impl Waiting for Signals {
    fn before_sleep(&self) -> ControlFlow<()> {
        self.1.set(self.1.get() + 1);
        if self.1.get() == 4 {
            // SAFETY: no memory is involved.
            unsafe { libc::kill(libc::getpid(), self.0) };
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn what_a_signal_s_handler_can_end_is_no_deadlock() {
    static LOCK: RawLock = RawLock::private();
    for signal in [libc::SIGTERM, libc::SIGINT] {
        assert!(in_child(|| {
            handle(signal);
            let _ = LOCK.acquire(None, &Blocking).unwrap();
            let waiter = thread::spawn(move || {
                until("a thread waits", || TOLD.statistics().waiters == 1);
                let got = LOCK.acquire(None, &Signals(signal, 0.into())).is_ok();
                TOLD.set(); // also when it should have been told by the handler
                got
            });
            TOLD.wait();
            LOCK.release().unwrap();
            waiter.join().unwrap()
        }));
    }
}

/// As where a program does nothing until Ctrl-C, and its main thread waits for one that waits for that.
#[test]
fn who_may_be_woken_by_a_key_is_no_more_than_suspected() {
    static LOCK: RawLock = RawLock::private();
    static SUSPECTED: Event = Event::new();
    assert!(in_child(|| {
        handle(libc::SIGINT);
        interrupts_only_raise_if(|| true);
        suspicions_go_to(|_| SUSPECTED.set());
        thread::spawn(|| {
            let _ = LOCK.acquire(None, &Blocking).unwrap();
            TOLD.wait();
            LOCK.release().unwrap();
        });
        until("a thread waits", || TOLD.statistics().waiters == 1);
        let got = LOCK.acquire(None, &KeyOnceSuspected(&SUSPECTED)).is_ok();
        got && SUSPECTED.is_set()
    }));
}

/// Sends this process the key's signal when it is suspected to be stuck.
struct KeyOnceSuspected(&'static Event);

impl Waiting for KeyOnceSuspected {
    fn before_sleep(&self) -> ControlFlow<()> {
        if self.0.is_set() {
            // SAFETY: no memory is involved.
            unsafe { libc::kill(libc::getpid(), libc::SIGINT) };
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn bare_locks_in_two_orders_are_a_deadlock_when_nobody_is_left_to_release_them() {
    static LOCKS: [RawLock; 2] = [RawLock::private(), RawLock::private()];
    assert!(in_child(|| {
        let take = |lock: &RawLock| lock.acquire(None, &Blocking).map(drop);
        let mine = take(&LOCKS[0]);
        let other = thread::spawn(move || {
            take(&LOCKS[1]).unwrap();
            let result = take(&LOCKS[0]);
            LOCKS[1].release().unwrap();
            result.is_err()
        });
        until("a thread waits", || LOCKS[0].statistics().waiters == 1);
        let result = take(&LOCKS[1]);
        LOCKS[0].release().unwrap();
        let told = usize::from(result.is_err()) + usize::from(other.join().unwrap());
        mine.is_ok() && told == 1
    }));
}

/// Takes `mine`, then, once both threads have their first, `others`, without guards; tells whether it got both.
fn cross(mine: &RawLock, others: &RawLock, both: &Barrier) -> bool {
    let _ = mine.acquire(None, &Blocking).unwrap();
    both.wait();
    let result = others.acquire(None, &Blocking).is_ok();
    let _ = others.release();
    result
}

/// Two threads cross two bare locks; `open` says when the main thread releases both. Whether all went on, and how often
/// somebody was told of a suspicion.
fn crossed(open: impl FnOnce()) -> (bool, u64) {
    static LOCKS: [RawLock; 2] = [RawLock::private(), RawLock::private()];
    let both = Arc::new(Barrier::new(2));
    suspicions_go_to(|_| {
        TIMES.fetch_add(1, Ordering::AcqRel);
        TOLD.set();
    });
    let threads = [0, 1].map(|first| {
        let both = both.clone();
        thread::spawn(move || cross(&LOCKS[first], &LOCKS[1 - first], &both))
    });
    until("a thread waits", || LOCKS.iter().map(|lock| lock.statistics().waiters).sum::<usize>() == 2);
    open();
    let _ = LOCKS[0].release();
    let _ = LOCKS[1].release();
    let all = threads.into_iter().all(|thread| thread.join().unwrap());
    (all, TIMES.load(Ordering::Acquire))
}

static TIMES: AtomicU64 = AtomicU64::new(0);

#[test]
fn a_circle_that_only_a_key_could_end_is_told_once() {
    assert!(in_child(|| {
        handle(libc::SIGINT);
        interrupts_only_raise_if(|| true);
        crossed(|| TOLD.wait()) == (true, 1)
    }));
}

#[test]
fn a_circle_of_which_somebody_may_end_a_wait_is_never_told() {
    static NEVER: Event = Event::new();
    // Twice as long as it would take.
    assert!(in_child(|| {
        handle(libc::SIGINT);
        interrupts_only_raise_if(|| true);
        crossed(|| assert!(NEVER.wait_timeout(Duration::from_secs(2)).is_err())) == (true, 0)
    }));
}

#[test]
fn in_a_forks_child_the_graph_works_on() {
    let (first, second) = (Lock::new(1), Lock::new(2));
    let guard = first.lock().unwrap();
    thread::scope(|scope| {
        // In the parent this one waits for `first`, and has `second`.
        let waiter = scope.spawn(|| {
            let second = second.lock().unwrap();
            first.lock().map(|first| *first + *second)
        });
        until("a thread waits", || first.statistics().waiters == 1);
        // In the child it does not exist: what it holds there is held for ever, which a time-out tells.
        assert!(in_child(|| {
            let held = second.lock_timeout(std::time::Duration::from_millis(5)).is_err();
            // The thread that forked still holds what it held.
            held && matches!(first.lock().map(drop), Err(WaitError::Deadlock(_)))
        }));
        drop(guard);
        assert_eq!(waiter.join().unwrap(), Ok(3));
    });
}

#[test]
fn a_call_that_wants_the_lock_of_who_waits_for_it_is_told() {
    static LOCK: Lock<()> = Lock::new(());
    let wants = || matches!(LOCK.lock().map(drop), Err(WaitError::Deadlock(_)));
    // One of the two threads is idle: nobody will ever give it anything to do.
    assert!(in_child(|| {
        let pool = Pool::threads(2).unwrap();
        let _guard = LOCK.lock().unwrap();
        pool.submit(wants).unwrap().get().unwrap()
    }));
    assert!(in_child(|| {
        let pool = Pool::threads(2).unwrap();
        let _guard = LOCK.lock().unwrap();
        let mut told = false;
        pool.scope(|scope| drop(scope.submit(|| told = wants()).unwrap()));
        told
    }));
}

#[test]
fn a_maker_that_wants_the_lock_of_its_taker_is_told() {
    static LOCK: Lock<()> = Lock::new(());
    for is_full in [false, true] {
        assert!(in_child(|| {
            let queue = Queue::bounded_in_process(1);
            let other = queue.clone();
            if is_full {
                queue.put(true).unwrap();
            }
            let _guard = LOCK.lock().unwrap();
            let maker = thread::spawn(move || {
                let told = matches!(LOCK.lock().map(drop), Err(WaitError::Deadlock(_)));
                if is_full {
                    other.get().map(|_| told).unwrap()
                } else {
                    other.put(told).map(|()| told).unwrap()
                }
            });
            if is_full { queue.put(true).is_ok() && maker.join().unwrap() } else { queue.get().unwrap() }
        }));
    }
}

#[test]
fn a_call_that_will_release_the_lock_is_no_deadlock() {
    assert!(in_child(|| {
        let pool = Pool::threads(2).unwrap();
        let lock = Arc::new(Lock::new(0));
        (0..2000).all(|_| {
            let calls: Vec<_> = (0..4)
                .map(|_| {
                    let lock = lock.clone();
                    pool.submit(move || lock.lock().map(|mut number| *number += 1).is_ok()).unwrap()
                })
                .collect();
            lock.lock().is_ok() && calls.into_iter().all(|call| call.get().unwrap())
        }) && *lock.lock().unwrap() == 8000
    }));
}
