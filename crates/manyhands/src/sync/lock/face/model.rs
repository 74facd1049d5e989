//! Locks and the wait graph under every schedule: a deadlock is found by exactly one of its threads, nothing else is
//! taken for one, and no thread follows a question to a lock that is gone.

use crate::platform::model::{check, spawn};
use loom::cell::UnsafeCell;

use super::*;
use crate::platform::atomic::AtomicU32;
use crate::platform::futex::Scope;
use crate::sync::lock::word::GUARDED;
use crate::sync::wait::park::{Blocking, Wait};
use crate::sync::wait_graph::{Ask, Detector, OpenQuestion, Walk};

/// Stands in a lock's face: loom fails the model when it is read while, or after, the lock is unmade.
#[derive(Debug)]
pub(in crate::sync) struct Alive(UnsafeCell<bool>);

// SAFETY: loom checks each access, which is what this is for.
unsafe impl Sync for Alive {}

impl Default for Alive {
    fn default() -> Self {
        Alive(UnsafeCell::new(true))
    }
}

impl Alive {
    pub(in crate::sync) fn look(&self) {
        // SAFETY: loom checks that nobody unmakes the lock meanwhile.
        self.0.with(|alive| assert!(unsafe { *alive }, "a lock that is gone was looked at"));
    }

    fn unmake(&self) {
        // SAFETY: loom checks that nobody looks meanwhile.
        self.0.with_mut(|alive| unsafe { *alive = false });
    }
}

#[derive(Default)]
struct Place {
    locks: [LockFace; 2],
    notes: [OpenQuestion; 2],
    detector: Detector,
    failed: AtomicU32,
}

impl Place {
    fn walk<'n>(&'n self) -> Walk<impl Fn(u32) -> Option<&'n OpenQuestion>> {
        Walk { find: |number: u32| self.notes.get(number as usize - 1) }
    }

    /// As a private lock does it: false when it was a deadlock.
    fn lock(&self, me: u32, lock: usize) -> bool {
        let face = &self.locks[lock];
        if face.word.try_acquire(me | GUARDED).is_some() {
            return true;
        }
        let note = &self.notes[me as usize - 1];
        note.open(Ask::of(face), 0);
        let walk = self.walk();
        if let Some(edges) = walk.cycle(me) {
            let fails = self.detector.in_turn(1, || {
                let stands = walk.stands(&edges);
                if stands {
                    note.close();
                }
                stands
            });
            if fails {
                return false;
            }
        }
        face.word.acquire_slowly(me | GUARDED, &Wait::private(None, &Blocking)).unwrap();
        note.close();
        true
    }

    fn unlock(&self, me: u32, lock: usize) {
        assert!(self.locks[lock].word.release_mine(me | GUARDED, Scope::Private));
    }

    /// Takes both locks; gives up the first when the second would be a deadlock.
    fn cross(&self, me: u32, first: usize, second: usize) {
        assert!(self.lock(me, first), "who holds nothing is in no deadlock");
        if self.lock(me, second) {
            self.unlock(me, second);
        } else {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.unlock(me, first);
    }
}

#[test]
fn model_graph_one_of_two_gives_way() {
    check(2, Place::default, |place| {
        let other = spawn(place, |place| place.cross(1, 0, 1));
        place.cross(2, 1, 0);
        other.join().unwrap();
        assert!(place.failed.load(Ordering::Relaxed) <= 1, "both gave way");
    });
}

/// One lets go of what the other wants, and only then wants what the other has.
#[test]
fn model_graph_what_is_let_go_is_no_deadlock() {
    check(3, Place::default, |place| {
        let other = spawn(place, |place| place.cross(1, 0, 1));
        assert!(place.lock(2, 1));
        place.unlock(2, 1);
        assert!(place.lock(2, 0));
        place.unlock(2, 0);
        other.join().unwrap();
        assert_eq!(place.failed.load(Ordering::Relaxed), 0, "a deadlock that was none");
    });
}

#[test]
fn model_graph_nobody_follows_to_a_lock_that_is_gone() {
    check(3, Place::default, |place| {
        let follower = spawn(place, |place| {
            place.notes[0].look();
        });
        let face = &place.locks[0];
        place.notes[0].open(Ask::of(face), 0);
        place.notes[0].close();
        face.alive.unmake();
        follower.join().unwrap();
    });
}
