//! What is refused: an error or a panic that says of what, and nothing has changed.

use std::panic::catch_unwind;

use manyhands::sync::{Blocking, RawBarrier, ReleaseError, Yields};

use super::{Backend, at_once, lasting};

pub fn what_is_not_held_is_not_released<B: Backend>() {
    let (lock, rlock) = (B::lock(), B::rlock());
    assert_eq!((lock.release(), rlock.release()), (Err(ReleaseError::NotHeld), Err(ReleaseError::NotHeld)));
    assert!(ReleaseError::NotHeld.to_string().starts_with("this lock is not held: "));
    assert!(!lock.is_held() && rlock.depth() == 0);
    assert!(lock.try_acquire().unwrap().is_some() && rlock.try_acquire().unwrap().is_some());
}

pub fn what_another_holds_is_not_released<B: Backend>() {
    let rlock = lasting(B::rlock());
    let _ = rlock.acquire(None, &Blocking).unwrap();
    assert!(B::beside(|| rlock.release() == Err(ReleaseError::NotMine)).was_content());
    assert!(B::beside(|| rlock.give_up() == Err(ReleaseError::NotMine)).was_content());
    assert!(
        ReleaseError::NotMine.to_string().starts_with("this re-entrant lock is held by another thread: ")
    );
    assert_eq!(rlock.depth(), 1);
    rlock.release().unwrap();
}

pub fn a_condition_without_its_lock_is_not_waited_at<B: Backend>() {
    let (lock, rlock, condition) = (B::lock(), lasting(B::rlock()), lasting(B::condition()));
    assert_eq!(condition.wait(&lock, at_once(), &Blocking).map(drop), Err(ReleaseError::NotHeld));
    assert_eq!(condition.wait(rlock, at_once(), &Blocking).map(drop), Err(ReleaseError::NotHeld));
    let _ = rlock.acquire(None, &Blocking).unwrap();
    let others = || condition.wait(rlock, at_once(), &Blocking).map(drop) == Err(ReleaseError::NotMine);
    assert!(B::beside(others).was_content());
    assert_eq!((condition.statistics().waiters, condition.notify(1), rlock.depth()), (0, 0, 1));
    assert!(!lock.is_held());
}

pub fn a_barrier_needs_parties<B: Backend>() {
    let said = |parties: u32| {
        let panic = catch_unwind(|| drop(B::barrier(parties))).expect_err("it was made");
        panic.downcast_ref::<&str>().map(|said| (*said).to_owned()).or(panic.downcast_ref().cloned()).unwrap()
    };
    assert!(said(0).starts_with("a barrier for no parties at all"), "{}", said(0));
    assert!(said(RawBarrier::MOST_PARTIES + 1).starts_with("a barrier has 65535 parties at most"));
}

pub fn a_semaphore_beyond_its_maximum_changes_nothing<B: Backend>() {
    let semaphore = B::semaphore(3, 5);
    let error = semaphore.release(3).unwrap_err();
    assert_eq!(error.maximum, 5);
    assert!(error.to_string().starts_with("this semaphore would have more permits than its maximum of 5"));
    assert_eq!(semaphore.value(), 3);
    assert!(semaphore.release(u32::MAX).is_err());
    assert_eq!(semaphore.value(), 3);
    semaphore.release(2).unwrap();
    assert_eq!(semaphore.value(), 5);
}
