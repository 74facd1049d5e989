//! The records of a tally: one for each process that has something, and what killed ones left.
//!
//! Owner and count stand in one word, so a kill leaves no count without its owner. The sweep turns a dead process's
//! record into one of what is lost, in one step. No published algorithm: a compare-and-swap on each record.

use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::wait::mortal::may_die;

/// In the place of the owner: what a killed process had.
const LOST: u32 = u32::MAX;

/// The records of one tally, wherever they stand.
///
/// | bits | meaning |
/// |---|---|
/// | 0..=31 | how much |
/// | 32..=63 | whose; 0 = free, all ones = a killed process's |
#[derive(Clone, Copy)]
pub(super) struct Records<'a>(pub(super) &'a [AtomicU64]);

fn word_of(owner: u32, count: u32) -> u64 {
    u64::from(owner) << 32 | u64::from(count)
}

fn owner_of(word: u64) -> u32 {
    (word >> 32) as u32
}

fn count_of(word: u64) -> u32 {
    word as u32
}

impl Records<'_> {
    /// One more for `owner`, whose record `hint` may know. False when there is no room for another owner.
    pub(super) fn add(&self, owner: u32, hint: &AtomicU32) -> bool {
        loop {
            let mine = self.record_of(owner, hint);
            let Some((record, seen)) = mine.or_else(|| self.first(|word| word == 0)) else { return false };
            if step(record, seen, word_of(owner, count_of(seen).saturating_add(1))) {
                return true;
            }
        }
    }

    /// One less: of what `owner` has, or else of what is lost, or else of what any other has. False when there is
    /// nothing.
    pub(super) fn subtract(&self, owner: u32, hint: &AtomicU32) -> bool {
        loop {
            let mine = self.record_of(owner, hint).filter(|(_, seen)| count_of(*seen) > 0);
            let lost = || self.first(|word| owner_of(word) == LOST);
            let any = || self.first(|word| count_of(word) > 0);
            let Some((record, seen)) = mine.or_else(lost).or_else(any) else { return false };
            // A record stays its owner's, who comes again; what is lost goes.
            let next = if owner_of(seen) == LOST && count_of(seen) == 1 { 0 } else { seen - 1 };
            if step(record, seen, next) {
                return true;
            }
        }
    }

    /// How much killed processes had.
    pub(super) fn lost(&self) -> u32 {
        let words = self.0.iter().map(|record| record.load(Ordering::Acquire));
        words.filter(|word| owner_of(*word) == LOST).map(count_of).fold(0, u32::saturating_add)
    }

    /// Whether `owner` has something.
    pub(super) fn has(&self, owner: u32) -> bool {
        self.0.iter().any(|record| {
            let word = record.load(Ordering::Acquire);
            owner_of(word) == owner && count_of(word) > 0
        })
    }

    /// After the end of `owner`: what it had is lost, or nobody's if it is not to be kept. May be stopped anywhere,
    /// repeated, and run by several at once.
    pub(super) fn sweep(&self, owner: u32, keep: bool) {
        for record in self.0 {
            let mut seen = record.load(Ordering::Acquire);
            while owner_of(seen) == owner {
                let kept = if keep { count_of(seen) } else { 0 };
                let next = if kept == 0 { 0 } else { word_of(LOST, kept) };
                if step(record, seen, next) {
                    break;
                }
                seen = record.load(Ordering::Acquire);
            }
        }
    }

    /// The record of `owner`, and what it says.
    fn record_of(&self, owner: u32, hint: &AtomicU32) -> Option<(&AtomicU64, u64)> {
        let at_hint = self.0.get(hint.load(Ordering::Relaxed) as usize);
        let known = at_hint.map(|record| (record, record.load(Ordering::Acquire)));
        if let Some((record, word)) = known.filter(|(_, word)| owner_of(*word) == owner) {
            return Some((record, word));
        }
        let words = self.0.iter().map(|record| (record, record.load(Ordering::Acquire)));
        let (index, found) = words.enumerate().find(|(_, (_, word))| owner_of(*word) == owner)?;
        hint.store(index as u32, Ordering::Relaxed);
        Some(found)
    }

    fn first(&self, is_wanted: impl Fn(u64) -> bool) -> Option<(&AtomicU64, u64)> {
        let words = self.0.iter().map(|record| (record, record.load(Ordering::Acquire)));
        words.into_iter().find(|(_, word)| is_wanted(*word))
    }
}

fn step(record: &AtomicU64, seen: u64, next: u64) -> bool {
    let stepped = record.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
    if stepped {
        may_die();
    }
    stepped
}

#[cfg(all(test, manyhands_model))]
mod model {
    //! Nothing is counted twice or forgotten, wherever a process is killed.

    use super::*;
    use crate::platform::model::{check, spawn};
    use crate::sync::wait::mortal::model::dies_after;

    const DEAD: u32 = 5;

    #[derive(Default)]
    struct Place {
        records: [AtomicU64; 2],
        hints: [AtomicU32; 2],
    }

    impl Place {
        fn records(&self) -> Records<'_> {
            Records(&self.records)
        }
    }

    /// The mortal adds two and subtracts one, and stops at one of its steps. Two sweep after it, one of which stops.
    #[test]
    fn model_tally_what_the_dead_had_is_lost_once() {
        for points in 0..4 {
            check(2, Place::default, move |place| {
                let mortal = spawn(place, move |place| {
                    dies_after(points, || {
                        assert!(place.records().add(DEAD, &place.hints[0]));
                        assert!(place.records().add(DEAD, &place.hints[0]));
                        assert!(place.records().subtract(DEAD, &place.hints[0]));
                    });
                });
                assert!(place.records().add(6, &place.hints[1]));
                mortal.join().unwrap();
                let sweeper = spawn(place, |place| {
                    dies_after(0, || place.records().sweep(DEAD, true));
                });
                place.records().sweep(DEAD, true);
                sweeper.join().unwrap();
                // A step that it was killed after has been made.
                assert_eq!(place.records().lost(), [1, 2, 1, 1][points as usize]);
                assert!(place.records().has(6) && !place.records().has(DEAD));
            });
        }
    }

    /// Two threads of one process add at once, and another process reports for it.
    #[test]
    fn model_tally_threads_count_together() {
        check(2, Place::default, |place| {
            let threads = [0, 1].map(|number| {
                spawn(place, move |place| assert!(place.records().add(7, &place.hints[number])))
            });
            let reported = u32::from(place.records().subtract(8, &place.hints[0]));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            place.records().sweep(7, true);
            assert_eq!(place.records().lost(), 2 - reported);
            assert!((0..2 - reported).all(|_| place.records().subtract(8, &place.hints[0])));
            assert!(!place.records().subtract(8, &place.hints[0]));
        });
    }
}
