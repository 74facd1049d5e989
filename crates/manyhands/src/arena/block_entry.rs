//! What the directory of blocks is made of: an entry for each block, which says whose it is and where it stands.
//!
//! Blocks come in sizes of powers of two from 256 bytes. Each has an entry in a directory, which grows by chunks that
//! are never given back, so that an entry's place never changes. What its word says stands in [`super::block_word`].
//!
//! How a word passes from one state to the next is the business of [`super::block`].

use super::block_word::{Entry, NoEntry};
use super::error::ArenaError;
use super::shared::Shared;
use crate::platform::atomic::{AtomicI64, AtomicU64, Ordering};

pub(super) const SMALLEST: usize = 256;
pub(super) const CLASSES: usize = 28;
const CHUNKS: usize = 2048;
pub(super) const ENTRIES_PER_CHUNK: usize = 4096;

pub(super) const DIRECTORY_BYTES: u64 = size_of::<Directory>() as u64;

/// Blocks of at least this size give their pages back when much is free.
pub(super) const PUNCH_SIZE: usize = 1 << 20;
/// How many bytes of large blocks may lie free with their pages.
pub(super) const KEEP_FREE: i64 = 512 << 20;

#[repr(C, align(64))]
pub(super) struct Class {
    /// One past the highest entry in use.
    pub(super) count: AtomicU64,
    /// Where the next search begins.
    pub(super) hint: AtomicU64,
    /// How many are free, as a hint: a crash may leave it wrong, a search that finds none puts it right.
    pub(super) free: AtomicI64,
    /// Where the next search for an empty entry begins: none is below.
    pub(super) empty: AtomicU64,
    /// How many were emptied and not used again, as a hint.
    pub(super) emptied: AtomicI64,
    unused: [AtomicU64; 3],
    pub(super) chunks: [AtomicU64; CHUNKS],
}

#[repr(C, align(64))]
pub(super) struct Directory {
    /// Bytes of large free blocks that have their pages.
    pub(super) kept: AtomicI64,
    /// More bytes of small free blocks than this are looked through for chunks to give back; 0: more than ever are
    /// kept.
    pub(super) trim_at: AtomicI64,
    /// The class, and how many were free, when that was looked at last.
    pub(super) looked_at: AtomicU64,
    unused: [AtomicU64; 5],
    pub(super) classes: [Class; CLASSES],
}

impl Class {
    /// How many entries are in use, of those that there can be.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire).min((CHUNKS * ENTRIES_PER_CHUNK) as u64)
    }
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Directory {}

impl From<NoEntry> for ArenaError {
    #[cold]
    fn from(why: NoEntry) -> ArenaError {
        match why {
            NoEntry::Stale => ArenaError::StaleBlock,
            NoEntry::Unreachable => {
                ArenaError::AddressSpace { wanted: ENTRIES_PER_CHUNK * size_of::<Entry>() }
            }
        }
    }
}

/// A block's number: class (5 bits), entry + 1 (27 bits), generation (32 bits); never 0. It travels, and names the
/// block only until that is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockId(u64);

impl BlockId {
    pub(super) fn new(class: usize, index: u64, generation: u32) -> BlockId {
        BlockId((class as u64) << 59 | ((index + 1) & 0x7ff_ffff) << 32 | u64::from(generation))
    }

    /// The number as it stands in a word of the arena.
    pub fn raw(self) -> u64 {
        self.0
    }

    /// The block that a word of the arena names.
    pub fn from_raw(raw: u64) -> BlockId {
        BlockId(raw)
    }

    pub(super) fn class(self) -> usize {
        (self.0 >> 59) as usize
    }

    pub(super) fn index(self) -> u64 {
        (self.0 >> 32 & 0x7ff_ffff).wrapping_sub(1)
    }

    pub(super) fn generation(self) -> u32 {
        self.0 as u32
    }

    /// How many bytes the block has room for.
    pub fn capacity(self) -> usize {
        SMALLEST << self.class()
    }

    /// Whether it has room for so many bytes.
    pub(super) fn check_room(self, bytes: usize) -> Result<(), ArenaError> {
        if bytes <= self.capacity() {
            return Ok(());
        }
        Err(ArenaError::Damaged { what: "a block is too short for what should stand in it" })
    }
}
