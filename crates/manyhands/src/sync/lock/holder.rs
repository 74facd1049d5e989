//! What the locks say about their holders: to statistics, and to the thread that takes a lock over from a dead one.
//!
//! A live holder is found by the number in the lock's word. A dead one's slot will be another's soon. So the sweep
//! copies pid and name beside the lock before it marks the word, or leaves the lock to a process that ended in good
//! order. The thread that takes the lock over reads them then, when nobody can be writing: one process at a time sweeps
//! after a dead one.

use crate::arena::{Arena, Dead, Shared, ThreadId, read_text, write_text};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};

/// A process that was killed, or ended without saying so, while it held a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadOwner {
    /// Its pid, which may be another process's by now.
    pub pid: u32,
    /// The name that it had in the engine; may be empty.
    pub name: String,
}

impl std::fmt::Display for DeadOwner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name.as_str() {
            "" => write!(formatter, "process {}", self.pid),
            name => write!(formatter, "process {name} (pid {})", self.pid),
        }
    }
}

/// The holder of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The pid of its process, which may be another process's by now if that has ended.
    pub pid: u32,
    /// The name of its process in the engine; may be empty.
    pub process: String,
    /// The thread: the kernel's number for a lock in the arena, the engine's own for a private one; 0 when unknown.
    pub thread: u32,
    /// Whether it is known to be dead: the next thread that asks gets the lock.
    pub dead: bool,
    /// Whether its process has ended. Unless `dead`, it ended in good order, and the lock stays taken until it is
    /// released.
    pub has_ended: bool,
}

/// How a lock was got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "what the lock guards may be half changed if its owner died"]
pub struct Acquired {
    /// The process that held the lock when it died, if that is how it came free: what the lock guards may be half
    /// changed.
    pub owner_died: Option<Box<DeadOwner>>,
}

/// What is left, beside a lock, of an owner that died with it.
#[repr(C)]
pub(in crate::sync) struct DeadRecord {
    owner: AtomicU32,
    pid: AtomicU32,
    name: [AtomicU64; 8],
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for DeadRecord {}

/// Stands for the owner in a record that was kept.
const KEPT: u32 = u32::MAX;

impl DeadRecord {
    /// Writes down the dead owner of a lock, before the lock's word is marked.
    pub(in crate::sync) fn write(&self, arena: &Arena, owner: u32, dead: &Dead) {
        self.owner.store(owner, Ordering::Relaxed);
        self.pid.store(dead.pid, Ordering::Relaxed);
        for (to, from) in self.name.iter().zip(arena.process(dead.process).name_words()) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// What was written down about `owner`.
    pub(in crate::sync) fn read(&self, owner: u32) -> DeadOwner {
        if self.owner.load(Ordering::Relaxed) != owner {
            return DeadOwner { pid: 0, name: String::new() };
        }
        DeadOwner { pid: self.pid.load(Ordering::Relaxed), name: read_text(&self.name) }
    }

    /// Keeps what is known of a dead owner until it is taken: apart from the lock's own record, for its holder alone.
    pub(super) fn keep(&self, owner: &DeadOwner) {
        self.pid.store(owner.pid, Ordering::Relaxed);
        write_text(&self.name, &owner.name);
        // Last: a holder that is killed before has kept nothing, and its own death is news then.
        self.owner.store(KEPT, Ordering::Release);
    }

    /// What was kept, once.
    pub(super) fn take(&self) -> Option<DeadOwner> {
        if self.owner.load(Ordering::Acquire) != KEPT {
            return None;
        }
        let owner = self.read(KEPT);
        self.owner.store(0, Ordering::Release);
        Some(owner)
    }
}

/// The thread with the number `owner` in the word of a lock in the arena.
pub(super) fn holder_in(
    arena: &'static Arena,
    owner: u32,
    dead: bool,
    record: &DeadRecord,
) -> Option<Holder> {
    let thread = ThreadId::from_raw(owner)?;
    if dead {
        let DeadOwner { pid, name } = record.read(owner);
        return Some(Holder { pid, process: name, thread: 0, dead, has_ended: true });
    }
    Some(match arena.process_of(thread) {
        None => {
            let DeadOwner { pid, name } = record.read(owner);
            Holder { pid, process: name, thread: 0, dead, has_ended: true }
        }
        Some(process) => {
            let slot = arena.process(process);
            let (pid, process, has_ended) = (slot.pid(), slot.name(), arena.is_dead(process));
            Holder { pid, process, thread: arena.thread(thread).tid(), dead, has_ended }
        }
    })
}

/// What is known of a lock at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockStatistics {
    /// The holder; `None` when the lock is free.
    pub holder: Option<Holder>,
    /// How many threads wait for it. In a fork's child, those of the parent that waited for a private lock are
    /// still counted.
    pub waiters: usize,
}
