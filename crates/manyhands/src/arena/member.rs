//! Whether a process is one of this arena, as the kernel sees it.
//!
//! A slot is memory, and every member may write it, even one that gave up its rights or that a mistake has made run
//! wild. So what a slot says of a process is never enough for a signal. The kernel must say that the process has this
//! arena's memory mapped; a member can map it itself, but cannot make another process do so. The caller holds a
//! descriptor of the process before it asks and signals through that, so a number which passes to another process
//! meanwhile does no harm.
//!
//! The kernel says less of a process that the caller may not look at (another user's, or one that is not dumpable).
//! There it counts whether the process descends from the caller, which could have ended it without an arena.

use super::owner::known_process;
use super::process_slot::ProcessState;
use super::region::Arena;
use crate::platform::pidfd::PidFd;
use crate::platform::{maps, process, stat};

impl Arena {
    /// Whether the process has this arena mapped; `None` when the kernel does not say.
    pub(crate) fn is_mapped_by(&self, process: &PidFd) -> Option<bool> {
        let mapped = maps::is_mapped(process.pid(), &self.as_listed(self.base()));
        // The descriptor last: as long as it is silent, the number was this process's.
        if process.is_dead() { Some(false) } else { mapped }
    }

    /// Ends the calling process if its slot is its own no more, since something has written over it. To all others it
    /// has ended, and what it holds is taken from it: it could neither go on nor learn of that.
    pub(super) fn check_own_slot(&self) {
        let Some(me) = known_process() else { return };
        let word = self.process(me).load();
        let is_mine = word.state == ProcessState::Alive && word.generation == me.generation();
        if !is_mine || word.pid != process::getpid() {
            abort_overwritten();
        }
    }

    /// Whether the process is one of this arena, so that it may be ended for what stands in the arena.
    pub fn is_member(&self, process: &PidFd) -> bool {
        self.is_mapped_by(process)
            .unwrap_or_else(|| stat::descends_from_here(process.pid()) && !process.is_dead())
    }
}

#[cold]
fn abort_overwritten() -> ! {
    eprintln!(
        "manyhands: this process's record in the program's shared memory is damaged: something has written over it; \
         the process ends"
    );
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn another_program_is_no_member() {
        let arena = Arena::get().unwrap();
        let mut child = Command::new("sleep").arg("1000000").spawn().unwrap();
        let process = PidFd::open(child.id()).unwrap();
        assert_eq!(arena.is_mapped_by(&process), Some(false));
        assert!(!arena.is_member(&process), "it is a child, but can be looked at");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!arena.is_member(&process));
        assert!(arena.is_member(&PidFd::open(std::process::id()).unwrap()));
    }
}
