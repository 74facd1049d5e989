//! Owners: the numbers of processes and threads that stand in words of the arena.
//!
//! A number is a slot's index and the slot's generation, so that a word which still names a dead owner is never
//! mistaken for naming the slot's next one. The calling process's own stands in a page that the kernel clears in
//! children, so that a fork's child cannot mistake its parent's for its own.
//!
//! ```text
//! ProcessId  24 bits: generation (14) | index (10), index 0 is nobody's
//! ThreadId   29 bits: generation (16) | index (13), index 0 is nobody's
//! ```

use crate::platform::atomic::Ordering;
use crate::platform::wipe;
use std::num::NonZeroU32;

const PROCESS_INDEX_BITS: u32 = 10;
const PROCESS_GENERATION_MASK: u32 = (1 << 14) - 1;
const THREAD_INDEX_BITS: u32 = 13;
const THREAD_GENERATION_MASK: u32 = (1 << 16) - 1;

/// Which word of the wiped page holds this process's number.
const PROCESS_WORD: usize = 0;

/// One process of an arena, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ProcessId(NonZeroU32);

impl ProcessId {
    /// How many bits a number takes.
    pub const BITS: u32 = 24;

    pub(super) fn new(index: usize, generation: u32) -> ProcessId {
        let raw = (generation & PROCESS_GENERATION_MASK) << PROCESS_INDEX_BITS | index as u32;
        ProcessId(NonZeroU32::new(raw).expect("slot 0 is never given to anybody"))
    }

    /// The number as it stands in a word of the arena; at most [`ProcessId::BITS`] bits, never 0.
    pub fn raw(self) -> u32 {
        self.0.get()
    }

    /// The process that a word of the arena names; `None` for 0, nobody.
    pub fn from_raw(raw: u32) -> Option<ProcessId> {
        (raw & ((1 << PROCESS_INDEX_BITS) - 1) != 0).then(|| NonZeroU32::new(raw).map(ProcessId))?
    }

    /// The number of its slot, from 1 to 1023.
    pub fn index(self) -> usize {
        (self.raw() & ((1 << PROCESS_INDEX_BITS) - 1)) as usize
    }

    pub(super) fn generation(self) -> u32 {
        self.raw() >> PROCESS_INDEX_BITS & PROCESS_GENERATION_MASK
    }
}

/// One thread of a process of an arena, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(NonZeroU32);

impl ThreadId {
    /// How many bits a number takes.
    pub const BITS: u32 = 29;

    pub(super) fn new(index: usize, generation: u32) -> ThreadId {
        let raw = (generation & THREAD_GENERATION_MASK) << THREAD_INDEX_BITS | index as u32;
        ThreadId(NonZeroU32::new(raw).expect("slot 0 is never given to anybody"))
    }

    /// The number as it stands in a word of the arena; at most [`ThreadId::BITS`] bits, never 0.
    pub fn raw(self) -> u32 {
        self.0.get()
    }

    /// The thread that a word of the arena names; `None` for 0, nobody.
    pub fn from_raw(raw: u32) -> Option<ThreadId> {
        (raw & ((1 << THREAD_INDEX_BITS) - 1) != 0).then(|| NonZeroU32::new(raw).map(ThreadId))?
    }

    /// The number of its slot.
    pub fn index(self) -> usize {
        (self.raw() & ((1 << THREAD_INDEX_BITS) - 1)) as usize
    }

    pub(super) fn generation(self) -> u32 {
        self.raw() >> THREAD_INDEX_BITS & THREAD_GENERATION_MASK
    }
}

/// The calling process's number if it has one.
#[inline]
pub(super) fn known_process() -> Option<ProcessId> {
    ProcessId::from_raw(wipe::word(PROCESS_WORD)?.load(Ordering::Relaxed))
}

/// Makes `process` the calling process's number, unless it has one; says which it is now.
pub(super) fn become_process(process: ProcessId) -> ProcessId {
    let word = wipe::word(PROCESS_WORD).expect("the page is made before the arena");
    match word.compare_exchange(0, process.raw(), Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => process,
        Err(earlier) => ProcessId::from_raw(earlier).expect("the word is 0 or a process"),
    }
}
