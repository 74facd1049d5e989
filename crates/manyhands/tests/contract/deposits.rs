//! Many parties deposit into one account, read and written in two steps: not one deposit may be lost.
//!
//! How many is the backend's affair. The balance is no atomic counter, so whoever is not kept apart loses some; what
//! the parties are kept apart by differs from test to test.

use std::sync::atomic::{AtomicU64, Ordering};

use manyhands::sync::Blocking;

use super::{Backend, deposit, lasting, numbers};

/// Runs all parties, each of which makes its deposits by `one`, and checks the balance.
fn all_deposit<B: Backend>(one: impl Fn(&'static AtomicU64) + Copy + Send + 'static) {
    let balance = &numbers()[0];
    let (parties, each) = B::DEPOSITS;
    let running: Vec<_> = (0..parties)
        .map(|_| {
            B::beside(move || {
                (0..each).for_each(|_| one(balance));
                true
            })
        })
        .collect();
    assert!(running.into_iter().all(super::Party::was_content));
    assert_eq!(balance.load(Ordering::Relaxed), parties * each);
}

pub fn deposits_under_a_lock<B: Backend>() {
    let lock = lasting(B::lock());
    all_deposit::<B>(|balance| {
        let _ = lock.acquire(None, &Blocking).unwrap();
        deposit(balance);
        lock.release().unwrap();
    });
    assert!(!lock.is_held());
}

pub fn deposits_under_a_re_entrant_lock<B: Backend>() {
    let lock = lasting(B::rlock());
    all_deposit::<B>(|balance| {
        let _ = lock.acquire(None, &Blocking).unwrap();
        let _ = lock.acquire(None, &Blocking).unwrap();
        deposit(balance);
        lock.release().unwrap();
        lock.release().unwrap();
    });
    assert_eq!(lock.statistics().holder, None);
}

pub fn deposits_under_a_semaphore_of_one<B: Backend>() {
    let semaphore = lasting(B::semaphore(1, 1));
    all_deposit::<B>(|balance| {
        semaphore.acquire(None, &Blocking).unwrap();
        deposit(balance);
        semaphore.release(1).unwrap();
    });
    assert_eq!(semaphore.value(), 1);
}

/// The account is closed while somebody uses it, outside the lock; who finds it closed waits to be notified.
pub fn deposits_under_a_condition<B: Backend>() {
    let (lock, opened, closed) = (lasting(B::lock()), lasting(B::condition()), &numbers()[0]);
    all_deposit::<B>(|balance| {
        let _ = lock.acquire(None, &Blocking).unwrap();
        while closed.load(Ordering::Relaxed) == 1 {
            let regained = opened.wait(lock, None, &Blocking).unwrap();
            assert!(regained.waited.is_ok() && regained.lock.is_ok());
        }
        closed.store(1, Ordering::Relaxed);
        lock.release().unwrap();

        deposit(balance);

        let _ = lock.acquire(None, &Blocking).unwrap();
        closed.store(0, Ordering::Relaxed);
        opened.notify(1);
        lock.release().unwrap();
    });
    assert_eq!(opened.statistics().waiters, 0);
}
