//! How those wait that perhaps nobody will wake: as on any arena word, and they also look for themselves.
//!
//! Blocked producers are woken only when the queue is half empty, which may never be. A consumer may find the next
//! message being written, by a producer that does not know of it. A look in vain costs one wake of the sleeper; the
//! first comes after a millisecond, later ones every 20.

use crate::platform::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Ticking, Turn, Wait};
use std::time::Duration;

const FIRST: u32 = 1_000;
const LONGEST: u32 = 20_000;

/// The ticks of one wait: the arena's, divided into shorter ones.
pub(super) struct Polling<'a> {
    /// None for a wait in the memory of this process, which has no others.
    arena: Option<&'a dyn Ticking>,
    /// The next sleep in microseconds.
    next: AtomicU32,
    /// Whether it looks for itself at all.
    needed: AtomicBool,
    /// How long it slept since the arena's last tick, in microseconds.
    slept: AtomicU32,
    /// Whether the arena has ticked in this wait.
    is_long: AtomicBool,
}

impl<'a> Polling<'a> {
    /// Divides the ticks of `wait`.
    pub(super) fn new(wait: &Wait<'a>) -> Polling<'a> {
        Polling {
            arena: wait.ticking(),
            next: AtomicU32::new(FIRST),
            needed: AtomicBool::new(true),
            slept: AtomicU32::new(0),
            is_long: AtomicBool::new(false),
        }
    }
}

impl Polling<'_> {
    /// Whether the next sleep is to be a short one.
    pub(super) fn is_needed(&self, needed: bool) {
        self.needed.store(needed, Ordering::Relaxed);
    }

    /// The longest next sleep in microseconds.
    fn next(&self) -> u32 {
        if self.needed.load(Ordering::Relaxed) { self.next.load(Ordering::Relaxed) } else { u32::MAX }
    }
}

impl Ticking for Polling<'_> {
    fn before_sleep(&self, _is_long: bool) -> Turn {
        // Whether one of the arena's periods is over, not one of its own.
        let is_long = self.is_long.load(Ordering::Relaxed);
        let none = Turn { period: Duration::MAX, elected: false, beside: None };
        let turn = self.arena.map_or(none, |arena| arena.before_sleep(is_long));
        let next = Duration::from_micros(self.next().into());
        let slept = Duration::from_micros(self.slept.load(Ordering::Relaxed).into());
        Turn { period: next.min(turn.period.saturating_sub(slept)), ..turn }
    }

    fn after_sleep(&self, turn: Turn, timed_out: bool) {
        let next = self.next();
        // A sleep shorter than was polled for is one that the arena's tick has cut.
        let tick = timed_out && turn.period.as_micros() < u128::from(next);
        if timed_out {
            let slept = self.slept.load(Ordering::Relaxed).saturating_add(turn.period.as_micros() as u32);
            self.slept.store(if tick { 0 } else { slept }, Ordering::Relaxed);
        }
        if self.needed.load(Ordering::Relaxed) {
            self.next.store((next * 2).min(LONGEST), Ordering::Relaxed);
        }
        if tick {
            self.is_long.store(true, Ordering::Relaxed);
        }
        if let Some(arena) = self.arena {
            arena.after_sleep(turn, tick);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Kind;
    use crate::sync::{Blocking, Outside, Subject, wait_for};

    struct Counting(AtomicU32);

    impl Ticking for Counting {
        fn before_sleep(&self, _is_long: bool) -> Turn {
            Turn { period: Duration::from_millis(100), elected: true, beside: None }
        }

        fn after_sleep(&self, _turn: Turn, timed_out: bool) {
            self.0.fetch_add(u32::from(timed_out), Ordering::Relaxed);
        }
    }

    #[test]
    fn looks_come_ever_less_often_and_the_arena_still_ticks() {
        let counting = Counting(AtomicU32::new(0));
        // Any wait that ticks: it does not sleep.
        let subject = Subject::shared(Kind::QUEUE, crate::arena::Handle::from_raw(1));
        let sleeps: Vec<Duration> = wait_for(subject, &Outside, None, &Blocking, |wait| {
            let polling = Polling::new(&wait.ticked_by(&counting));
            let sleep = |_| {
                let turn = polling.before_sleep(false);
                polling.after_sleep(turn, true);
                turn.period
            };
            (0..40).map(sleep).collect()
        });
        assert_eq!(sleeps[0], Duration::from_millis(1));
        assert!(sleeps.iter().all(|sleep| *sleep <= Duration::from_millis(20)));
        let slept: Duration = sleeps.iter().sum();
        let ticks = counting.0.load(Ordering::Relaxed);
        assert_eq!(u128::from(ticks), slept.as_millis() / 100, "one tick in 100 ms");
    }
}
