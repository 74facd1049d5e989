//! A bell: sleepers look again each time it is rung, whatever each of them waits for.
//!
//! A gate wakes waiters of one condition and lets them pass on what is left. Here all wake, so that waiters of
//! different rounds of a barrier can sleep side by side. The word counts the rings: a thread that looked before a ring
//! does not fall asleep after it. Ringing costs a system call only when a thread may sleep. An eventcount, as in
//! Vyukov's.

use super::history::History;
use super::mortal::may_die;
use super::park::{Parker, Wait, WaitError};
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::futex::{self, Scope};

/// A place to sleep between rings. Zeroed memory is a bell; 8 bytes, in private memory or in the arena.
///
/// | bits | meaning |
/// |---|---|
/// | 0 | WAITERS: a thread may sleep on this word |
/// | 1..=31 | how often it was rung, going round |
#[repr(C)]
#[derive(Debug, Default)]
pub(in crate::sync) struct Bell {
    word: AtomicU32,
    history: History,
}

const WAITERS: u32 = 1;
const ONCE: u32 = 2;

impl Bell {
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) const fn new() -> Self {
        Bell { word: AtomicU32::new(0), history: History::new() }
    }

    /// Waits until `ready` gives something; it is asked after each ring, must be quick and may not wait.
    pub(in crate::sync) fn wait_until<R>(
        &self,
        wait: &Wait<'_>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        if let Some(found) = ready() {
            return Ok(found);
        }
        let is_late = wait.is_late();
        let mut parker = Parker::new(wait);
        if !is_late && let Some(found) = parker.yields(&self.history, &mut ready) {
            return Ok(found);
        }
        parker.sleep_until_seen(&self.word, WAITERS, |_| ready()).map_err(|(error, _)| error)
    }

    /// Has all waiters look again; call it after the store that they are to see.
    pub(in crate::sync) fn ring(&self, scope: Scope) {
        let rung = |seen: u32| Some((seen & !WAITERS).wrapping_add(ONCE));
        let before = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, rung);
        may_die();
        if before.is_ok_and(|before| before & WAITERS != 0) {
            futex::wake(&self.word, u32::MAX, scope);
        }
    }

    /// For sweeps: as a ring, and also wakes those that a killed ringer did not.
    pub(in crate::sync) fn recover(&self, scope: Scope) {
        self.ring(scope);
        futex::wake(&self.word, u32::MAX, scope);
    }
}
