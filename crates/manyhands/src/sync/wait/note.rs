//! What a thread waits for, written down in its slot of the arena while it waits.
//!
//! A look at the arena shows which thread waits for what, and an object's statistics count its waiters there, so that a
//! waiter that was killed is not counted for ever. Records nest: a signal handler that waits during a wait shows its
//! own, and puts the outer one back.

use crate::arena::{Arena, Handle, Kind, ThreadId, ThreadSlot};

/// The number that stands for an object in a thread's slot.
pub(crate) fn waited_for(kind: Kind, object: Handle) -> u64 {
    u64::from(kind.number()) << 32 | u64::from(object.index())
}

/// A thread's note of what it waits for; the drop takes it away.
pub(crate) struct WaitRecord {
    slot: &'static ThreadSlot,
    outer: u64,
}

impl WaitRecord {
    /// Notes that the calling thread begins to wait for an object.
    pub(crate) fn new(arena: &'static Arena, me: ThreadId, kind: Kind, object: Handle) -> WaitRecord {
        let slot = arena.thread(me);
        let outer = slot.waits_for();
        slot.set_waits_for(waited_for(kind, object));
        WaitRecord { slot, outer }
    }
}

impl Drop for WaitRecord {
    fn drop(&mut self) {
        self.slot.set_waits_for(self.outer);
    }
}
