//! The ticks of waiters on arena objects: the dead are swept even when nobody is left whose task that is.
//!
//! The reaper notices deaths and wakes the waiters that they concern. If it is killed too, a waiter would sleep for
//! ever. So one sleeper of each process is elected, and its sleep ends every 100 ms to look for the dead. The others
//! wake once a second: to take its place when it has gone, and to look as well, since the elected one may be woken too
//! often to do so.
//!
//! While there is a reaper, that is seldom needed. A wait that has lasted for such a period sleeps on two words from
//! then on, its own and one of those that stand for the reaper's life. It then ticks every few seconds only, in case
//! the reaper is stopped. When the reaper ends, the kernel wakes one sleeper of each of its words. That one wakes the
//! others, and a thread that goes on waiting makes a new reaper, which sweeps and wakes. If all of those are killed at
//! the same time, the slow ticks remain. No process is taken for dead because time has passed: the sweep asks the
//! kernel. In a fork's child no thread is elected yet.

use std::time::Duration;

use super::life::{beside, pass_on};
use super::park::{Ticking, Turn, Wait, Waiting};
use crate::arena::{Arena, Registered, sweep_in_turn};
use crate::platform::atomic::Ordering;
use crate::platform::robust::WORDS;
use crate::platform::thread::gettid;
use crate::platform::{Deadline, futex, wipe};

/// Which word of the page that is wiped in a fork's child says whether a sleeper is elected.
const ELECTED_WORD: usize = 1;

const SWEEP_PERIOD: Duration = Duration::from_millis(100);
const SUCCESSION_PERIOD: Duration = Duration::from_secs(1);
/// The same while there is a reaper.
const WARDED_PERIOD: Duration = Duration::from_secs(5);
const WARDED_SUCCESSION_PERIOD: Duration = Duration::from_secs(60);

struct ProcessTicking;

impl Ticking for ProcessTicking {
    fn before_sleep(&self, is_long: bool) -> Turn {
        let elected = wipe::word(ELECTED_WORD)
            .is_some_and(|word| word.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok());
        // A short wait is not worth a second word.
        let beside = Arena::current()
            .and_then(|arena| {
                let word = &arena.life()[gettid() as usize % WORDS].word;
                beside(word, || Arena::REPLACE_REAPER(arena))
            })
            .filter(|_| is_long && futex::waits_beside());
        let period = match (beside.is_some(), elected) {
            (false, true) => SWEEP_PERIOD,
            (false, false) => SUCCESSION_PERIOD,
            (true, true) => WARDED_PERIOD,
            (true, false) => WARDED_SUCCESSION_PERIOD,
        };
        Turn { period, elected, beside }
    }

    fn after_sleep(&self, turn: Turn, timed_out: bool) {
        turn.beside.map(pass_on);
        // Also a sleeper that was not elected: the elected one may be woken before its time again and again.
        if timed_out && let Some(arena) = Arena::current() {
            sweep_in_turn(arena);
        }
        if !turn.elected {
            return;
        }
        // Given up between sleeps, since a signal handler may wait in the midst of this wait.
        if let Some(word) = wipe::word(ELECTED_WORD) {
            word.store(0, Ordering::Relaxed);
        }
    }
}

impl<'a> Wait<'a> {
    /// A wait on a word in the arena that is written down nowhere; without a deadline, for as long as it takes.
    #[inline]
    pub(in crate::sync) fn arena(deadline: Option<Deadline>, waiting: &'a dyn Waiting) -> Self {
        Wait::shared(deadline, waiting, &ProcessTicking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sleeper_is_elected_until_it_gives_up() {
        wipe::prepare().unwrap();
        let first = ProcessTicking.before_sleep(false);
        let second = ProcessTicking.before_sleep(false);
        assert!(!second.elected, "two sleepers were elected");
        assert_eq!(second.period, SUCCESSION_PERIOD);
        ProcessTicking.after_sleep(second, true);
        // Other tests of this process wait on arena objects too, so that the first may have found it taken.
        if first.elected {
            ProcessTicking.after_sleep(first, false);
        }
    }
}
