//! What an arena knows of one thread: the record in its slot.
//!
//! A slot's word says which process has it, and passes it on: see [`super::thread_table`]. The rest is written by the
//! thread itself.
//!
//! ```text
//! word: bits 0-7 state (Free, Running, Ended) | 8-23 generation | 24-47 process
//! ```

use super::shared::Shared;
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};

/// How many threads of an arena have a slot at a time, plus one.
pub const THREADS: usize = 8192;
pub(super) const TABLE_BYTES: u64 = (THREADS * size_of::<ThreadSlot>()) as u64;

pub(super) const FREE: u64 = 0;
pub(super) const RUNNING: u64 = 1;
pub(super) const ENDED: u64 = 2;

/// What is known of one thread.
#[repr(C, align(64))]
pub struct ThreadSlot {
    pub(super) word: AtomicU64,
    pub(super) tid: AtomicU32,
    /// The generation at which the present process took the slot.
    pub(super) first_generation: AtomicU32,
    /// What it waits for: kind << 32 | object number; 0 when it waits for nothing of the arena.
    pub(super) waits_for: AtomicU64,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for ThreadSlot {}

impl ThreadSlot {
    /// The kernel's number of the thread.
    pub fn tid(&self) -> u32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// What the thread waits for, as a number that the waiting layer chose; 0 for nothing.
    pub fn waits_for(&self) -> u64 {
        self.waits_for.load(Ordering::Acquire)
    }

    /// Says what the thread begins to wait for, or (0) that it waits no more.
    pub fn set_waits_for(&self, what: u64) {
        self.waits_for.store(what, Ordering::Release);
    }
}

pub(super) fn pack(state: u64, generation: u32, process: u32) -> u64 {
    state | u64::from(generation & 0xffff) << 8 | u64::from(process) << 24
}

pub(super) fn unpack(word: u64) -> (u64, u32, u32) {
    (word & 0xff, (word >> 8) as u32 & 0xffff, (word >> 24) as u32 & 0xff_ffff)
}
