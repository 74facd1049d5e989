//! The slots of copies that a program makes of itself by a fork of its own.
//!
//! Such a copy's slot is claimed before the fork and taken by the copy after it. In between nobody knows the copy's
//! number, since a fork's handlers do not get it. So a copy that is killed before it has taken its slot is known by
//! elimination. The fork must be over, since its starter says so or has ended. And there must be no process that maps
//! the arena and has no slot. Then nobody is left that could come for it. While there is one, the slot and its
//! references wait, even if the starter is dead. A program that forks and ends at once, as daemons do, leaves a copy
//! that has a right to what it holds.
//!
//! The slots of processes that the engine starts are none of this: their starters know the numbers, and a child of the
//! engine that comes too late ends itself.

use super::owner::ProcessId;
use super::process_slot::{ProcessState, Role, Word};
use super::region::Arena;
use crate::platform::{census, maps};

/// The kernel gives the time when a process began to a hundredth of a second, rounded down.
const START_RESOLUTION_NS: u64 = 20_000_000;

impl Arena {
    /// Gives up the slots of copies that have ended before they took them, or never came to be.
    pub(crate) fn abandon_lost_copies(&'static self) {
        for (copy, slot) in self.starting() {
            // Before anything else is looked at, so that what is seen is of this copy if the word is unchanged at the
            // end.
            let word = slot.load();
            let starter = ProcessId::from_raw(word.other);
            let starter_lives = starter.is_some_and(|starter| !self.is_dead(starter));
            if word.state == ProcessState::Starting
                && slot.role() == Role::Copy
                && (slot.is_forked(copy) || !starter_lives)
                && !self.may_come(starter.filter(|_| starter_lives), slot.registered())
            {
                self.abandon_claim(copy, word);
            }
        }
    }

    /// Whether there is, or may be, a process that has the arena and no slot and began after the slot was claimed; a
    /// child of `starter` while that lives.
    fn may_come(&self, starter: Option<ProcessId>, claimed: u64) -> bool {
        let parent = starter.map(|starter| self.process(starter).pid());
        // A process that cannot be looked at may have it, if it is this user's.
        let arena = self.as_listed(self.base());
        let mut found = false;
        let counted = census::for_each(|pid| {
            found = !self.is_listed(pid)
                && census::look_at(pid).is_some_and(|seen| {
                    let related = parent.is_none_or(|parent| parent == seen.parent);
                    let young = seen.started + START_RESOLUTION_NS > claimed;
                    related && young && !seen.has_ended && maps::may_be_mapped(pid, &arena, seen.is_mine)
                });
            !found
        });
        found || counted.is_err()
    }

    fn is_listed(&self, pid: u32) -> bool {
        let has_number = |state| self.slots_in(state).any(|(_, slot)| slot.pid() == pid);
        has_number(ProcessState::Alive) || has_number(ProcessState::Dead)
    }

    /// Gives up a slot that is still as it was seen.
    pub(super) fn abandon_claim(&'static self, process: ProcessId, seen: Word) {
        // Dead first, so that nobody gets the slot before its references are gone.
        if self.process(process).exchange(seen, Word { state: ProcessState::Dead, other: 0, ..seen }) {
            super::sweep(self, process);
        }
    }
}
