//! What an arena knows of one thread: the record in its slot.
//!
//! A slot's word says which process has it, and passes it on: see [`super::thread_table`]. The rest is written by the
//! thread itself.
//!
//! ```text
//! word: bits 0-7 state (Free, Running, Ended) | 8-23 generation | 24-47 process
//! ```

use super::shared::Shared;
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering, fence};

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
    /// What it waits for, as the layer above writes it: in the lower half the number of an object of the arena, if it
    /// is one; 0 when it waits for nothing.
    pub(super) waits_for: AtomicU64,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for ThreadSlot {}

impl ThreadSlot {
    /// The kernel's number of the thread.
    pub fn tid(&self) -> u32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// What the thread waits for, as the word that the waiting layer chose; 0 for nothing.
    pub(crate) fn waits_for(&self) -> u64 {
        self.waits_for.load(Ordering::Acquire)
    }

    /// Writes down what the thread, which is the calling one, waits for from now on (0: nothing), and gives what stood
    /// there. Comes before whatever the thread looks at next, in the eyes of all.
    pub(crate) fn wait_for(&self, what: u64) -> u64 {
        let before = self.waits_for.load(Ordering::Relaxed);
        if what == 0 {
            // A note that is seen a little longer than it stands harms nobody.
            self.waits_for.store(0, Ordering::Release);
        } else {
            self.waits_for.store(what, Ordering::Relaxed);
            fence(Ordering::SeqCst); // pairs with that of `Arena::waited`
        }
        before
    }
}

pub(super) fn pack(state: u64, generation: u32, process: u32) -> u64 {
    state | u64::from(generation & 0xffff) << 8 | u64::from(process) << 24
}

pub(super) fn unpack(word: u64) -> (u64, u32, u32) {
    (word & 0xff, (word >> 8) as u32 & 0xffff, (word >> 24) as u32 & 0xff_ffff)
}
