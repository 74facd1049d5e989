//! The directory of blocks: an entry for each, which says whose the block is and where it stands.
//!
//! Blocks come in sizes of powers of two from 256 bytes. Each has an entry in a directory, which grows by chunks that
//! are never given back, so that an entry's place never changes. What its word says stands in [`super::block_word`].
//!
//! How a word passes from one state to the next is the business of [`super::block`].

use super::block_word::{Entry, NoEntry, Word};
use super::carve::Part;
use super::error::ArenaError;
use super::header::BLOCK_DIRECTORY;
use super::region::Arena;
use super::shared::{Offset, Shared};
use crate::platform::atomic::{AtomicI64, AtomicU64, Ordering};

pub(super) const SMALLEST: usize = 256;
pub(super) const CLASSES: usize = 28;
const CHUNKS: usize = 2048;
pub(super) const ENTRIES_PER_CHUNK: usize = 4096;

pub(super) const DIRECTORY_BYTES: u64 = size_of::<Directory>() as u64;

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

impl Arena {
    pub(super) fn directory(&self) -> &'static Directory {
        self.at(Offset::new(BLOCK_DIRECTORY))
    }

    /// An entry of the directory. Entries stand among the structures, which are mapped always, unless there are many
    /// hundreds of thousands of blocks.
    #[inline]
    pub(super) fn entry_at(&self, class: usize, index: u64) -> Result<&'static Entry, NoEntry> {
        let chunk = self.directory().classes.get(class);
        let chunk = chunk.and_then(|class| class.chunks.get(index as usize / ENTRIES_PER_CHUNK));
        let place = chunk.map_or(0, |chunk| chunk.load(Ordering::Acquire));
        if place == 0 {
            return Err(NoEntry::Stale);
        }
        let entries: &'static [Entry] =
            self.structure(Offset::new(place), ENTRIES_PER_CHUNK).map_err(|error| match error {
                ArenaError::Damaged { .. } => NoEntry::Stale,
                _ => NoEntry::Unreachable,
            })?;
        Ok(&entries[index as usize % ENTRIES_PER_CHUNK])
    }

    /// Whether every process can see an entry at any time.
    pub(super) fn is_entry_in_tables(&self, class: usize, index: u64) -> bool {
        let chunk = self.directory().classes[class].chunks.get(index as usize / ENTRIES_PER_CHUNK);
        chunk.is_some_and(|chunk| Part::of(chunk.load(Ordering::Acquire)) == Part::Tables)
    }

    #[inline]
    pub(super) fn entry(&self, id: BlockId) -> Result<&'static Entry, NoEntry> {
        self.entry_at(id.class(), id.index())
    }

    /// Visits all entries that this process can see; says whether these are all there are.
    pub(super) fn each_entry(
        &self,
        mut visit: impl FnMut(BlockId, &'static Entry, Word),
    ) -> Result<(), ArenaError> {
        let mut all = Ok(());
        for class in 0..CLASSES {
            let count = self.directory().classes[class].count();
            let mut index = 0;
            while index < count {
                match self.entry_at(class, index) {
                    Ok(entry) => {
                        let word = entry.load();
                        visit(BlockId::new(class, index, word.generation), entry, word);
                        index += 1;
                        continue;
                    }
                    // Counted, and not carved yet.
                    Err(NoEntry::Stale) => {}
                    Err(error) => all = Err(error.into()),
                }
                // As it is with one entry of a chunk, so it is with all.
                index = (index + 1).next_multiple_of(ENTRIES_PER_CHUNK as u64);
            }
        }
        all
    }
}
