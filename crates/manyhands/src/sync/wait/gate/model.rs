//! The gate under every schedule: no wake-up is lost, also when a participant stops for ever at any of its stores and
//! another recovers, or begins to and stops as well.

use crate::platform::model::{check, spawn};

use super::*;
use crate::sync::wait::mortal::model::dies_after;
use crate::sync::wait::park::Blocking;

/// Things to be waited for, and the gate to wait at.
#[derive(Default)]
struct Place {
    things: AtomicU32,
    gate: Gate,
}

impl Place {
    fn put(&self) {
        self.things.fetch_add(1, Ordering::Release);
    }

    fn take(&self) -> Option<()> {
        let mut seen = self.things.load(Ordering::Acquire);
        while seen != 0 {
            match self.things.compare_exchange(seen, seen - 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(()),
                Err(now) => seen = now,
            }
        }
        None
    }

    fn wait(&self) {
        let wait = Wait::private(None, &Blocking);
        self.gate
            .wait_until(&wait, || self.take(), || self.things.load(Ordering::Acquire) != 0)
            .expect("a wait without a deadline, never interrupted");
    }
}

#[test]
fn model_gate_one_waiter_is_woken() {
    check(3, Place::default, |place| {
        let waiter = spawn(place, |place| place.wait());
        place.put();
        place.gate.notify_one(Scope::Private);
        waiter.join().unwrap();
    });
}

#[test]
fn model_gate_second_waiter_gets_the_baton() {
    check(3, Place::default, |place| {
        let waiters = [(); 2].map(|()| spawn(place, |place| place.wait()));
        for _ in 0..2 {
            place.put();
            place.gate.notify_one(Scope::Private);
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn model_gate_notify_all_after_notify_one_reaches_everybody() {
    check(2, Place::default, |place| {
        let waiters = [(); 2].map(|()| {
            spawn(place, |place| {
                let wait = Wait::private(None, &Blocking);
                let complete = || place.things.load(Ordering::Acquire) == 2;
                place.gate.wait_until(&wait, || complete().then_some(()), complete).unwrap();
            })
        });
        place.put();
        place.gate.notify_one(Scope::Private);
        place.put();
        place.gate.notify_all(Scope::Private);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

/// The notifier published and then stopped for ever, before or after its swap.
#[test]
fn model_gate_dead_notifier_is_recovered() {
    for points in 0..2 {
        for sweeper_points in 0..2 {
            check(3, Place::default, move |place| {
                let waiter = spawn(place, |place| place.wait());
                place.put();
                dies_after(points, || place.gate.notify_one(Scope::Private));
                dies_after(sweeper_points, || place.gate.recover(Scope::Private));
                place.gate.recover(Scope::Private);
                waiter.join().unwrap();
            });
        }
    }
}

/// A waiter stops for ever, perhaps just woken and not yet having passed the baton.
#[test]
fn model_gate_dead_waiter_is_recovered() {
    for points in 0..5 {
        check(3, Place::default, move |place| {
            let mortal = spawn(place, move |place| {
                if dies_after(points, || place.wait()).is_none() {
                    place.gate.recover(Scope::Private);
                }
            });
            let survivor = spawn(place, |place| place.wait());
            for _ in 0..2 {
                place.put();
                place.gate.notify_one(Scope::Private);
            }
            survivor.join().unwrap();
            mortal.join().unwrap();
        });
    }
}

/// Two places, at both of which a thread may look for things that it does not take.
#[derive(Default)]
struct Two {
    places: [Place; 2],
}

impl Two {
    fn has(&self, number: usize) -> bool {
        self.places[number].things.load(Ordering::Acquire) != 0
    }

    /// Waits until there is something at either, and says where.
    fn look(&self) -> usize {
        let gates = [0, 1].map(|number| (&self.places[number].gate, Scope::Private));
        let wait = Wait::private(None, &Blocking);
        let ready = || (0..2).find(|number| self.has(*number));
        wait_at_any(&gates, &wait, ready, ready, |number| self.has(number)).expect("nothing ends the wait")
    }
}

#[test]
fn model_gate_a_look_at_two_is_woken_by_either() {
    for number in 0..2 {
        check(3, Two::default, move |two| {
            let looker = spawn(two, |two| two.look());
            two.places[number].put();
            two.places[number].gate.notify_one(Scope::Private);
            assert_eq!(looker.join().unwrap(), number);
        });
    }
}

/// Whichever of the two the one wake-up goes to, the taker gets the thing.
#[test]
fn model_gate_a_look_keeps_no_wake_up_from_a_taker() {
    check(2, Two::default, |two| {
        let looker = spawn(two, |two| two.look());
        let taker = spawn(two, |two| two.places[0].wait());
        two.places[0].put();
        two.places[0].gate.notify_one(Scope::Private);
        taker.join().unwrap();
        two.places[1].put();
        two.places[1].gate.notify_one(Scope::Private);
        looker.join().unwrap();
    });
}

/// A looker stops for ever, perhaps just woken.
#[test]
fn model_gate_a_dead_looker_is_recovered() {
    for points in 0..4 {
        check(2, Two::default, move |two| {
            let mortal = spawn(two, move |two| {
                if dies_after(points, || two.look()).is_none() {
                    two.places[0].gate.recover(Scope::Private);
                }
            });
            let taker = spawn(two, |two| two.places[0].wait());
            two.places[0].put();
            two.places[0].gate.notify_one(Scope::Private);
            taker.join().unwrap();
            two.places[1].put();
            two.places[1].gate.notify_one(Scope::Private);
            mortal.join().unwrap();
        });
    }
}
