//! What the arena keeps of an object: the word of its header, and the record with its references and its body.
//!
//! The word says who may touch the object:
//!
//! ```text
//! bits 0-3   state: Free, Claimed(owner makes it), Live, Freeing(owner unmakes it)
//! bits 4-11  kind
//! bits 12-35 owner (a ProcessId; 0 when Free or Live)
//! bits 36-63 generation
//!
//! Free --create--> Claimed(me) --made--> Live --last reference gone--> Freeing(me) --unmade--> Free, next generation
//! ```
//!
//! Making and unmaking can both be finished by a sweep: Claimed(dead) becomes Free, Freeing(dead) is done again.

use super::process_slot::PROCESSES;
use super::shared::Shared;
use crate::platform::atomic::AtomicU64;

/// How many bytes an object's body has.
pub const BODY: usize = 192;

/// How many objects an arena holds at a time, plus one.
pub(super) const OBJECTS: usize = 262_144;
pub(super) const WORDS_BYTES: u64 = (OBJECTS * size_of::<AtomicU64>()) as u64;
pub(super) const TABLE_BYTES: u64 = (OBJECTS * size_of::<Record>()) as u64;

pub(super) const REFERENCE_WORDS: usize = PROCESSES / 64;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectState {
    Free,
    Claimed,
    Live,
    Freeing,
}

#[repr(C, align(64))]
pub(super) struct Record {
    /// Raised before any reference is taken away, so that a count of none can be verified.
    pub(super) version: AtomicU64,
    unused: [AtomicU64; 7],
    /// One bit per process slot.
    pub(super) references: [AtomicU64; REFERENCE_WORDS],
    pub(super) body: [AtomicU64; BODY / 8],
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Record {}

#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) state: ObjectState,
    pub(super) kind: u8,
    pub(super) owner: u32,
    pub(super) generation: u32,
}

impl Word {
    pub(super) const GENERATIONS: u32 = (1 << 28) - 1;

    pub(super) fn pack(self) -> u64 {
        let state = match self.state {
            ObjectState::Free => 0,
            ObjectState::Claimed => 1,
            ObjectState::Live => 2,
            ObjectState::Freeing => 3,
        };
        state
            | u64::from(self.kind) << 4
            | u64::from(self.owner) << 12
            | u64::from(self.generation & Word::GENERATIONS) << 36
    }

    pub(super) fn unpack(word: u64) -> Word {
        let state = match word & 0xf {
            0 => ObjectState::Free,
            1 => ObjectState::Claimed,
            2 => ObjectState::Live,
            _ => ObjectState::Freeing,
        };
        let owner = (word >> 12) as u32 & 0xff_ffff;
        Word { state, kind: (word >> 4) as u8, owner, generation: (word >> 36) as u32 }
    }

    pub(super) fn free_next(self) -> u64 {
        Word { state: ObjectState::Free, kind: 0, owner: 0, generation: self.generation.wrapping_add(1) }
            .pack()
    }
}
