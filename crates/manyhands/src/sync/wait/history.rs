//! How many yields a wait is worth before it sleeps, learned from the last waits on the same thing.
//!
//! A yield sees a wait through when the other side runs on another core and is quick. Where it does not, the yields are
//! given up after a few misses, and tried again now and then.

use crate::platform::atomic::{AtomicU32, Ordering};

/// The most yields one wait spends before it sleeps.
///
/// Measured: with two cores, a ping-pong between processes takes 0.8 us with 40 yields and 88 us
/// with none, since waking an idle core is what costs.
const MOST_YIELDS: u32 = 40;

/// How the last waits on something went, and so how many yields the next one is worth.
///
/// Zeroed memory is a fresh history. Racing updates lose one another, which costs nothing but a
/// slightly different number of yields.
///
/// | bits | meaning |
/// |---|---|
/// | 0..=15 | misses: 0 = the yields always sufficed (or fresh), 256 = never |
/// | 16..=31 | waits since the last full trial |
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct History(AtomicU32);

impl History {
    const ALWAYS_MISSED: u32 = 256;
    const WAITS_BETWEEN_TRIALS: u32 = 32;

    /// A fresh history: the first wait yields as often as allowed.
    #[cfg(not(manyhands_model))]
    pub const fn new() -> Self {
        History(AtomicU32::new(0))
    }

    /// A fresh history.
    #[cfg(manyhands_model)]
    pub fn new() -> Self {
        History(AtomicU32::new(0))
    }

    pub(super) fn budget(&self) -> u32 {
        if cfg!(manyhands_model) {
            return 0; // a yield is only one more look, which the model has anyway
        }
        let seen = self.0.load(Ordering::Relaxed);
        let (misses, since_trial) = (seen & 0xffff, seen >> 16);
        if since_trial >= Self::WAITS_BETWEEN_TRIALS {
            self.0.store(misses, Ordering::Relaxed);
            return MOST_YIELDS;
        }
        let budget = MOST_YIELDS * (Self::ALWAYS_MISSED - misses) / Self::ALWAYS_MISSED;
        if budget < MOST_YIELDS {
            self.0.store(misses | (since_trial + 1) << 16, Ordering::Relaxed);
        }
        budget
    }

    /// Forgets misses fast and learns them slower: a wait too long asleep costs more than 40 yields.
    pub(super) fn record(&self, sufficed: bool) {
        let seen = self.0.load(Ordering::Relaxed);
        let (misses, since_trial) = (seen & 0xffff, seen & !0xffff);
        let misses = if sufficed { misses / 2 } else { misses + (Self::ALWAYS_MISSED - misses).div_ceil(4) };
        self.0.store(misses | since_trial, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use super::*;

    #[test]
    fn yields_are_given_up_after_misses_and_tried_again() {
        let history = History::new();
        assert_eq!(history.budget(), MOST_YIELDS);
        let mut waits = 0;
        while history.budget() > 0 {
            history.record(false);
            waits += 1;
            assert!(waits < 200, "the yields were never given up");
        }
        let trials = (0..100).filter(|_| history.budget() == MOST_YIELDS).count();
        assert!((2..=4).contains(&trials), "{trials} trials in 100 waits");
        for _ in 0..10 {
            history.record(true);
        }
        assert_eq!(history.budget(), MOST_YIELDS);
    }
}
