//! The lock word under every schedule: one holder at a time and no lost wake-up. This holds also when a holder or
//! waiter stops for ever at any of its stores and a sweeper recovers, or stops midway as well.

use crate::platform::model::{check, spawn};
use loom::cell::UnsafeCell;

use super::*;
use crate::sync::wait::mortal::model::dies_after;
use crate::sync::wait::park::Blocking;

/// A lock and what it guards; loom fails the model when two are in at once.
struct Guarded {
    lock: LockWord,
    record: AtomicU32,
    value: UnsafeCell<u32>,
}

impl Guarded {
    fn new() -> Self {
        Guarded { lock: LockWord::new(), record: AtomicU32::new(0), value: UnsafeCell::new(0) }
    }

    fn acquire(&self, me: u32) -> Taken {
        match self.lock.try_acquire(me) {
            Some(taken) => taken,
            None => self.lock.acquire_slowly(me, &Wait::private(None, &Blocking)).unwrap(),
        }
    }

    fn pass_through(&self, me: u32) -> Taken {
        let taken = self.acquire(me);
        if let Taken::FromDead(dead) = taken {
            assert_eq!(self.record.load(Ordering::Relaxed), dead, "told of the wrong dead owner");
        }
        // SAFETY: the lock under test is held; loom checks that no other thread is in.
        self.value.with_mut(|value| unsafe { *value += 1 });
        assert!(self.lock.release_mine(me, Scope::Private));
        taken
    }

    fn sweep(&self, dead: u32) {
        self.lock.mark_dead(
            Scope::Private,
            |owner, _| owner == dead,
            |owner| self.record.store(owner, Ordering::Relaxed),
        );
    }
}

#[test]
fn model_lock_two_contenders() {
    check(3, Guarded::new, |guarded| {
        let other = spawn(guarded, |guarded| {
            guarded.pass_through(1);
            guarded.pass_through(1);
        });
        guarded.pass_through(2);
        other.join().unwrap();
        guarded.value.with(|value| {
            // SAFETY: the only other thread has ended.
            assert_eq!(unsafe { *value }, 3);
        });
    });
}

#[test]
fn model_lock_three_contenders() {
    check(3, Guarded::new, |guarded| {
        let others = [1, 2].map(|me| spawn(guarded, move |guarded| guarded.pass_through(me)));
        guarded.pass_through(3);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(guarded.lock.seen().owner, 0);
    });
}

#[test]
fn model_lock_released_by_somebody_else() {
    check(3, Guarded::new, |guarded| {
        assert_eq!(guarded.acquire(1), Taken::Free);
        let waiter = spawn(guarded, |guarded| guarded.pass_through(2));
        assert_eq!(guarded.lock.release_any(3, Scope::Private), Some(1));
        waiter.join().unwrap();
        assert_eq!(guarded.lock.release_any(3, Scope::Private), None);
    });
}

/// A participant stops for ever at its n-th store; its death is noticed and swept by a sweeper that
/// itself stops at its m-th store; another sweeper finishes. Two others must get through.
#[test]
fn model_lock_dead_participant_is_recovered() {
    for points in 0..7 {
        for sweeper_points in 0..2 {
            check(3, Guarded::new, move |guarded| {
                let mortal = spawn(guarded, move |guarded| {
                    if dies_after(points, || guarded.pass_through(1)).is_none() {
                        dies_after(sweeper_points, || guarded.sweep(1));
                        guarded.sweep(1);
                    }
                });
                let other = spawn(guarded, |guarded| guarded.pass_through(2));
                guarded.pass_through(3);
                other.join().unwrap();
                mortal.join().unwrap();
                assert_eq!(guarded.lock.seen().owner & !1, 0, "somebody alive holds the lock still");
            });
        }
    }
}

/// A process that ends in good order keeps what it took without a guard; what it took through one goes to the next,
/// which learns of it.
#[test]
fn model_lock_held_at_a_clean_end() {
    for guarded_hold in [false, true] {
        check(3, Guarded::new, move |guarded| {
            guarded.acquire(if guarded_hold { 1 | GUARDED } else { 1 });
            let sweeper = spawn(guarded, |guarded| {
                guarded.lock.mark_dead(
                    Scope::Private,
                    |owner, through_guard| owner == 1 && through_guard,
                    |owner| guarded.record.store(owner, Ordering::Relaxed),
                )
            });
            let taken = if guarded_hold { Some(guarded.pass_through(2 | GUARDED)) } else { None };
            assert_eq!(sweeper.join().unwrap(), guarded_hold);
            match taken {
                Some(taken) => assert_eq!(taken, Taken::FromDead(1)),
                None => assert_eq!(guarded.lock.try_acquire(2), None),
            }
        });
    }
}

/// Exactly one thread that takes over from a dead owner learns of the death.
#[test]
fn model_lock_one_heir_is_told() {
    check(3, Guarded::new, |guarded| {
        dies_after(0, || guarded.acquire(1));
        let heirs = [2, 3].map(|me| spawn(guarded, move |guarded| guarded.pass_through(me)));
        guarded.sweep(1);
        let told = heirs.map(|heir| heir.join().unwrap() == Taken::FromDead(1));
        assert!(told[0] ^ told[1], "told: {told:?}");
    });
}
