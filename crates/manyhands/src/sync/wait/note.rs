//! What a thread waits for, written down in its slot of the arena while it waits.
//!
//! Any process reads there which thread waits for what. An object's statistics count its waiters there, so that a
//! waiter that was killed is not counted for ever. A thread whose process uses no arena writes nothing: nobody could
//! read it. A wait in the midst of another shows itself, and puts the outer one back.

use super::subject::Subject;
use crate::arena::{Arena, ThreadSlot, slot_of_this_thread};
use std::cell::Cell;

/// A thread's note of what it waits for.
pub(in crate::sync) struct Note {
    subject: Subject,
    /// Where it stands, and the note that stood there before.
    written: Cell<Option<(&'static ThreadSlot, u64)>>,
}

impl Note {
    /// A note that is not written yet.
    pub(in crate::sync) fn new(subject: Subject) -> Note {
        Note { subject, written: Cell::new(None) }
    }

    /// Writes it; the calling thread looks once more for what it waits for before it sleeps. So a sweep that finds no
    /// note here comes before that look, and has nobody to wake.
    pub(in crate::sync) fn write(&self) {
        // Asked each time: what ran between two sleeps may have forked, and this be the child.
        let slot = slot_of_this_thread(self.subject.is_private());
        self.written.set(slot.map(|slot| (slot, slot.wait_for(self.subject.to_word()))));
    }

    /// Takes it away, if it stands there.
    pub(in crate::sync) fn erase(&self) {
        if let Some((slot, outer)) = self.written.take() {
            slot.wait_for(outer);
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.erase();
    }
}

/// What a thread waits for, of which process it may be, as its slot in the arena said at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadWait {
    /// The number of its process.
    pub pid: u32,
    /// The kernel's number of the thread.
    pub tid: u32,
    /// What kind of thing it waits for, in words.
    pub kind: &'static str,
    /// Whether that is an object of the arena, and which one; otherwise only threads of its process can reach it.
    pub object: Option<u32>,
}

/// What the threads of all processes of the arena wait for now; nothing when this process uses no arena.
///
/// A wait is seen from its first sleep on. A thread that waits in a process which uses no arena is not seen.
pub fn waits() -> Vec<ThreadWait> {
    let Some(arena) = Arena::current() else { return Vec::new() };
    let wait = |(process, slot): (_, &ThreadSlot)| {
        let (kind, object) = Subject::in_words(slot.waits_for())?;
        Some(ThreadWait { pid: arena.process(process).pid(), tid: slot.tid(), kind, object })
    };
    arena.running_threads().filter_map(wait).collect()
}
