//! Barriers under every schedule: no thread goes on before all have arrived, all of a round see the same outcome, and
//! none is left asleep. This holds also when one stops for ever at a store and a sweeper breaks its round.

use crate::platform::model::{check, spawn};
use loom::thread;

use super::*;
use crate::platform::atomic::AtomicU32;
use crate::sync::wait::mortal::model::dies_after;
use crate::sync::wait::park::Blocking;

#[derive(Default)]
struct Place {
    word: BarrierWord,
    arrived: AtomicU32,
    acted: AtomicU32,
    noted: AtomicU32,
}

impl Place {
    fn pass(&self, parties: u32) -> Result<u32, Failure> {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        self.word.wait(
            parties,
            &Wait::private(None, &Blocking),
            |round| self.noted.store(round + 1, Ordering::Release),
            || {
                self.acted.fetch_add(1, Ordering::Relaxed);
                true
            },
        )
    }
}

#[test]
fn model_barrier_all_arrive_and_one_acts() {
    check(2, Place::default, |place| {
        let others = [(); 2].map(|()| {
            spawn(place, |place| {
                let index = place.pass(3).unwrap();
                assert_eq!(place.arrived.load(Ordering::Relaxed), 3);
                assert_eq!(place.acted.load(Ordering::Relaxed), 1);
                index
            })
        });
        let mut indices = vec![place.pass(3).unwrap()];
        indices.extend(others.map(|other| other.join().unwrap()));
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2]);
    });
}

#[test]
fn model_barrier_two_rounds() {
    check(2, Place::default, |place| {
        let other = spawn(place, |place| [place.pass(2).unwrap(), place.pass(2).unwrap()]);
        let mine = [place.pass(2).unwrap(), place.pass(2).unwrap()];
        let others = other.join().unwrap();
        assert_eq!([mine[0] + others[0], mine[1] + others[1]], [1, 1]);
        assert_eq!(place.acted.load(Ordering::Relaxed), 2);
    });
}

/// Both parties of a round learn the same of it, whatever a reset cut into.
#[test]
fn model_barrier_reset_fails_a_round_for_all_or_for_none() {
    check(2, Place::default, |place| {
        let parties = [(); 2].map(|()| spawn(place, |place| place.pass(2)));
        place.word.reset(Scope::Private);
        // A thread that arrived after the reset waits alone: it is let out.
        while place.arrived.load(Ordering::Relaxed) < 2 {
            thread::yield_now();
        }
        place.word.abort(Scope::Private);
        let results = parties.map(|party| party.join().unwrap().is_ok());
        assert_eq!(results[0], results[1]);
    });
}

#[test]
fn model_barrier_dead_party_breaks_its_round() {
    for points in 0..6 {
        check(3, Place::default, move |place| {
            let mortal = spawn(place, move |place| {
                if dies_after(points, || place.pass(2)).is_some() {
                    return true;
                }
                // As the sweep does: what it had noted before it died.
                let noted = place.noted.load(Ordering::Acquire);
                if noted != 0 {
                    place.word.abort_round(noted - 1, Scope::Private);
                }
                place.word.recover(Scope::Private);
                false
            });
            let result = place.pass(2);
            let lived = mortal.join().unwrap();
            assert!(result.is_ok() || !lived, "nobody died and the round was broken");
        });
    }
}
