//! Blocks: memory for payloads that do not fit where they are announced.
//!
//! What each block's entry says (see [`super::block_entry`]) passes like this:
//!
//! ```text
//! Empty --claim--> Carving(me) --memory carved--> Held(me) --free--> Free, next generation --claim--> Held(you)
//! Held(sender) --the receiver takes it--> Held(receiver)
//! Held(dead) --announced in a queue, so a sweep keeps it--> InFlight --the receiver takes it--> Held(receiver)
//! ```
//!
//! A sender stays the owner of a block until the receiver takes it, so sending costs no extra step. Freed blocks are
//! used again, the most recently freed of this process first, which keeps warm pages in use. The pages of large
//! free blocks go back to the kernel once there are many.

use super::block_entry::{BlockId, CLASSES, ENTRIES_PER_CHUNK, Entry, SMALLEST, State, Word};
use super::error::ArenaError;
use super::owner::{ProcessId, known_process, this_process};
use super::region::Arena;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::memory;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// How many entries a claim looks at before it takes fresh memory.
const PROBES: u64 = 64;
/// Blocks of at least this size give their pages back when much is free.
const PUNCH_SIZE: usize = 1 << 20;
/// How many bytes of large blocks may lie free with their pages.
const KEEP_FREE: i64 = 512 << 20;

/// A block that this process holds. Drop frees it; [`Block::into_id`] keeps it held for whoever is told the number.
#[derive(Debug)]
pub struct Block {
    id: BlockId,
    address: NonNull<u8>,
    length: usize,
}

// SAFETY: the block's memory belongs to the process that holds it, and within that to this value alone.
unsafe impl Send for Block {}
// SAFETY: as above; shared access reads only.
unsafe impl Sync for Block {}

impl Block {
    /// The block's number.
    pub fn id(&self) -> BlockId {
        self.id
    }

    pub(super) fn shorten(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Gives up the value but not the block: it stays held by this process until somebody takes it by its number.
    pub fn into_id(self) -> BlockId {
        let id = self.id;
        std::mem::forget(self);
        id
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: inside the arena's map, initialised (memory files begin as zeros), written by nobody but the holder.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.length) }
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and this value is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.length) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let arena = Arena::current().expect("a block was claimed in it");
        let entry = arena.entry(self.id);
        let word = entry.load();
        // In a fork's child this is a copy of the parent's value, and the block is the parent's.
        let mine = known_process().is_some_and(|process| process.raw() == word.owner);
        if mine && word.state == State::Held && word.generation == self.id.generation() {
            arena.release_entry(self.id, entry, word);
        }
    }
}

/// The last block of each class that this process freed: entry + 1. A hint, so a fork's copy of it does no harm.
static FREED: [AtomicU32; CLASSES] = [const { AtomicU32::new(0) }; CLASSES];

impl Arena {
    fn block_of(&self, id: BlockId, length: usize) -> Block {
        let offset = self.entry(id).offset.load(Ordering::Acquire);
        Block { id, address: self.address(offset, length), length }
    }

    /// Claims a block for `length` bytes, whose content is whatever stood there before.
    ///
    /// # Errors
    /// When the arena's end is reached and no block of the size is free.
    pub fn claim_block(&self, length: usize) -> Result<Block, ArenaError> {
        let class = (length.max(SMALLEST).next_power_of_two() / SMALLEST).trailing_zeros() as usize;
        let out = || ArenaError::OutOfMemory { wanted: length, limit: self.size() };
        if class >= CLASSES {
            return Err(out());
        }
        let me = this_process()?;
        let freed = FREED[class].swap(0, Ordering::Relaxed);
        if freed != 0
            && let Some(block) = self.try_claim(class, u64::from(freed) - 1, length, me)
        {
            return Ok(block);
        }
        let table = &self.directory().classes[class];
        if table.free.load(Ordering::Relaxed) > 0 {
            let found = self.search(class, length, me, PROBES);
            if let Some(block) = found {
                return Ok(block);
            }
        }
        match self.claim_fresh(class, length, me) {
            Err(ArenaError::OutOfMemory { .. }) => self.search(class, length, me, u64::MAX).ok_or_else(out),
            other => other,
        }
    }

    fn search(&self, class: usize, length: usize, me: ProcessId, probes: u64) -> Option<Block> {
        let table = &self.directory().classes[class];
        let count = table.count.load(Ordering::Acquire);
        let start = table.hint.load(Ordering::Relaxed);
        for step in 0..probes.min(count) {
            let index = (start + step) % count;
            if let Some(block) = self.try_claim(class, index, length, me) {
                table.hint.store((index + 1) % count, Ordering::Relaxed);
                return Some(block);
            }
        }
        if probes >= count {
            table.free.store(0, Ordering::Relaxed);
        }
        None
    }

    fn try_claim(&self, class: usize, index: u64, length: usize, me: ProcessId) -> Option<Block> {
        let entry = self.entry_at(class, index)?;
        let word = entry.load();
        let table = &self.directory().classes[class];
        if word.state != State::Free
            || !entry.exchange(word, Word { state: State::Held, owner: me.raw(), ..word })
        {
            return None;
        }
        table.free.fetch_sub(1, Ordering::Relaxed);
        let id = BlockId::new(class, index, word.generation);
        if id.capacity() >= PUNCH_SIZE {
            self.directory().kept.fetch_sub(id.capacity() as i64, Ordering::Relaxed);
        }
        Some(self.block_of(id, length))
    }

    fn claim_fresh(&self, class: usize, length: usize, me: ProcessId) -> Result<Block, ArenaError> {
        let table = &self.directory().classes[class];
        let size = SMALLEST << class;
        // An entry that was counted by somebody who died before it was carved is found by the sweep of that.
        let index = table.count.fetch_add(1, Ordering::AcqRel);
        let undo = |error| {
            let _ = table.count.compare_exchange(index + 1, index, Ordering::AcqRel, Ordering::Relaxed);
            error
        };
        let chunk = table
            .chunks
            .get(index as usize / ENTRIES_PER_CHUNK)
            .ok_or(ArenaError::OutOfMemory { wanted: length, limit: self.size() })
            .map_err(undo)?;
        if chunk.load(Ordering::Acquire) == 0 {
            let place = self.carve(ENTRIES_PER_CHUNK * size_of::<Entry>(), 64).map_err(undo)?;
            // The loser of a race leaves 64 KiB of address space unused.
            let _ = chunk.compare_exchange(0, place, Ordering::AcqRel, Ordering::Acquire);
        }
        let entry = self.entry_at(class, index).expect("its chunk was just put there");
        let word = entry.load();
        let carving = Word { state: State::Carving, owner: me.raw(), ..word };
        if word.state != State::Empty || !entry.exchange(word, carving) {
            return Err(ArenaError::OutOfMemory { wanted: length, limit: self.size() });
        }
        let place = match self.carve(size, size.min(4096)) {
            Ok(place) => place,
            Err(error) => {
                entry.exchange(carving, word);
                return Err(undo(error));
            }
        };
        entry.offset.store(place, Ordering::Release);
        entry.exchange(carving, Word { state: State::Held, ..carving });
        Ok(self.block_of(BlockId::new(class, index, word.generation), length))
    }

    fn release_entry(&'static self, id: BlockId, entry: &Entry, mut word: Word) {
        if word.carrying {
            // Killed from here on, the sweep finds it still carrying and does this again.
            let dropping = Word { dropping: true, ..word };
            if !word.dropping && !entry.exchange(word, dropping) {
                return;
            }
            word = dropping;
            self.drop_carried(id);
        }
        let directory = self.directory();
        let large = id.capacity() >= PUNCH_SIZE;
        if large && directory.kept.load(Ordering::Relaxed) + id.capacity() as i64 > KEEP_FREE {
            let address = self.address(entry.offset.load(Ordering::Acquire), id.capacity());
            // SAFETY: large blocks are page-aligned parts of the shared map, and this process still holds this one.
            // Should the kernel refuse, the pages are merely kept.
            let _ = unsafe { memory::punch_hole(address.as_ptr(), id.capacity()) };
        }
        let generation = word.generation.wrapping_add(1);
        let free = Word { state: State::Free, owner: 0, carrying: false, dropping: false, generation };
        if entry.exchange(word, free) {
            directory.classes[id.class()].free.fetch_add(1, Ordering::Relaxed);
            if large {
                directory.kept.fetch_add(id.capacity() as i64, Ordering::Relaxed);
            }
            FREED[id.class()].store(id.index() as u32 + 1, Ordering::Relaxed);
        }
    }

    /// Makes this process the holder of a block that it was told of, whose first `length` bytes were written.
    ///
    /// # Errors
    /// When the block was freed meanwhile.
    ///
    /// # Panics
    /// When `length` is more than the block has room for.
    pub(crate) fn take_block(&self, id: BlockId, length: usize) -> Result<Block, ArenaError> {
        assert!(length <= id.capacity(), "a block's content fits it");
        let me = this_process()?;
        let entry = self.entry_at(id.class(), id.index()).ok_or(ArenaError::StaleBlock)?;
        loop {
            let word = entry.load();
            let there = matches!(word.state, State::Held | State::InFlight);
            if !there || word.generation != id.generation() {
                return Err(ArenaError::StaleBlock);
            }
            if entry.exchange(word, Word { state: State::Held, owner: me.raw(), ..word }) {
                return Ok(self.block_of(id, length));
            }
        }
    }

    /// Makes a block of `holder`'s nobody's, to live until it is taken or freed by number. Does nothing when the block
    /// is somebody else's: for sweeps (a dead sender's block that was announced) and for what an object keeps.
    pub(crate) fn block_in_flight(&self, id: BlockId, holder: ProcessId) {
        if let Some(entry) = self.entry_at(id.class(), id.index()) {
            let word = entry.load();
            if word.state == State::Held && word.owner == holder.raw() && word.generation == id.generation() {
                entry.exchange(word, Word { state: State::InFlight, owner: 0, ..word });
            }
        }
    }

    /// Frees a block by number, whoever holds it; does nothing when it was freed before.
    pub(crate) fn free_block(&'static self, id: BlockId) {
        let Some(entry) = self.entry_at(id.class(), id.index()) else { return };
        let word = entry.load();
        if matches!(word.state, State::Held | State::InFlight) && word.generation == id.generation() {
            self.release_entry(id, entry, word);
        }
    }

    /// The bytes of a block by number, for reading in place; the caller knows that nobody frees or writes it meanwhile.
    ///
    /// # Panics
    /// When `length` is more than the block has room for.
    pub(crate) fn block_bytes(&self, id: BlockId, length: usize) -> &'static [u8] {
        assert!(length <= id.capacity(), "a block's content fits it");
        let address = self.address(self.block_place(id), length);
        // SAFETY: inside the map, initialised; the caller keeps writers away.
        unsafe { std::slice::from_raw_parts(address.as_ptr(), length) }
    }

    /// Where a block stands in the memory file, for a private map of it.
    pub(crate) fn block_place(&self, id: BlockId) -> u64 {
        self.entry(id).offset.load(Ordering::Acquire)
    }

    /// How many blocks are held or in flight, in the whole arena. It walks all entries: for tests and reports.
    pub fn blocks_held(&self) -> usize {
        let mut held = 0;
        self.each_entry(|_, _, word| {
            held += usize::from(matches!(word.state, State::Held | State::InFlight))
        });
        held
    }

    pub(super) fn mark_carrying(&self, id: BlockId) {
        let entry = self.entry(id);
        let word = entry.load();
        entry.exchange(word, Word { carrying: true, ..word });
    }

    pub(super) fn each_carrying_block(&self, mut visit: impl FnMut(BlockId)) {
        self.each_entry(|id, _, word| {
            let there = matches!(word.state, State::Held | State::InFlight);
            if there && word.carrying && !word.dropping {
                visit(id);
            }
        });
    }

    /// All bytes that the block has room for.
    pub(super) fn block_bytes_mut<'block>(&self, block: &'block mut Block) -> &'block mut [u8] {
        // SAFETY: the block's capacity lies inside the map, and the value is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(block.address.as_ptr(), block.id.capacity()) }
    }

    /// Part of a sweep, after every layer has kept what was announced: a dead process's blocks are free.
    pub(super) fn free_blocks_of(&'static self, dead: ProcessId) {
        self.each_entry(|id, entry, word| {
            if word.owner != dead.raw() {
                return;
            }
            match word.state {
                State::Held => self.release_entry(id, entry, word),
                State::Carving => {
                    let carved = entry.offset.load(Ordering::Acquire) != 0;
                    let state = if carved { State::Free } else { State::Empty };
                    entry.exchange(word, Word { state, owner: 0, ..word });
                }
                State::Empty | State::Free | State::InFlight => {}
            }
        });
    }
}
