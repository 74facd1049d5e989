//! What the engine did in this arena, read from the arena itself.
//!
//! Nothing is counted on a fast path. A queue's positions say how many messages it had, and a worker's record in its
//! pool how many calls it ran. What goes away adds its number to the arena's counters. So this sums up what is gone and
//! what is there, and may miss what passes from one to the other in the same instant.

use crate::arena::Arena;
use crate::platform::atomic::Ordering;
use crate::{channel, executor};

/// What the engine did since the arena was made, in all its processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Processes that were started, pools' workers included; not the engine's own helpers (zygotes, templates, the
    /// reaper).
    pub processes_started: u64,
    /// Calls that workers ran.
    pub calls: u64,
    /// Messages that were put into queues.
    pub messages: u64,
    /// How often somebody had to wait for a lock, of the arena or, while there is an arena, of one process's threads.
    pub lock_waits: u64,
    /// Threads that were started through a binding which counts them.
    pub threads_started: u64,
}

/// What the engine did so far; all zero in a process that has not used it.
pub fn statistics() -> Statistics {
    let Some(arena) = Arena::current() else { return Statistics::default() };
    let counters = arena.counters();
    Statistics {
        processes_started: counters.processes_started.load(Ordering::Relaxed),
        calls: counters.calls.load(Ordering::Relaxed) + executor::calls_so_far(arena),
        messages: counters.messages.load(Ordering::Relaxed) + channel::messages_so_far(arena),
        lock_waits: counters.lock_waits.load(Ordering::Relaxed),
        threads_started: counters.threads_started.load(Ordering::Relaxed),
    }
}
