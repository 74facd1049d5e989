//! Noticing that a process has ended.
//!
//! Its pidfd decides, with one exception that a pidfd does not show. A process that executes another program keeps its
//! number and its start time, while all that it did here is over. It is known by its memory: the arena, which a process
//! never unmaps, is no longer mapped. One that has not come to map it yet has a descriptor of it. Both are facts that
//! the kernel states. No process is taken for dead because time has passed, or because something is unknown. The first
//! to look marks the slot, and notes how the process ended where the kernel says so. Looking undoes nothing: that is
//! the sweep's business, which is claimed in a marked slot.

use super::owner::{ProcessId, known_process};
use super::process_slot::{ProcessSlot, ProcessState, Word};
use super::region::Arena;
use crate::platform::pidfd::PidFd;
use crate::platform::{maps, stat};

impl Arena {
    /// Looks whether the process has ended or executed another program, and marks it dead if so.
    pub fn notice(&self, process: ProcessId) -> bool {
        let slot = self.process(process);
        let word = slot.load();
        if word.generation != process.generation() {
            return true;
        }
        match word.state {
            ProcessState::Free | ProcessState::Dead => true,
            ProcessState::Starting => false,
            ProcessState::Alive if known_process() == Some(process) => false,
            ProcessState::Alive => match slot.pidfd() {
                Ok(Some(pidfd)) if !pidfd.is_dead() => self.notice_exec(process, &pidfd),
                Ok(pidfd) => {
                    if let Some(pidfd) = pidfd {
                        note_ending(slot, &pidfd);
                    }
                    mark(slot, word);
                    true
                }
                // Descriptors have run out.
                Err(_) => false,
            },
        }
    }

    /// As [`Arena::notice`], for a caller that has seen that its pidfd does not poll readable: looks whether the
    /// process executed another program.
    pub(crate) fn notice_exec(&self, process: ProcessId, pidfd: &PidFd) -> bool {
        let slot = self.process(process);
        let word = slot.load();
        let is_there = word.state == ProcessState::Alive && word.generation == process.generation();
        // A number that is not the descriptor's was written over the slot's own.
        if !is_there || word.pid != pidfd.pid() || known_process() == Some(process) {
            return false;
        }
        let mapped_at = slot.mapped_at();
        let map = self.as_listed(mapped_at.unwrap_or(self.base()));
        if maps::is_mapped(word.pid, &map) != Some(false) {
            return false;
        }
        // One that has not taken its slot may be about to map the arena: then it has its descriptor, until it has the
        // slot.
        let may_come = || maps::is_open(word.pid, &map) != Some(false) || slot.mapped_at().is_some();
        // The pidfd last: as long as it is silent, the number was this process's, which still had a memory, but another
        // one.
        if (mapped_at.is_none() && may_come()) || pidfd.is_dead() {
            return false;
        }
        slot.set_executed(word);
        mark(slot, word);
        true
    }

    /// Whether the slot is no longer that of the living process that had it when `pidfd` was opened: something wrote
    /// over it.
    pub(crate) fn is_overwritten(&self, process: ProcessId, pidfd: &PidFd) -> bool {
        let word = self.process(process).load();
        let is_its = word.state == ProcessState::Alive && word.generation == process.generation();
        !(is_its && word.pid == pidfd.pid()) && self.is_mapped_by(pidfd) == Some(true)
    }

    /// Marks a process dead whose end the caller has seen on its pidfd.
    pub(crate) fn mark_dead(&self, process: ProcessId) {
        let slot = self.process(process);
        let word = slot.load();
        if word.state == ProcessState::Alive && word.generation == process.generation() {
            mark(slot, word);
        }
    }

    /// Claims the sweep of a dead process for `by`: no other sweeps it while `by` lives. False when it is not there to
    /// be swept or a living process does it.
    pub(super) fn claim_sweep(&self, process: ProcessId, by: ProcessId) -> bool {
        let slot = self.process(process);
        let word = slot.load();
        if word.state != ProcessState::Dead || word.generation != process.generation() {
            return false;
        }
        let busy = ProcessId::from_raw(word.other).is_some_and(|sweeper| !self.is_dead(sweeper));
        !busy && slot.exchange(word, Word { other: by.raw(), ..word })
    }

    /// Leaves a sweep that `by` claimed to another process.
    pub(super) fn give_back_sweep(&self, process: ProcessId, by: ProcessId) {
        if let Some((slot, word)) = self.swept_by(process, by) {
            slot.exchange(word, Word { other: 0, ..word });
        }
    }

    /// The slot of a dead process and its word, if that says that `by` sweeps it.
    pub(super) fn swept_by(&self, process: ProcessId, by: ProcessId) -> Option<(&ProcessSlot, Word)> {
        let slot = self.process(process);
        let word = slot.load();
        let is_dead = word.state == ProcessState::Dead && word.generation == process.generation();
        (is_dead && word.other == by.raw()).then_some((slot, word))
    }
}

fn note_ending(slot: &ProcessSlot, pidfd: &PidFd) {
    if slot.ending().is_none()
        && let Some(status) = stat::how_it_ended(slot.pid(), pidfd)
    {
        slot.set_ending(status);
    }
}

/// Losing this exchange means that another process noticed, and perhaps finished.
fn mark(slot: &ProcessSlot, word: Word) {
    slot.exchange(word, Word { state: ProcessState::Dead, ..word });
}
