//! The directory of blocks: an entry for each, whose word says whose the block is.
//!
//! Blocks come in sizes of powers of two from 256 bytes. Each has an entry in a directory, which grows by chunks that are
//! never given back, so that an entry's place never changes; nothing is lost with a killed owner:
//!
//! ```text
//! bits 0-3    state: Empty (no memory yet), Carving(owner), Free, Held(owner), InFlight
//! bits 4-27   owner (a ProcessId)
//! bit 28      it carries handles (see `travel`)
//! bit 29      they are being let go, before it is freed
//! bit 30      cold: it is free, and its pages were given back
//! bits 32-63  generation, raised whenever the block is freed
//! ```
//!
//! How a word passes from one state to the next is the business of [`super::block`].

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
    unused: [AtomicU64; 5],
    pub(super) chunks: [AtomicU64; CHUNKS],
}

#[repr(C, align(64))]
pub(super) struct Directory {
    /// Bytes of large free blocks that have their pages.
    pub(super) kept: AtomicI64,
    unused: [AtomicU64; 7],
    pub(super) classes: [Class; CLASSES],
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Directory {}

#[repr(C)]
pub(super) struct Entry {
    word: AtomicU64,
    pub(super) offset: AtomicU64,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Entry {}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Empty,
    Carving,
    Free,
    Held,
    InFlight,
}

#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) state: State,
    pub(super) owner: u32,
    pub(super) carrying: bool,
    pub(super) dropping: bool,
    pub(super) cold: bool,
    pub(super) generation: u32,
}

impl Word {
    fn pack(self) -> u64 {
        let state = match self.state {
            State::Empty => 0,
            State::Carving => 1,
            State::Free => 2,
            State::Held => 3,
            State::InFlight => 4,
        };
        state
            | u64::from(self.owner & 0xff_ffff) << 4
            | u64::from(self.carrying) << 28
            | u64::from(self.dropping) << 29
            | u64::from(self.cold) << 30
            | u64::from(self.generation) << 32
    }

    fn unpack(word: u64) -> Word {
        let state = match word & 0xf {
            0 => State::Empty,
            1 => State::Carving,
            2 => State::Free,
            3 => State::Held,
            _ => State::InFlight,
        };
        Word {
            state,
            owner: (word >> 4) as u32 & 0xff_ffff,
            carrying: word >> 28 & 1 != 0,
            dropping: word >> 29 & 1 != 0,
            cold: word >> 30 & 1 != 0,
            generation: (word >> 32) as u32,
        }
    }
}

impl Entry {
    pub(super) fn load(&self) -> Word {
        Word::unpack(self.word.load(Ordering::Acquire))
    }

    pub(super) fn exchange(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Why an entry is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoEntry {
    /// There is none.
    Stale,
    /// This process has no address space left for it.
    Unreachable,
}

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

/// A block's number: class (5 bits), entry + 1 (27 bits), generation (32 bits); never 0. It travels, and names the block only until that
/// is freed.
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
}

impl Arena {
    pub(super) fn directory(&self) -> &'static Directory {
        self.at(Offset::new(BLOCK_DIRECTORY))
    }

    /// An entry of the directory. Entries stand among the structures, which are mapped always, unless there are many hundreds of
    /// thousands of blocks.
    #[inline]
    pub(super) fn entry_at(&self, class: usize, index: u64) -> Result<&'static Entry, NoEntry> {
        let chunk = self.directory().classes.get(class);
        let chunk = chunk.and_then(|class| class.chunks.get(index as usize / ENTRIES_PER_CHUNK));
        let place = chunk.map_or(0, |chunk| chunk.load(Ordering::Acquire));
        if place == 0 {
            return Err(NoEntry::Stale);
        }
        let entries: &'static [Entry] = match Part::of(place) {
            Part::Tables => self.slice(Offset::new(place), ENTRIES_PER_CHUNK),
            Part::Chunks => {
                self.structure(Offset::new(place), ENTRIES_PER_CHUNK).map_err(|_| NoEntry::Unreachable)?
            }
        };
        Ok(&entries[index as usize % ENTRIES_PER_CHUNK])
    }

    /// Whether every process can see an entry at any time.
    pub(super) fn is_entry_in_tables(&self, class: usize, index: u64) -> bool {
        let chunk = &self.directory().classes[class].chunks[index as usize / ENTRIES_PER_CHUNK];
        Part::of(chunk.load(Ordering::Acquire)) == Part::Tables
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
            let count = self.directory().classes[class].count.load(Ordering::Acquire);
            for index in 0..count {
                match self.entry_at(class, index) {
                    Ok(entry) => {
                        let word = entry.load();
                        visit(BlockId::new(class, index, word.generation), entry, word);
                    }
                    // Counted, and not carved yet.
                    Err(NoEntry::Stale) => {}
                    Err(error) => all = Err(error.into()),
                }
            }
        }
        all
    }
}
