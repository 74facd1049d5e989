//! Noticing that a process has ended.
//!
//! Its pidfd decides, and nothing else; whoever looks first marks the slot, and notes how the process ended where the
//! kernel tells. Looking undoes nothing: that is the sweep's business, which is claimed in a marked slot.

use super::owner::{ProcessId, known_process};
use super::process_slot::{ProcessSlot, ProcessState, Word};
use super::region::Arena;
use crate::platform::stat;

impl ProcessSlot {
    /// Whether the process has ended; how it did is noted, where the kernel tells.
    fn has_ended(&self) -> bool {
        match self.pidfd() {
            Ok(Some(pidfd)) if pidfd.is_dead() => {
                if self.ending().is_none()
                    && let Some(status) = stat::how_it_ended(self.pid(), &pidfd)
                {
                    self.set_ending(status);
                }
                true
            }
            Ok(None) => true,
            Ok(Some(_)) | Err(_) => false,
        }
    }
}

impl Arena {
    /// Looks whether the process has ended (its pidfd decides), and marks it dead if so.
    pub fn notice(&self, process: ProcessId) -> bool {
        let slot = self.process(process);
        let word = slot.load();
        if word.generation != process.generation() {
            return true;
        }
        match word.state {
            ProcessState::Free | ProcessState::Dead => true,
            ProcessState::Starting => false,
            ProcessState::Alive => {
                if known_process() == Some(process) || !slot.has_ended() {
                    return false;
                }
                // Losing this exchange means that somebody else noticed, and perhaps finished.
                slot.exchange(word, Word { state: ProcessState::Dead, ..word });
                true
            }
        }
    }

    /// Marks a process dead whose end the caller has seen on its pidfd.
    pub fn mark_dead(&self, process: ProcessId) {
        let slot = self.process(process);
        let word = slot.load();
        if word.state == ProcessState::Alive && word.generation == process.generation() {
            slot.exchange(word, Word { state: ProcessState::Dead, ..word });
        }
    }

    /// Claims the sweep of a dead process for `by`: nobody else sweeps it while `by` lives. False when it is not there
    /// to be swept or somebody living does it.
    pub(super) fn claim_sweep(&self, process: ProcessId, by: ProcessId) -> bool {
        let slot = self.process(process);
        let word = slot.load();
        if word.state != ProcessState::Dead || word.generation != process.generation() {
            return false;
        }
        let busy = ProcessId::from_raw(word.other).is_some_and(|sweeper| !self.is_dead(sweeper));
        !busy && slot.exchange(word, Word { other: by.raw(), ..word })
    }
}
