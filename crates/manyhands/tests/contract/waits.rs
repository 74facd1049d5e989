//! Events, conditions and barriers: who goes on, when, and in which order.
//!
//! A party that must be seen to wait is seen in the statistics.

use crate::until::until;
use std::sync::atomic::Ordering;

use manyhands::sync::{BarrierError, Blocking, WaitError};

use super::{Backend, Party, at_once, lasting, numbers};

pub fn an_event_lets_all_through_while_it_is_set<B: Backend>() {
    let event = lasting(B::event());
    assert_eq!(event.wait(at_once(), &Blocking), Err(WaitError::TimedOut));
    let parties = [(); 3].map(|()| B::beside(|| event.wait(None, &Blocking).is_ok()));
    until("three to wait", || event.statistics().waiters == 3);
    event.set();
    assert!(parties.into_iter().all(Party::was_content));
    assert!(B::beside(|| event.is_set() && event.wait(at_once(), &Blocking).is_ok()).was_content());
    event.clear();
    assert!(B::beside(|| !event.is_set() && event.wait(at_once(), &Blocking).is_err()).was_content());
}

pub fn an_event_that_is_set_and_cleared_at_once_wakes_who_waited<B: Backend>() {
    let event = lasting(B::event());
    let parties = [(); 2].map(|()| B::beside(|| event.wait(None, &Blocking).is_ok()));
    until("both to wait", || event.statistics().waiters == 2);
    event.set();
    event.clear();
    assert!(parties.into_iter().all(Party::was_content));
    assert!(!event.is_set());
}

pub fn notifications_go_to_those_who_have_waited_longest<B: Backend>() {
    let (condition, told) = (lasting(B::condition()), numbers());
    let waiters: Vec<_> = (0..4)
        .map(|number| {
            let lock = B::lock();
            let waiter = B::beside(move || {
                let _ = lock.acquire(None, &Blocking).unwrap();
                let regained = condition.wait(&lock, None, &Blocking).unwrap();
                told[number].store(1, Ordering::Release);
                regained.waited.is_ok() && regained.lock.is_ok()
            });
            until("one more to wait", || condition.statistics().waiters == number + 1);
            waiter
        })
        .collect();
    let heard = |count: usize| (0..4).all(|at| (told[at].load(Ordering::Acquire) == 1) == (at < count));
    assert_eq!(condition.notify(1), 1);
    until("the first to hear of it", || told[0].load(Ordering::Acquire) == 1);
    assert!(heard(1), "and nobody else");
    assert_eq!(condition.notify(2), 2);
    until("two more to hear of it", || heard(3));
    assert_eq!(condition.notify_all(), 1);
    assert!(waiters.into_iter().all(Party::was_content));
}

pub fn a_wait_at_a_condition_gives_up_the_lock_and_has_it_again<B: Backend>() {
    let (lock, condition) = (lasting(B::lock()), lasting(B::condition()));
    let _ = lock.acquire(None, &Blocking).unwrap();
    let other = B::beside(|| {
        // Got only because the waiter has given it up, and told while it is held.
        let _ = lock.acquire(None, &Blocking).unwrap();
        let told = condition.notify(1) == 1;
        lock.release().is_ok() && told
    });
    let regained = condition.wait(lock, None, &Blocking).unwrap();
    assert!(regained.waited.is_ok() && regained.lock.is_ok() && lock.is_held());
    assert!(other.was_content());
    let regained = condition.wait(lock, at_once(), &Blocking).unwrap();
    assert_eq!(regained.waited, Err(WaitError::TimedOut));
    assert!(regained.lock.is_ok() && lock.is_held(), "also when it was not notified");
    assert_eq!(condition.statistics().waiters, 0);
    lock.release().unwrap();
}

pub fn a_wait_gives_up_a_re_entrant_lock_altogether<B: Backend>() {
    let (lock, condition) = (lasting(B::rlock()), lasting(B::condition()));
    for _ in 0..3 {
        let _ = lock.acquire(None, &Blocking).unwrap();
    }
    let other = B::beside(|| {
        let _ = lock.acquire(None, &Blocking).unwrap();
        condition.notify(1);
        lock.release().is_ok()
    });
    let regained = condition.wait(lock, None, &Blocking).unwrap();
    assert!(regained.waited.is_ok() && regained.lock.is_ok());
    assert_eq!(lock.depth(), 3);
    assert!(other.was_content());
    (0..3).for_each(|_| lock.release().unwrap());
}

pub fn a_notification_that_nobody_waits_for_is_gone<B: Backend>() {
    let (lock, condition) = (lasting(B::lock()), lasting(B::condition()));
    assert_eq!((condition.notify(1), condition.notify_all()), (0, 0));
    let _ = lock.acquire(None, &Blocking).unwrap();
    let regained = condition.wait(lock, at_once(), &Blocking).unwrap();
    assert_eq!(regained.waited, Err(WaitError::TimedOut));
    lock.release().unwrap();
}

pub fn a_barrier_holds_all_until_the_last_who_acts<B: Backend>() {
    const PARTIES: u32 = 4;
    const ROUNDS: u64 = 25;
    let (barrier, numbers) = (lasting(B::barrier(PARTIES)), numbers());
    let party = move || {
        (0..ROUNDS).all(|round| {
            let before = numbers[0].load(Ordering::Acquire) <= round;
            let place = barrier.wait(None, &Blocking, || {
                numbers[0].fetch_add(1, Ordering::AcqRel);
                true
            });
            // The action is over before anybody goes on, and everybody came at another place.
            numbers[1].fetch_add(1 << (16 * place.as_ref().unwrap_or(&0)), Ordering::AcqRel);
            place.is_ok() && before && numbers[0].load(Ordering::Acquire) > round
        })
    };
    let parties: Vec<_> = (1..PARTIES).map(|_| B::beside(party)).collect();
    assert!(party());
    assert!(parties.into_iter().all(Party::was_content));
    assert_eq!(numbers[0].load(Ordering::Acquire), ROUNDS);
    assert_eq!(numbers[1].load(Ordering::Acquire), ROUNDS * 0x0001_0001_0001_0001);
}

pub fn a_barrier_is_broken_by_impatience_and_whole_after_a_reset<B: Backend>() {
    let barrier = lasting(B::barrier(3));
    let patient = B::beside(|| barrier.wait(None, &Blocking, || true) == Err(BarrierError::Broken));
    until("the patient one to wait", || barrier.statistics().waiters == 1);
    let late = barrier.wait(at_once(), &Blocking, || true);
    assert_eq!(late, Err(BarrierError::Wait(WaitError::TimedOut)));
    assert!(patient.was_content());
    assert!(barrier.statistics().broken);
    assert!(B::beside(|| barrier.wait(None, &Blocking, || true) == Err(BarrierError::Broken)).was_content());
    barrier.reset();
    assert!(!barrier.statistics().broken);
    let parties = [(); 2].map(|()| B::beside(|| barrier.wait(None, &Blocking, || true).is_ok()));
    assert!(barrier.wait(None, &Blocking, || true).is_ok());
    assert!(parties.into_iter().all(Party::was_content));
}

pub fn an_aborted_barrier_fails_for_all<B: Backend>() {
    let barrier = lasting(B::barrier(3));
    let parties =
        [(); 2].map(|()| B::beside(|| barrier.wait(None, &Blocking, || true) == Err(BarrierError::Broken)));
    until("both to wait", || barrier.statistics().waiters == 2);
    barrier.abort();
    assert!(parties.into_iter().all(Party::was_content));
    assert!(barrier.statistics().broken);
}

pub fn a_failed_action_breaks_the_barrier<B: Backend>() {
    let barrier = lasting(B::barrier(2));
    let patient = B::beside(|| barrier.wait(None, &Blocking, || true) == Err(BarrierError::Broken));
    until("the patient one to wait", || barrier.statistics().waiters == 1);
    assert_eq!(barrier.wait(None, &Blocking, || false), Err(BarrierError::Broken));
    assert!(patient.was_content());
    assert!(barrier.statistics().broken);
}
