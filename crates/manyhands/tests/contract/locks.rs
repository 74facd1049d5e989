//! Locks and semaphores: who gets them, who may release them, and what is told of them.
//!
//! A party that must be seen to wait is seen in the statistics.

use crate::until::until;
use std::sync::atomic::Ordering;

use manyhands::sync::{Blocking, WaitError};

use super::{Backend, at_once, in_a_minute, lasting, numbers};

pub fn a_held_lock_is_had_by_nobody_else<B: Backend>() {
    let lock = lasting(B::lock());
    let _ = lock.acquire(None, &Blocking).unwrap();
    let other = B::beside(|| {
        let refused = lock.try_acquire().unwrap().is_none();
        let late = lock.acquire(at_once(), &Blocking);
        refused && late == Err(WaitError::TimedOut)
    });
    assert!(other.was_content());
    lock.release().unwrap();
    assert!(B::beside(|| lock.try_acquire().unwrap().is_some() && lock.release().is_ok()).was_content());
}

pub fn anybody_releases_a_lock<B: Backend>() {
    let lock = lasting(B::lock());
    let _ = lock.acquire(None, &Blocking).unwrap();
    let other = B::beside(|| {
        until("the holder to wait for it", || lock.statistics().waiters == 1);
        lock.release().is_ok()
    });
    // Waits for what it holds: no deadlock, since another releases it.
    let _ = lock.acquire(None, &Blocking).unwrap();
    assert!(other.was_content());
    lock.release().unwrap();
}

pub fn a_re_entrant_lock_is_its_holders_until_the_last_release<B: Backend>() {
    let lock = lasting(B::rlock());
    let got = &numbers()[0];
    let _ = lock.acquire(None, &Blocking).unwrap();
    let _ = lock.try_acquire().unwrap().unwrap();
    assert_eq!(lock.depth(), 2);
    assert!(B::beside(|| lock.depth() == 0 && lock.try_acquire().unwrap().is_none()).was_content());
    let other = B::beside(|| {
        let _ = lock.acquire(in_a_minute(), &Blocking).unwrap();
        got.store(1, Ordering::Release);
        lock.release().is_ok()
    });
    until("the other to wait", || lock.statistics().waiters == 1);
    lock.release().unwrap();
    assert_eq!((lock.depth(), got.load(Ordering::Acquire)), (1, 0));
    lock.release().unwrap();
    assert!(other.was_content());
    assert_eq!((lock.depth(), got.load(Ordering::Acquire)), (0, 1));
}

pub fn statistics_tell_holder_and_waiters<B: Backend>() {
    let (lock, rlock, semaphore) = (lasting(B::lock()), lasting(B::rlock()), lasting(B::semaphore(0, 9)));
    let (event, condition, barrier) = (lasting(B::event()), lasting(B::condition()), lasting(B::barrier(2)));
    assert!(lock.statistics().holder.is_none() && rlock.statistics().holder.is_none());
    let _ = lock.acquire(None, &Blocking).unwrap();
    let _ = rlock.acquire(None, &Blocking).unwrap();
    let mine = B::lock();
    let parties = [
        B::beside(|| lock.acquire(None, &Blocking).is_ok() && lock.release().is_ok()),
        B::beside(|| rlock.acquire(None, &Blocking).is_ok() && rlock.release().is_ok()),
        B::beside(|| semaphore.acquire(None, &Blocking).is_ok()),
        B::beside(|| event.wait(None, &Blocking).is_ok()),
        B::beside(move || {
            let _ = mine.acquire(None, &Blocking).unwrap();
            condition.wait(&mine, None, &Blocking).is_ok()
        }),
        B::beside(|| barrier.wait(None, &Blocking, || true).is_ok()),
    ];
    until("all to wait", || {
        let locks = [lock.statistics().waiters, rlock.statistics().waiters];
        let others = [semaphore.statistics().waiters, event.statistics().waiters];
        locks == [1, 1]
            && others == [1, 1]
            && condition.statistics().waiters == 1
            && barrier.statistics().waiters == 1
    });
    for statistics in [lock.statistics(), rlock.statistics()] {
        let holder = statistics.holder.expect("this thread holds it");
        assert_eq!((holder.pid, holder.dead), (std::process::id(), false));
    }
    assert_eq!((semaphore.statistics().free, semaphore.statistics().maximum), (0, 9));
    assert!(!event.statistics().set);
    assert_eq!((barrier.statistics().parties, barrier.statistics().broken), (2, false));
    lock.release().unwrap();
    rlock.release().unwrap();
    semaphore.release(1).unwrap();
    event.set();
    condition.notify_all();
    barrier.wait(None, &Blocking, || true).unwrap();
    assert!(parties.into_iter().all(super::Party::was_content));
    assert!(lock.statistics().holder.is_none() && rlock.statistics().holder.is_none());
    assert_eq!(condition.statistics().waiters + semaphore.statistics().waiters, 0);
}

pub fn a_semaphore_has_as_many_permits_as_it_says<B: Backend>() {
    let semaphore = lasting(B::semaphore(2, 100));
    assert!(semaphore.try_acquire() && semaphore.try_acquire());
    assert!(!semaphore.try_acquire());
    assert_eq!(semaphore.acquire(at_once(), &Blocking), Err(WaitError::TimedOut));
    let parties = [(); 3].map(|()| B::beside(|| semaphore.acquire(None, &Blocking).is_ok()));
    until("three to wait", || semaphore.statistics().waiters == 3);
    semaphore.release(3).unwrap();
    assert!(parties.into_iter().all(super::Party::was_content));
    assert_eq!((semaphore.value(), semaphore.statistics().waiters), (0, 0));
}

pub fn a_bounded_semaphore_takes_no_more_back_than_it_had<B: Backend>() {
    let semaphore = lasting(B::semaphore(2, 2));
    assert!(B::beside(|| semaphore.try_acquire()).was_content());
    assert!(semaphore.release(2).is_err(), "one of the two would be too many");
    assert_eq!(semaphore.value(), 1);
    semaphore.release(1).unwrap();
    assert_eq!(semaphore.value(), 2);
}
