//! The state of a lease: its holder, and whether it is over, in one word.
//!
//! Waiters that are tied to the lease sleep beside this very word. The kernel lets no thread fall asleep beside a word
//! that has changed, so a waiter either sees the end before it sleeps or is woken by it.

use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::futex::{self, Scope};
use crate::sync::wait::mortal::may_die;

/// A lease, wherever it stands. Zeroed memory is one that nobody holds.
///
/// | bits | meaning |
/// |---|---|
/// | 0..=23 | the process that holds it |
/// | 31 | OVER: for good |
#[repr(transparent)]
#[derive(Debug, Default)]
pub(in crate::sync) struct LeaseWord(AtomicU32);

const OVER: u32 = 1 << 31;

impl LeaseWord {
    /// Makes the process its holder. Only before others know of the lease.
    pub(in crate::sync) fn hold(&self, process: u32) {
        self.0.store(process, Ordering::Release);
    }

    /// The process that holds it, or held it until it was over.
    pub(in crate::sync) fn holder(&self) -> u32 {
        self.0.load(Ordering::Acquire) & !OVER
    }

    /// Whether that process holds it; not when it is over.
    pub(in crate::sync) fn is_held_by(&self, process: u32) -> bool {
        self.0.load(Ordering::Acquire) == process
    }

    pub(in crate::sync) fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire) & OVER != 0
    }

    /// Ends the lease and wakes all that wait beside it. Called twice it wakes twice, since the first caller may have
    /// been killed before it could.
    pub(in crate::sync) fn end(&self) {
        // Release: what was done before is seen by those that see the end.
        self.0.fetch_or(OVER, Ordering::AcqRel);
        may_die();
        futex::wake(&self.0, u32::MAX, Scope::Shared);
    }

    /// The word, and what it says as long as the lease is not over.
    pub(in crate::sync) fn beside(&self) -> (&AtomicU32, u32) {
        (&self.0, self.holder())
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    //! A lease's end under every schedule: no waiter that is tied to it sleeps on.

    use super::*;
    use crate::platform::model::{check, spawn};
    use crate::sync::event::word::EventWord;
    use crate::sync::wait::mortal::model::dies_after;
    use crate::sync::wait::park::{Ticking, Turn, Wait, WaitError, Waiting};
    use loom::sync::Arc;
    use loom::thread;
    use std::time::Duration;

    const HOLDER: u32 = 5;

    struct Place {
        event: EventWord,
        lease: &'static LeaseWord,
    }

    struct Tied(&'static LeaseWord);

    impl Waiting for Tied {
        fn beside(&self) -> Option<(&'static AtomicU32, u32)> {
            Some(self.0.beside())
        }
    }

    struct Never;

    impl Ticking for Never {
        fn before_sleep(&self, _is_long: bool) -> Turn {
            Turn { period: Duration::MAX, elected: false, beside: None }
        }

        fn after_sleep(&self, _turn: Turn, _timed_out: bool) {}
    }

    fn place() -> Place {
        let lease: &'static LeaseWord = Box::leak(Box::default());
        lease.hold(HOLDER);
        Place { event: EventWord::default(), lease }
    }

    fn waiter(place: &Arc<Place>) -> thread::JoinHandle<()> {
        spawn(place, |place| {
            let tied = Tied(place.lease);
            let ended = place.event.wait(place.event.mark(), &Wait::shared(None, &tied, &Never));
            assert!(matches!(ended, Ok(()) | Err(WaitError::Interrupted)));
        })
    }

    #[test]
    fn model_lease_its_end_ends_all_waits() {
        check(2, place, |place| {
            let waiters = [waiter(&place), waiter(&place)];
            place.lease.end();
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
    }

    #[test]
    fn model_lease_a_sweeper_dies_at_each_step() {
        check(3, place, |place| {
            let waiter = waiter(&place);
            for steps in 0..2 {
                dies_after(steps, || place.lease.end());
            }
            place.lease.end();
            waiter.join().unwrap();
        });
    }

    /// What was there is taken, whether the lease is over or not.
    #[test]
    fn model_lease_what_is_there_is_had() {
        check(2, place, |place| {
            let waiter = waiter(&place);
            place.event.set(Scope::Shared);
            place.lease.end();
            let tied = Tied(place.lease);
            let again = place.event.wait(place.event.mark(), &Wait::shared(None, &tied, &Never));
            assert_eq!(again, Ok(()));
            waiter.join().unwrap();
        });
    }
}
