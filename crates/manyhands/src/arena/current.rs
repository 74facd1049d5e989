//! The calling process and the calling thread: each gets its slot in the arena when it first needs one.
//!
//! A thread's number is kept together with its process's, so that a fork's child does not mistake its parent's for its
//! own. The slot is given back when the thread ends.

use super::error::ArenaError;
use super::owner::{ProcessId, ThreadId, known_process};
use super::region::Arena;
use super::thread_slot::ThreadSlot;
use std::cell::Cell;

/// The calling process's number; it gets a slot when it has none.
///
/// # Errors
/// When there is no arena and none can be made, or no slot is left.
#[inline]
pub fn this_process() -> Result<ProcessId, ArenaError> {
    match known_process() {
        Some(process) => Ok(process),
        None => Arena::get()?.join(),
    }
}

thread_local! {
    /// The process as which this thread registered, and its number there; of another process after a fork.
    static THIS_THREAD: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    /// Its drop gives the slot back when the thread ends.
    static LEAVE: Cell<Option<Leave>> = const { Cell::new(None) };
}

/// The calling thread's number; it gets a slot when it has none.
///
/// # Errors
/// As [`this_process`].
#[inline]
pub fn this_thread() -> Result<ThreadId, ArenaError> {
    let (process, thread) = THIS_THREAD.get();
    if let Some(current) = known_process()
        && current.raw() == process
        && let Some(thread) = ThreadId::from_raw(thread)
    {
        return Ok(thread);
    }
    register_thread()
}

/// The slot in which the calling thread writes what it waits for. One that has none gets one if it waits for an object
/// of the arena, or (`is_private`) if its process uses the arena and there are slots to spare.
#[inline]
pub(crate) fn slot_of_this_thread(is_private: bool) -> Option<&'static ThreadSlot> {
    let process = known_process();
    let arena = Arena::current()?;
    let thread = match THIS_THREAD.get() {
        (of, thread) if process.is_some_and(|process| process.raw() == of) => ThreadId::from_raw(thread),
        _ if is_private && (process.is_none() || !arena.has_slots_to_spare()) => None,
        _ => register_thread().ok(),
    };
    thread.map(|thread| arena.thread(thread))
}

#[cold]
fn register_thread() -> Result<ThreadId, ArenaError> {
    let process = this_process()?;
    let thread = Arena::get()?.claim_thread(process)?;
    THIS_THREAD.set((process.raw(), thread.raw()));
    // While thread-locals are being torn down the slot stays the process's until that ends.
    let _ = LEAVE.try_with(|leave| leave.set(Some(Leave { process, thread })));
    Ok(thread)
}

struct Leave {
    process: ProcessId,
    thread: ThreadId,
}

impl Drop for Leave {
    fn drop(&mut self) {
        // In a fork's child the copied value speaks of a thread of the parent.
        if known_process() == Some(self.process)
            && let Some(arena) = Arena::current()
        {
            arena.end_thread(self.thread);
        }
    }
}
