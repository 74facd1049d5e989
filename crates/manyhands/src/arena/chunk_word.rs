//! The word of a chunk, and sets of chunks.
//!
//! Blocks of one chunk may be of several sizes, and memory that was carved for one size would be of use for that size
//! only. So a chunk all of whose blocks are free is taken back as a whole (see [`super::reclaim`]) and given out again
//! by [`super::carve`]. A word for each:
//!
//! ```text
//! bits 0-3   state: Fresh, Taken(owner), Used, Clearing(owner), Emptying(owner), Free, Lasting
//! bits 4-27  owner (a ProcessId)
//!
//! Fresh or Free --taken to carve from--> Taken(me) --a cursor is there--> Used
//! Used --its blocks are looked through--> Clearing(me) --all were free--> Emptying(me) --no entry names it--> Free
//!                                         Clearing(me) --some were not--> Used
//!                                        Taken(me) --for entries--> Lasting, for ever
//! ```
//!
//! A chunk is Taken until the cursor stands there. Were it Used before that, a pass could mark it and find no cursor in
//! it, and the cursor would come later, to a chunk that is about to be free.

use super::window::CHUNKS;
use crate::platform::atomic::{AtomicU64, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkState {
    Fresh,
    Taken(u32),
    Used,
    Clearing(u32),
    Emptying(u32),
    Free,
    Lasting,
}

impl ChunkState {
    fn pack(self) -> u64 {
        match self {
            ChunkState::Fresh => 0,
            ChunkState::Taken(owner) => 1 | u64::from(owner) << 4,
            ChunkState::Used => 2,
            ChunkState::Clearing(owner) => 3 | u64::from(owner) << 4,
            ChunkState::Emptying(owner) => 4 | u64::from(owner) << 4,
            ChunkState::Free => 5,
            ChunkState::Lasting => 6,
        }
    }

    fn unpack(word: u64) -> ChunkState {
        let owner = (word >> 4) as u32 & 0xff_ffff;
        match word & 0xf {
            0 => ChunkState::Fresh,
            1 => ChunkState::Taken(owner),
            2 => ChunkState::Used,
            3 => ChunkState::Clearing(owner),
            4 => ChunkState::Emptying(owner),
            5 => ChunkState::Free,
            _ => ChunkState::Lasting,
        }
    }
}

/// The word of a chunk.
#[repr(transparent)]
pub(super) struct Chunk(AtomicU64);

// SAFETY: one atomic.
#[cfg(not(manyhands_model))]
unsafe impl super::shared::Shared for Chunk {}

impl Chunk {
    pub(super) fn load(&self) -> ChunkState {
        ChunkState::unpack(self.0.load(Ordering::Acquire))
    }

    pub(super) fn exchange(&self, from: ChunkState, to: ChunkState) -> bool {
        self.0.compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    #[cfg(all(test, manyhands_model))]
    pub(super) fn new() -> Chunk {
        Chunk(AtomicU64::new(ChunkState::Used.pack()))
    }
}

/// Some of the chunks.
#[derive(Clone)]
pub(super) struct Set([u64; CHUNKS / 64]);

impl Set {
    pub(super) const EMPTY: Set = Set([0; CHUNKS / 64]);
    pub(super) const ALL: Set = Set([u64::MAX; CHUNKS / 64]);

    pub(super) fn insert(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.0[number / 64] >> (number % 64) & 1 != 0
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..CHUNKS).filter(|number| self.has(*number))
    }
}
