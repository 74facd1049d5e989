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

/// Which word of the wiped page holds this process's number.
const PROCESS_WORD: usize = 0;

/// Makes a type the number of a slot in a table, with so many bits for the index and for the slot's generation.
macro_rules! slot_number {
    ($name:ident: $what:literal, index $index_bits:literal, generation $generation_bits:literal) => {
        impl $name {
            const INDEX_MASK: u32 = (1 << $index_bits) - 1;
            const GENERATION_MASK: u32 = (1 << $generation_bits) - 1;

            /// How many bits a number takes.
            pub const BITS: u32 = $index_bits + $generation_bits;

            pub(super) fn new(index: usize, generation: u32) -> $name {
                let raw = (generation & Self::GENERATION_MASK) << $index_bits | index as u32;
                $name(NonZeroU32::new(raw).expect("slot 0 is never given to anybody"))
            }

            /// The number as it stands in a word of the arena; never 0, and of no more bits than it takes.
            pub fn raw(self) -> u32 {
                self.0.get()
            }

            #[doc = concat!("The ", $what, " that a word of the arena names; `None` for 0, nobody.")]
            pub fn from_raw(raw: u32) -> Option<$name> {
                (raw & Self::INDEX_MASK != 0).then(|| NonZeroU32::new(raw).map($name))?
            }

            /// The number of its slot, from 1.
            pub fn index(self) -> usize {
                (self.raw() & Self::INDEX_MASK) as usize
            }

            pub(super) fn generation(self) -> u32 {
                self.raw() >> $index_bits & Self::GENERATION_MASK
            }
        }
    };
}

/// One process of an arena, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ProcessId(NonZeroU32);

slot_number!(ProcessId: "process", index 10, generation 14);

/// One thread of a process of an arena, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(NonZeroU32);

slot_number!(ThreadId: "thread", index 13, generation 16);

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
