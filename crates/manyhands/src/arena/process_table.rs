//! The slots of an arena's processes, and how they pass from one to the next.
//!
//! ```text
//! Free --claim--> Starting(starter) --the child adopts--> Alive(pid) --seen dead--> Dead(pid)
//!                 Starting(starter) --abandoned, or the starter died--> Dead(0)
//! Free --one that nobody started claims it for itself--> Starting(its pid) --> Alive(pid)
//! Dead(pid) --claimed for sweeping, also from a dead sweeper--> Dead(pid, sweeper) --swept--> Free, next generation
//! ```
//!
//! A starter fills in name, role and parent before it passes the number on. A slot is used again only when the sweep of
//! its last owner is complete, so a word that names a dead owner names no other.

use super::current::this_process;
use super::error::ArenaError;
use super::header::PROCESS_TABLE;
use super::owner::{ProcessId, become_process};
use super::process_slot::{PROCESSES, ProcessSlot, ProcessState, Role, Word};
use super::region::Arena;
use super::shared::Offset;
use super::sweep::sweep_the_dead;
use crate::platform::atomic::Ordering;
use crate::platform::pidfd::PidFd;
use crate::platform::process;

impl Arena {
    fn process_slots(&self) -> &'static [ProcessSlot] {
        self.slice(Offset::new(PROCESS_TABLE), PROCESSES)
    }

    /// The slot of a process, which may have passed to another one since.
    pub fn process(&self, process: ProcessId) -> &'static ProcessSlot {
        &self.process_slots()[process.index()]
    }

    /// All processes that live, or whose death was not noticed yet.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &'static ProcessSlot)> + use<> {
        self.slots_in(ProcessState::Alive)
    }

    /// All slots that were claimed for children which do not run yet.
    pub fn starting(&self) -> impl Iterator<Item = (ProcessId, &'static ProcessSlot)> + use<> {
        self.slots_in(ProcessState::Starting)
    }

    /// All slots that are in `state`.
    pub(super) fn slots_in(
        &self,
        state: ProcessState,
    ) -> impl Iterator<Item = (ProcessId, &'static ProcessSlot)> + use<> {
        let high = (self.header().process_high.load(Ordering::Acquire) as usize).min(PROCESSES);
        self.process_slots()[..high].iter().enumerate().skip(1).filter_map(move |(index, slot)| {
            let word = slot.load();
            (word.state == state).then(|| (ProcessId::new(index, word.generation), slot))
        })
    }

    /// Where the slot is in its life as the process's, `None` when it is another's by now.
    pub fn process_state(&self, process: ProcessId) -> Option<ProcessState> {
        let word = self.process(process).load();
        (word.generation == process.generation() && word.state != ProcessState::Free).then_some(word.state)
    }

    /// Whether it was noticed that the process ended. Does not look itself: see [`Arena::notice`].
    pub fn is_dead(&self, process: ProcessId) -> bool {
        matches!(self.process_state(process), None | Some(ProcessState::Dead))
    }

    /// Claims a slot for a child that the calling process is about to start.
    ///
    /// # Errors
    /// When 1023 processes use the arena.
    pub fn claim_process(&self, name: &str, role: Role) -> Result<ProcessId, ArenaError> {
        self.claim_process_for(this_process()?, name, role)
    }

    /// Claims a slot for a process that the calling one is about to start and that counts as `parent`'s child.
    ///
    /// # Errors
    /// As [`Arena::claim_process`].
    pub fn claim_process_for(
        &self,
        parent: ProcessId,
        name: &str,
        role: Role,
    ) -> Result<ProcessId, ArenaError> {
        let starter = this_process()?;
        let child = self.claim_slot(0, starter.raw()).or_else(|full| {
            // Some may belong to processes whose end nobody has noticed yet.
            let swept = Arena::current().map_or(0, sweep_the_dead);
            if swept == 0 { Err(full) } else { self.claim_slot(0, starter.raw()) }
        })?;
        let slot = self.process(child);
        slot.set_parent(parent);
        slot.set_name(name);
        slot.set_role(role);
        Ok(child)
    }

    fn claim_slot(&self, pid: u32, starter: u32) -> Result<ProcessId, ArenaError> {
        for (index, slot) in self.process_slots().iter().enumerate().skip(1) {
            let word = slot.load();
            let claimed = Word { state: ProcessState::Starting, pid, other: starter, ..word };
            if word.state != ProcessState::Free || !slot.exchange(word, claimed) {
                continue;
            }
            self.header().process_high.fetch_max(index as u32 + 1, Ordering::AcqRel);
            slot.clear();
            return Ok(ProcessId::new(index, word.generation));
        }
        Err(ArenaError::OutOfSlots { what: "process", limit: PROCESSES - 1 })
    }

    /// Takes the slot that a parent claimed, as the calling process's own.
    ///
    /// # Errors
    /// When the parent died meanwhile or gave the slot up: the caller should end.
    pub fn adopt_slot(&self, process: ProcessId) -> Result<(), ArenaError> {
        if !self.adopt_slot_for(process, process::getpid()) {
            return Err(ArenaError::Foreign {
                reason: "the slot of this process was given up; its parent has ended".to_owned(),
            });
        }
        // What the parent used, if this is its copy, may be more than there is room for here.
        self.unmap_idle();
        become_process(process);
        self.process(process).set_mapped_at(self.base(), self.doorbell_number());
        Ok(())
    }

    /// Takes the slot that was claimed for the process `pid`, on its behalf: from here on it counts as running, even if
    /// its parent ends before it has done anything. Says whether the slot is that process's now.
    pub fn adopt_slot_for(&self, process: ProcessId, pid: u32) -> bool {
        let slot = self.process(process);
        let word = slot.load();
        if word.generation != process.generation() {
            return false;
        }
        if word.state == ProcessState::Starting {
            // Should the slot be another's by now, a later time there does no harm.
            slot.register();
            if slot.exchange(word, Word { state: ProcessState::Alive, pid, other: 0, ..word }) {
                self.ring_doorbell();
                return true;
            }
        }
        let word = slot.load();
        word.state == ProcessState::Alive && word.generation == process.generation() && word.pid == pid
    }

    /// Gives the calling process a slot of its own, as one that the engine did not start.
    pub(super) fn join(&'static self) -> Result<ProcessId, ArenaError> {
        let claimed = self.claim_slot(process::getpid(), 0)?;
        let slot = self.process(claimed);
        slot.register();
        let word = slot.load();
        slot.exchange(word, Word { state: ProcessState::Alive, pid: process::getpid(), other: 0, ..word });
        let process = become_process(claimed);
        if process != claimed {
            // Another thread was faster.
            let word = slot.load();
            slot.exchange(word, Word { state: ProcessState::Dead, ..word });
            self.claim_sweep(claimed, process);
            self.free_slot(claimed, process);
        } else {
            slot.set_mapped_at(self.base(), self.doorbell_number());
            self.ring_doorbell();
        }
        Ok(process)
    }

    /// Gives back a slot that was claimed for a child which never came to run. Does nothing when the child has it.
    /// The references that it was given are taken away.
    pub fn abandon_slot(&'static self, process: ProcessId) {
        let word = self.process(process).load();
        if word.state == ProcessState::Starting && word.generation == process.generation() {
            self.abandon_claim(process, word);
        }
    }

    /// Gives up the slots which a dead process had claimed for children. A child that comes later finds itself refused;
    /// but copies that may still come keep theirs.
    pub(super) fn abandon_children_of(&'static self, starter: ProcessId) {
        for (child, slot) in self.slots_in(ProcessState::Starting) {
            let word = slot.load();
            let is_its = word.state == ProcessState::Starting && word.other == starter.raw();
            if is_its && slot.role() != Role::Copy {
                self.abandon_claim(child, word);
            }
        }
        self.abandon_lost_copies();
    }

    /// Gives up claims whose claimer is gone and was not swept. It was killed while it took a slot for itself, or it
    /// never existed, when something has written over the slot.
    pub(crate) fn abandon_ownerless_claims(&'static self) {
        for (child, slot) in self.slots_in(ProcessState::Starting) {
            let word = slot.load();
            let is_owned = match ProcessId::from_raw(word.other) {
                // A reaper starts nobody.
                Some(starter) => {
                    slot.role() == Role::Copy
                        || !self.is_dead(starter) && self.process(starter).role() != Role::Reaper
                }
                None => PidFd::open(word.pid).is_ok_and(|claimer| self.is_mapped_by(&claimer) != Some(false)),
            };
            if word.state == ProcessState::Starting && !is_owned {
                self.abandon_claim(child, word);
            }
        }
    }

    /// The last step of a sweep: the slot may be used again.
    pub(super) fn free_slot(&self, process: ProcessId, by: ProcessId) {
        if let Some((slot, word)) = self.swept_by(process, by) {
            let generation = word.generation.wrapping_add(1);
            slot.exchange(word, Word { state: ProcessState::Free, generation, pid: 0, other: 0 });
        }
    }
}
