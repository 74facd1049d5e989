//! The first page of an arena: what it is, how it is divided, how far it is used.
//!
//! A process that gets a memory file reads this page first and refuses a stranger: another magic number, another
//! format, another build's layout, another pid namespace. The tables' places are constants, so the header holds only
//! what changes: the frontier, high-water marks and counters.

use super::block_entry;
use super::chunk_word::Chunk;
use super::free_bits::FreeBits;
use super::object_word::{self, OBJECTS};
use super::once::Entry;
use super::process_slot;
use super::records;
use super::shared::Shared;
use super::thread_slot::{self, THREADS};
use super::window::{CHUNK, CHUNKS};
use crate::platform::atomic::{AtomicU32, AtomicU64};
use crate::platform::robust::{WORDS, Word};

pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"mnyhands");
/// Raised whenever a layout in the arena changes its meaning without changing its size.
pub(super) const FORMAT: u32 = 5;

/// How many names have a number.
pub(super) const NAMES: usize = 2048;
pub(super) const NAME_WORDS: usize = 7;
/// How many shapes have a number.
pub(super) const SHAPES: usize = 1024;
pub(super) const SHAPE_WORDS: usize = 31;
// SAFETY: repr(C), atomics only.
unsafe impl<const WORDS: usize> Shared for Entry<WORDS> {}

const NAME_TABLE_BYTES: u64 = (NAMES * size_of::<Entry<NAME_WORDS>>()) as u64;
const SHAPE_TABLE_BYTES: u64 = (SHAPES * size_of::<Entry<SHAPE_WORDS>>()) as u64;
const CHUNK_TABLE_BYTES: u64 = (CHUNKS * size_of::<Chunk>()) as u64;

pub(super) const HEADER_BYTES: u64 = 4096;
pub(super) const PROCESS_TABLE: u64 = HEADER_BYTES;
pub(super) const THREAD_TABLE: u64 = PROCESS_TABLE + process_slot::TABLE_BYTES;
pub(super) const BLOCK_DIRECTORY: u64 = THREAD_TABLE + thread_slot::TABLE_BYTES;
pub(super) const OBJECT_WORDS: u64 = (BLOCK_DIRECTORY + block_entry::DIRECTORY_BYTES).next_multiple_of(4096);
pub(super) const FREE_TABLE: u64 = (OBJECT_WORDS + object_word::WORDS_BYTES).next_multiple_of(4096);
pub(super) const CHUNK_TABLE: u64 = (FREE_TABLE + size_of::<Free>() as u64).next_multiple_of(4096);
pub(super) const NAME_TABLE: u64 = CHUNK_TABLE + CHUNK_TABLE_BYTES;
pub(super) const SHAPE_TABLE: u64 = NAME_TABLE + NAME_TABLE_BYTES;
/// Then comes room for structures.
pub(super) const STRUCTURES_START: u64 = (SHAPE_TABLE + SHAPE_TABLE_BYTES).next_multiple_of(4096);
pub(super) const STRUCTURES_END: u64 = STRUCTURES_START + (16 << 20);
/// Behind it some for what must be mapped everywhere when the other structures have used up theirs.
pub(super) const SPARE_END: u64 = STRUCTURES_END + (4 << 20);
/// And some for the first small blocks: most programs need no more of them, and so map no chunk.
pub(super) const FIRST_BLOCKS: u64 = SPARE_END;
pub(super) const FIRST_BLOCKS_END: u64 = FIRST_BLOCKS + (8 << 20);
/// The records of objects come last, since there are so many of them: only the first segment is always mapped.
pub(super) const OBJECT_TABLE: u64 = FIRST_BLOCKS_END.next_multiple_of(4096);
/// How much every process has mapped, from the beginning on. What is behind it is mapped when it is used: further
/// segments of records (see `records`), and chunks (see `window`).
pub(super) const TABLES_END: u64 = OBJECT_TABLE + records::SEGMENT_BYTES;
/// Where the first chunk begins.
pub(super) const FIRST_CHUNK: u64 = (OBJECT_TABLE + object_word::TABLE_BYTES).next_multiple_of(CHUNK);

/// A number that differs between builds whose arenas do not have the same layout.
pub(super) const LAYOUT: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let numbers = [
        PROCESS_TABLE,
        THREAD_TABLE,
        BLOCK_DIRECTORY,
        OBJECT_WORDS,
        OBJECT_TABLE,
        FREE_TABLE,
        CHUNK_TABLE,
        NAME_TABLE,
        SHAPE_TABLE,
        STRUCTURES_START,
        STRUCTURES_END,
        SPARE_END,
        FIRST_BLOCKS_END,
        TABLES_END,
        FIRST_CHUNK,
        size_of::<usize>() as u64,
    ];
    let mut index = 0;
    while index < numbers.len() {
        hash = (hash ^ numbers[index]).wrapping_mul(0x0000_0100_0000_01b3);
        index += 1;
    }
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    index = 0;
    while index < version.len() {
        hash = (hash ^ version[index] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        index += 1;
    }
    hash
};

#[repr(C)]
pub(super) struct Header {
    /// Written last, when everything else is in place.
    pub(super) magic: AtomicU64,
    pub(super) format: AtomicU32,
    pub(super) reaper: AtomicU32,
    pub(super) layout: AtomicU64,
    pub(super) pid_namespace: AtomicU64,
    pub(super) size: AtomicU64,
    /// When it was made, in nanoseconds of the boot clock: part of the memory file's name.
    pub(super) made_at: AtomicU64,
    /// The first chunk from which nothing was carved, in bytes from the arena's start.
    pub(super) frontier: AtomicU64,
    /// Where the next structure is carved from.
    pub(super) structures: AtomicU64,
    /// Where the spare room begins that is left behind them.
    pub(super) spare: AtomicU64,
    /// Where the next small block is carved from, up to the end of the chunk or of the room for the first ones; at a
    /// border there is no chunk.
    pub(super) small: AtomicU64,
    /// The same for large blocks that are shorter than a chunk.
    pub(super) large: AtomicU64,
    /// The same for entries of the block directory that have no room in the tables.
    pub(super) entries: AtomicU64,
    /// One past the highest number ever used, so that scans end early.
    pub(super) process_high: AtomicU32,
    pub(super) thread_high: AtomicU32,
    pub(super) object_high: AtomicU32,
    unused: AtomicU32,
    /// When a waiter last looked for the dead at a tick, in nanoseconds of the monotonic clock.
    pub(super) looked: AtomicU64,
    /// The reaper's number in the kernel while it lives, as `platform::robust` has it; 0 when there was none yet.
    pub(super) life: [Word; WORDS],
    pub(super) counters: Counters,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Header {}

/// Which records and slots may be free, of those below the high-water marks.
#[repr(C)]
pub(super) struct Free {
    pub(super) objects: FreeBits<{ OBJECTS / 64 }, { OBJECTS / 4096 }>,
    pub(super) threads: FreeBits<{ THREADS / 64 }, { THREADS / 4096 }>,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Free {}

/// What the engine did in this arena since it was made. Counted only where it costs nothing: in slow paths, and
/// when something that counts for itself (a queue's positions) goes away.
#[repr(C)]
#[derive(Debug)]
pub struct Counters {
    /// Processes that the engine started.
    pub processes_started: AtomicU64,
    /// Calls that pools which are gone have answered.
    pub calls: AtomicU64,
    /// Messages put into queues which are gone.
    pub messages: AtomicU64,
    /// How often a thread had to wait for a lock.
    pub lock_waits: AtomicU64,
    /// Threads that were started through the engine; counted where a program asks for statistics.
    pub threads_started: AtomicU64,
}
