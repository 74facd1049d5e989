//! What is left in a call's slot about the worker that died over it.
//!
//! Written by a sweep, without taking memory, at the last moment at which the dead worker's slot is still its own. Read
//! when a thread asks for the call's result, perhaps long after.

use super::view::View;
use crate::arena::Dead;
use crate::arena::text_of;
use crate::platform::pidfd::ExitStatus;
use crate::platform::stat;

const NAME: usize = 48;
const LENGTH: usize = 12 + NAME;

/// The process that died, and how.
#[derive(Clone, Copy)]
pub(super) struct Obituary {
    pid: u32,
    ending: Option<ExitStatus>,
    /// It runs on as another program.
    executed: bool,
    name: [u8; NAME],
}

impl Obituary {
    /// Of a worker that nobody can name any more.
    pub(super) const UNKNOWN: Obituary = Obituary { pid: 0, ending: None, executed: false, name: [0; NAME] };

    /// Of a process that is being swept.
    pub(super) fn of(view: &View, dead: &Dead) -> Obituary {
        let slot = view.arena.process(dead.process);
        // Its parent notes the status before it reaps; until then the kernel tells.
        let from_kernel = || stat::how_it_ended(dead.pid, slot.pidfd().ok()??);
        let ending = slot.ending().or_else(from_kernel).or_else(|| slot.ending());
        let executed = ending.is_none() && slot.has_executed();
        Obituary { pid: dead.pid, ending, executed, name: view.worker(dead.process).copy_name() }
    }

    pub(super) fn to_bytes(self) -> [u8; LENGTH] {
        let (how, code) = match self.ending {
            None if self.executed => (3_u32, 0),
            None => (0, 0),
            Some(ExitStatus::Exited(code)) => (1, code),
            Some(ExitStatus::Signaled(signal)) => (2, signal),
        };
        let mut bytes = [0; LENGTH];
        bytes[..4].copy_from_slice(&self.pid.to_le_bytes());
        bytes[4..8].copy_from_slice(&how.to_le_bytes());
        bytes[8..12].copy_from_slice(&code.to_le_bytes());
        bytes[12..].copy_from_slice(&self.name);
        bytes
    }

    /// Reads what [`Obituary::to_bytes`] wrote; anything else is of nobody.
    pub(super) fn from_bytes(bytes: &[u8]) -> Obituary {
        let word = |at: usize| {
            bytes.get(at..at + 4).map_or(0, |word| u32::from_le_bytes(word.try_into().expect("four bytes")))
        };
        let ending = match word(4) {
            1 => Some(ExitStatus::Exited(word(8) as i32)),
            2 => Some(ExitStatus::Signaled(word(8) as i32)),
            _ => None,
        };
        let mut name = [0; NAME];
        let written = bytes.get(12..).unwrap_or(&[]);
        let length = written.len().min(NAME);
        name[..length].copy_from_slice(&written[..length]);
        Obituary { pid: word(0), ending, executed: word(4) == 3, name }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn ending(&self) -> Option<ExitStatus> {
        self.ending
    }

    pub(super) fn has_executed(&self) -> bool {
        self.executed
    }

    pub(super) fn name(&self) -> String {
        text_of(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut name = [0; NAME];
        name[..6].copy_from_slice(b"worker");
        let exited = Some(ExitStatus::Exited(3));
        let killed = Some(ExitStatus::Signaled(9));
        for (ending, executed) in [(None, false), (None, true), (exited, false), (killed, false)] {
            let read = Obituary::from_bytes(&Obituary { pid: 77, ending, executed, name }.to_bytes());
            assert_eq!((read.pid(), read.ending(), read.has_executed()), (77, ending, executed));
            assert_eq!(read.name(), "worker");
        }
        assert_eq!(Obituary::from_bytes(b"").pid(), 0);
    }
}
