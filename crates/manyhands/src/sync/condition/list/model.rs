//! The list of waiters under every schedule, with the lock that goes with it. No notification is lost, none reaches one
//! waiter more, and none is taken by a later one; also when a waiter, a notifier or a sweeper stops for ever at a
//! store.

use crate::platform::model::{check, spawn};
use loom::thread;

use super::*;
use crate::sync::lock::word::{LockWord, Taken};
use crate::sync::wait::mortal::model::dies_after;
use crate::sync::wait::park::Blocking;

#[derive(Default)]
struct Two([Record; 2]);

impl Records for Two {
    fn records(&self) -> impl Iterator<Item = &Record> {
        self.0.iter()
    }

    fn grow(&self) -> bool {
        false
    }
}

/// A condition with its lock, and what is waited for.
#[derive(Default)]
struct Place {
    lock: LockWord,
    head: Head,
    records: Two,
    things: AtomicU32,
    returned: AtomicU32,
    /// A bit for each waiter that had its lock again.
    regained: AtomicU32,
}

impl Place {
    fn list(&self) -> WaitingList<'_, Two> {
        WaitingList { head: &self.head, records: &self.records, scope: Scope::Private }
    }

    fn lock(&self, me: u32) {
        if self.lock.try_acquire(me).is_none() {
            self.lock.acquire_slowly(me, &Wait::private(None, &Blocking)).unwrap();
        }
    }

    fn unlock(&self, me: u32) {
        assert!(self.lock.release_mine(me, Scope::Private));
    }

    /// Waits once, the lock being held before and after.
    fn wait(&self, me: u32) {
        let record = self.list().enter(me).expect("there are two records");
        self.unlock(me);
        self.list().wait(record, &Wait::private(None, &Blocking)).unwrap();
        self.lock(me);
        self.regained.fetch_or(1 << me, Ordering::Relaxed);
        self.list().leave(record);
    }

    /// Takes a thing as soon as there is one.
    fn take(&self, me: u32) {
        self.lock(me);
        while self.things.load(Ordering::Relaxed) == 0 {
            self.wait(me);
        }
        self.things.fetch_sub(1, Ordering::Relaxed);
        self.unlock(me);
    }

    fn put(&self, me: u32) {
        self.lock(me);
        self.things.fetch_add(1, Ordering::Relaxed);
        self.unlock(me);
        self.list().notify(1);
    }

    fn sweep(&self, dead: u32) {
        self.lock.mark_dead(Scope::Private, |owner, _| owner == dead, |_| ());
        self.list().recover(|owner| owner == dead);
    }
}

#[test]
fn model_condition_one_waiter_gets_what_is_put() {
    check(3, Place::default, |place| {
        let taker = spawn(place, |place| place.take(1));
        place.put(2);
        taker.join().unwrap();
        assert_eq!(place.list().waiters(), 0);
    });
}

#[test]
fn model_condition_two_waiters_get_two() {
    check(2, Place::default, |place| {
        let takers = [1, 2].map(|me| spawn(place, move |place| place.take(me)));
        place.put(3);
        place.put(3);
        takers.into_iter().for_each(|taker| taker.join().unwrap());
    });
}

/// One of two waiters is notified once, and the other does not return before it is notified, too.
#[test]
fn model_condition_notify_tells_no_more_than_asked() {
    check(2, Place::default, |place| {
        let waiters = [1, 2].map(|me| {
            spawn(place, move |place| {
                place.lock(me);
                place.wait(me);
                place.returned.fetch_add(1, Ordering::Relaxed);
                place.unlock(me);
            })
        });
        let mut told = 0;
        while told < 1 {
            place.lock(3);
            told += place.list().notify(1);
            place.unlock(3);
            thread::yield_now();
        }
        assert!(place.returned.load(Ordering::Relaxed) <= 1, "one was told and two returned");
        while told < 2 {
            place.lock(3);
            told += place.list().notify(u32::MAX);
            place.unlock(3);
            thread::yield_now();
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

/// A waiter stops for ever, perhaps notified and not yet gone on; the other must get what was put.
#[test]
fn model_condition_dead_waiter_eats_nothing() {
    for points in 0..10 {
        for sweeper_points in 0..2 {
            check(2, Place::default, move |place| {
                let mortal = spawn(place, move |place| {
                    let lived = dies_after(points, || {
                        place.lock(1);
                        place.wait(1);
                        place.unlock(1);
                    });
                    if lived.is_none() {
                        dies_after(sweeper_points, || place.sweep(1));
                        place.sweep(1);
                    }
                    // It took nothing: the thread that has the lock again passes the notification on, as a correct
                    // program does; so does the heir of a lock whose holder died.
                    if place.regained.load(Ordering::Relaxed) & 1 << 1 != 0 {
                        place.list().notify(1);
                    }
                    place.returned.fetch_add(1, Ordering::Release);
                });
                let survivor = spawn(place, |place| place.take(2));
                place.put(3);
                survivor.join().unwrap();
                // If nobody was left to notify it, the mortal one waits still.
                while place.returned.load(Ordering::Acquire) == 0 {
                    place.list().notify(u32::MAX);
                    thread::yield_now();
                }
                mortal.join().unwrap();
            });
        }
    }
}

/// A notifier stops for ever after it has marked a record and before it wakes the waiter.
#[test]
fn model_condition_dead_notifier_is_made_up_for() {
    check(3, Place::default, |place| {
        let taker = spawn(place, |place| place.take(1));
        place.lock(2);
        place.things.fetch_add(1, Ordering::Relaxed);
        place.unlock(2);
        if dies_after(0, || place.list().notify(1)).is_none() {
            place.sweep(2);
        }
        taker.join().unwrap();
    });
}

#[test]
fn model_condition_a_thread_that_takes_the_lock_of_a_dead_one_learns_of_it() {
    check(2, Place::default, |place| {
        dies_after(0, || place.lock(1));
        place.sweep(1);
        assert_eq!(place.lock.try_acquire(2), Some(Taken::FromDead(1)));
    });
}
