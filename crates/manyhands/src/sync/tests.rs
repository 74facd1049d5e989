//! Locks, semaphores and events between the threads of one process.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::*;
use crate::platform::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::platform::until::until;

#[test]
fn one_thread_at_a_time_has_the_value() {
    let total = Lock::new(0_u64);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    *total.lock().unwrap() += 1;
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 80_000);
}

#[test]
fn a_panic_releases_the_lock_and_poisons_nothing() {
    let lock = Arc::new(Lock::new(1));
    let same = lock.clone();
    let result = thread::spawn(move || {
        *same.lock().unwrap() = 2;
        let _guard = same.lock().unwrap();
        panic!("on purpose");
    })
    .join();
    assert!(result.is_err());
    assert_eq!(*lock.lock().unwrap(), 2);
}

#[test]
fn a_wait_with_a_limit_ends_and_statistics_tell_holder_and_waiters() {
    let lock = Lock::new(());
    assert_eq!(lock.statistics().holder, None);
    let guard = lock.lock().unwrap();
    assert_eq!(lock.statistics().holder.unwrap().pid, std::process::id());
    assert!(lock.try_lock().is_none(), "a lock is not re-entrant");
    assert!(matches!(lock.lock_timeout(Duration::from_millis(5)), Err(WaitError::TimedOut)));
    thread::scope(|scope| {
        scope.spawn(|| drop(lock.lock().unwrap()));
        until("a waiter to be counted", || lock.statistics().waiters == 1);
        drop(guard);
    });
    assert_eq!(lock.statistics().waiters, 0);
}

#[test]
fn a_semaphore_admits_as_many_as_it_has_permits() {
    let (semaphore, inside, most) = (Semaphore::bounded(2), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let _permit = semaphore.acquire();
                    most.fetch_max(inside.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                    inside.fetch_sub(1, Ordering::AcqRel);
                }
            });
        }
    });
    assert!(most.load(Ordering::Acquire) <= 2);
    assert_eq!(semaphore.value(), 2);
    assert_eq!(semaphore.release(1), Err(TooManyPermits { maximum: 2 }));
    assert!(matches!(Semaphore::new(0).acquire_timeout(Duration::ZERO), Err(WaitError::TimedOut)));
}

/// Counts the calls of the hooks, and ends the wait at the first interruption.
#[derive(Default)]
struct Interruptible {
    blocked: AtomicU32,
    interrupted: AtomicU32,
}

impl Waiting for Interruptible {
    fn before_block(&self) {
        self.blocked.fetch_add(1, Ordering::AcqRel);
    }

    fn on_interrupt(&self) -> ControlFlow<()> {
        self.interrupted.fetch_add(1, Ordering::AcqRel);
        ControlFlow::Break(())
    }

    fn after_block(&self) {
        self.blocked.fetch_sub(1, Ordering::AcqRel);
    }
}

extern "C" fn nothing(_signal: libc::c_int) {}

#[test]
fn a_signal_ends_a_wait_whose_handler_says_so() {
    // SAFETY: a handler that does nothing, without SA_RESTART; no other test uses this signal.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGURG, &action, std::ptr::null_mut()), 0);
    }
    let lock = RawLock::private();
    let _ = lock.acquire(None, &Blocking).unwrap();
    let waiting = Interruptible::default();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (tell, told) = channel();
        let (lock, waiting, over) = (&lock, &waiting, &over);
        let waiter = scope.spawn(move || {
            // SAFETY: asks for the calling thread.
            tell.send(unsafe { libc::pthread_self() }).unwrap();
            let result = lock.acquire(None, waiting);
            over.store(true, Ordering::Release);
            result
        });
        let thread = told.recv().unwrap();
        until("the wait to end", || {
            if !over.load(Ordering::Acquire) {
                // SAFETY: the thread is joined below only, so its number is still its own.
                unsafe { libc::pthread_kill(thread, libc::SIGURG) };
            }
            over.load(Ordering::Acquire)
        });
        assert_eq!(waiter.join().unwrap(), Err(WaitError::Interrupted));
    });
    assert_eq!(waiting.interrupted.load(Ordering::Acquire), 1);
    assert_eq!(waiting.blocked.load(Ordering::Acquire), 0, "the hooks are called in pairs");
    lock.release().unwrap();
    assert!(lock.try_acquire().unwrap().is_some(), "the interrupted waiter took nothing");
}
