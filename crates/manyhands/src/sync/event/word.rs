//! The state of an event: set or not, how often it was set, and whether a thread may sleep, in one word.
//!
//! Waiters sleep on this very word, which no two settings leave the same. So a waiter that was there when the event was
//! set returns, even if the event was cleared again before the waiter runs. A set and a clear in quick succession lose
//! nobody. Setting costs a system call only when a thread may sleep.

use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::futex::{self, Scope};
use crate::sync::wait::history::History;
use crate::sync::wait::mortal::may_die;
use crate::sync::wait::park::{Parker, Wait, WaitError};

/// An event, wherever it stands. Zeroed memory is one that is not set.
///
/// | bits | meaning |
/// |---|---|
/// | 0 | SET |
/// | 1 | WAITERS: somebody may sleep on this word; never together with SET |
/// | 2..=31 | how often it was set, going round |
#[repr(C)]
#[derive(Debug, Default)]
pub(in crate::sync) struct EventWord {
    word: AtomicU32,
    history: History,
}

const SET: u32 = 1;
const WAITERS: u32 = 2;
const ONCE: u32 = 4;
const TIMES: u32 = !(SET | WAITERS);

impl EventWord {
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) const fn new() -> Self {
        EventWord { word: AtomicU32::new(0), history: History::new() }
    }

    pub(super) fn is_set(&self) -> bool {
        self.word.load(Ordering::Acquire) & SET != 0
    }

    /// What distinguishes a later setting from those before now.
    #[inline]
    pub(in crate::sync) fn mark(&self) -> u32 {
        self.word.load(Ordering::Acquire)
    }

    /// Whether it is set, or was since the mark was made.
    pub(super) fn is_set_since(&self, mark: u32) -> bool {
        let seen = self.word.load(Ordering::Acquire);
        seen & SET != 0 || (seen ^ mark) & TIMES != 0
    }

    pub(in crate::sync) fn set(&self, scope: Scope) {
        let set = |seen: u32| (seen & SET == 0).then(|| (seen & TIMES).wrapping_add(ONCE) | SET);
        // Release: waiters see what was done before.
        if let Ok(before) = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, set) {
            may_die();
            if before & WAITERS != 0 {
                futex::wake(&self.word, u32::MAX, scope);
            }
        }
    }

    pub(in crate::sync) fn clear(&self) {
        self.word.fetch_and(!SET, Ordering::AcqRel);
    }

    /// Waits until it is set, or was since the mark was made, which the caller made when it came.
    pub(in crate::sync) fn wait(&self, mark: u32, wait: &Wait<'_>) -> Result<(), WaitError> {
        let set_since = |seen: u32| seen & SET != 0 || (seen ^ mark) & TIMES != 0;
        if set_since(self.word.load(Ordering::Acquire)) {
            return Ok(());
        }
        if wait.is_late() {
            return Err(WaitError::TimedOut);
        }
        let mut parker = Parker::new(wait);
        let look = || set_since(self.word.load(Ordering::Acquire)).then_some(());
        if parker.yields(&self.history, look).is_some() {
            return Ok(());
        }
        let look = |seen| set_since(seen).then_some(());
        parker.sleep_until_seen(&self.word, WAITERS, look).map_err(|(error, _)| error)
    }

    /// For sweeps: all sleepers look again, since a killed process may have set the event and woken nobody.
    pub(in crate::sync) fn recover(&self, scope: Scope) {
        futex::wake(&self.word, u32::MAX, scope);
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::platform::Deadline;
    use crate::sync::wait::park::Blocking;

    #[test]
    fn who_waited_when_the_event_was_set_goes_on_though_it_was_cleared_at_once() {
        let event = EventWord::new();
        let limit = Deadline::after(Duration::from_secs(60));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| event.wait(event.mark(), &Wait::private(limit, &Blocking)));
            while event.word.load(Ordering::Relaxed) & WAITERS == 0 {
                std::thread::yield_now();
            }
            event.set(Scope::Private);
            event.clear();
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
        assert!(!event.is_set());
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    //! Events under every schedule: who waited when the event was set returns, whatever happens next.

    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use crate::platform::model::{check, spawn};
    use crate::sync::wait::mortal::model::dies_after;
    use crate::sync::wait::park::Blocking;

    fn waiter(event: &Arc<EventWord>) -> thread::JoinHandle<()> {
        spawn(event, |event| event.wait(event.mark(), &Wait::private(None, &Blocking)).unwrap())
    }

    #[test]
    fn model_event_set_wakes_everybody() {
        check(2, EventWord::default, |event| {
            let waiters = [waiter(&event), waiter(&event)];
            event.set(Scope::Private);
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
    }

    #[test]
    fn model_event_dead_setter_is_recovered() {
        check(3, EventWord::default, |event| {
            let waiter = waiter(&event);
            dies_after(0, || event.set(Scope::Private));
            event.recover(Scope::Private);
            waiter.join().unwrap();
        });
    }
}
