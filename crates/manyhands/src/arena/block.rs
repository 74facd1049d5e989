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
//! used again, the most recently freed of this process first, which keeps warm pages in use. The pages of large free
//! blocks go back to the kernel once there are many; these blocks are *cold*, and claimed after the others. A block
//! that a process cannot map stays whose it is.

use super::block_entry::{BlockId, CLASSES, KEEP_FREE, PUNCH_SIZE};
use super::block_word::{BlockState, Entry, NoEntry, Word};
use super::carve::Part;
use super::current::this_process;
use super::error::ArenaError;
use super::owner::{ProcessId, known_process};
use super::place::{Pin, Pinned};
use super::region::Arena;
use super::shared::{Offset, Shared};
use super::window::CHUNK;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::memory;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// The last block of each class that this process freed, in each part: entry + 1. A hint, so a fork's copy of it does
/// no harm.
static FREED: [[AtomicU32; CLASSES]; 2] = [const { [const { AtomicU32::new(0) }; CLASSES] }; 2];

pub(super) fn freed(part: Part, class: usize) -> &'static AtomicU32 {
    &FREED[part as usize][class]
}

/// A block that this process holds. Drop frees it; [`Block::into_id`] keeps it held for the one that gets the number.
#[derive(Debug)]
pub struct Block {
    id: BlockId,
    address: NonNull<u8>,
    length: usize,
    /// How many bytes are mapped, of which `length` are content.
    mapped: usize,
    pin: Pin,
}

// SAFETY: the block's memory belongs to the process that holds it, and within that to this value alone.
unsafe impl Send for Block {}
// SAFETY: as above; shared access reads only.
unsafe impl Sync for Block {}

impl Block {
    pub(super) fn new(id: BlockId, address: NonNull<u8>, length: usize, pin: Pin) -> Block {
        Block { id, address, length, mapped: length, pin }
    }

    /// The block's number.
    pub fn id(&self) -> BlockId {
        self.id
    }

    pub(super) fn shorten(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Gives up the value but not the block: it stays held by this process until it is taken by its number.
    pub fn into_id(self) -> BlockId {
        let mut block = std::mem::ManuallyDrop::new(self);
        block.unpin();
        block.id
    }

    fn unpin(&mut self) {
        if self.pin != Pin::NONE {
            let arena = Arena::current().expect("a block was claimed in it");
            arena.unpin(&mut self.pin, self.address, self.mapped);
        }
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
        // First: once it is free, another thread may claim it longer than it is mapped, and finds a map that nobody
        // uses.
        self.unpin();
        let arena = Arena::current().expect("a block was claimed in it");
        if let Ok(entry) = arena.entry(self.id) {
            let word = entry.load();
            // In a fork's child this is a copy of the parent's value, and the block is the parent's.
            let mine = known_process().is_some_and(|process| process.raw() == word.owner);
            if mine && word.state == BlockState::Held && word.generation == self.id.generation() {
                // If it cannot be done, it is done when this process has ended.
                let _ = arena.release_entry(self.id, entry, word);
            }
        }
    }
}

impl Arena {
    /// Frees a block whose entry said `word`. Fails when this process cannot see which objects the block carries, or
    /// what else keeps these alive; the block stays whose it is then.
    pub(super) fn release_entry(
        &'static self,
        id: BlockId,
        entry: &Entry,
        mut word: Word,
    ) -> Result<(), ArenaError> {
        // Without a place it was freed before, and its chunk taken back.
        let Ok(place) = entry.place() else { return Ok(()) };
        if word.carrying {
            // Mapped before anything is begun.
            let carried = self.carried(id, place)?;
            // Killed from here on, the sweep finds it still carrying and does this again.
            let dropping = Word { dropping: true, ..word };
            if !word.dropping && !entry.exchange(word, dropping) {
                return Ok(());
            }
            word = dropping;
            self.drop_carried(&carried)?;
        }
        let directory = self.directory();
        let large = id.capacity() >= PUNCH_SIZE;
        let generation = word.generation.wrapping_add(1);
        let free = Word {
            state: BlockState::Free,
            owner: 0,
            carrying: false,
            dropping: false,
            cold: false,
            generation,
        };
        if large
            && directory.kept.load(Ordering::Relaxed).saturating_add(id.capacity() as i64) > KEEP_FREE
            && self.check_place(place, id.capacity()).is_ok()
            && let Ok(me) = this_process()
        {
            // Only this process's while its pages go: another that frees it by number comes too late to do harm.
            let emptying = Word { state: BlockState::Carving, owner: me.raw(), ..free };
            if entry.exchange(word, emptying) {
                self.give_pages_back(place, id.capacity());
                entry.exchange(emptying, Word { cold: true, ..free });
                directory.classes[id.class()].free.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(());
        }
        if entry.exchange(word, free) {
            let before = directory.classes[id.class()].free.fetch_add(1, Ordering::Relaxed);
            freed(Part::of(place), id.class()).store(id.index() as u32 + 1, Ordering::Relaxed);
            if large {
                directory.kept.fetch_add(id.capacity() as i64, Ordering::Relaxed);
            } else {
                self.trim_now_and_then(id.class(), before + 1);
            }
        }
        Ok(())
    }

    /// Gives the pages of a large block back, which this process still holds. Should that not work, they are merely
    /// kept.
    pub(super) fn give_pages_back(&self, place: u64, size: usize) {
        if let Some(memfd) = self.memfd_if_open() {
            let _ = memory::punch_file(memfd, place, size as u64);
        } else if let Ok((address, mut pin)) = self.pin(place, size) {
            // SAFETY: large blocks are page-aligned parts of the memory file, and this one is mapped until it is
            // unpinned.
            let _ = unsafe { memory::punch_hole(address.as_ptr(), size) };
            self.unpin(&mut pin, address, size);
        }
    }

    /// Makes this process the holder of a block whose number it was given, and whose first `length` bytes were written.
    ///
    /// # Errors
    /// When the block was freed meanwhile, has no room for so much, or this process has no address space left for it:
    /// then it is whose it was.
    pub(crate) fn take_block(&'static self, id: BlockId, length: usize) -> Result<Block, ArenaError> {
        id.check_room(length)?;
        let me = this_process()?;
        let entry = self.entry(id)?;
        // Mapped first. Should the block be freed meanwhile, what is mapped is another's, and nobody looks at it.
        let (address, mut pin) = self.pin(entry.place()?, length)?;
        loop {
            let word = entry.load();
            let there = matches!(word.state, BlockState::Held | BlockState::InFlight);
            if !there || word.generation != id.generation() {
                self.unpin(&mut pin, address, length);
                return Err(ArenaError::StaleBlock);
            }
            if entry.exchange(word, Word { state: BlockState::Held, owner: me.raw(), ..word }) {
                return Ok(Block::new(id, address, length, pin));
            }
            if entry.is_senseless() {
                self.unpin(&mut pin, address, length);
                return Err(ArenaError::StaleBlock);
            }
        }
    }

    /// Makes this process the holder of a block, of which it maps nothing; `None` when it was freed meanwhile.
    ///
    /// # Errors
    /// When this process has no address space left for its entry.
    pub(crate) fn take_block_if_there(&'static self, id: BlockId) -> Result<Option<Block>, ArenaError> {
        match self.take_block(id, 0) {
            Ok(block) => Ok(Some(block)),
            Err(ArenaError::StaleBlock) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Disowns a block of `holder`'s, to live until it is taken or freed by number. Does nothing when the block has
    /// another owner. For sweeps (a dead sender's block that was announced) and for what an object keeps.
    pub(crate) fn block_in_flight(&self, id: BlockId, holder: ProcessId) {
        if let Ok(entry) = self.entry(id) {
            let word = entry.load();
            if word.state == BlockState::Held
                && word.owner == holder.raw()
                && word.generation == id.generation()
            {
                entry.exchange(word, Word { state: BlockState::InFlight, owner: 0, ..word });
            }
        }
    }

    /// Frees a block by number, whichever process holds it; does nothing when it was freed before. If this process
    /// cannot free it, since it cannot see what the block carries, it becomes its own, and is freed when it has ended.
    ///
    /// # Errors
    /// When this process has no address space left for the block's entry: it has to be freed by another.
    pub(crate) fn free_block(&'static self, id: BlockId) -> Result<(), ArenaError> {
        let entry = match self.entry(id) {
            Ok(entry) => entry,
            Err(NoEntry::Stale) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let there = |word: Word| {
            matches!(word.state, BlockState::Held | BlockState::InFlight)
                && word.generation == id.generation()
        };
        let mut word = entry.load();
        if !there(word) || self.release_entry(id, entry, word).is_ok() {
            return Ok(());
        }
        let me = this_process()?;
        loop {
            // It may count as letting its objects go by now.
            word = entry.load();
            let own = Word { state: BlockState::Held, owner: me.raw(), ..word };
            if !there(word) || entry.exchange(word, own) || entry.is_senseless() {
                return Ok(());
            }
        }
    }

    /// The bytes of a block by number, for reading in place; the caller knows that nobody frees or writes it meanwhile.
    ///
    /// # Errors
    /// When this process has no address space left for it, or the block has no room for so much.
    pub(crate) fn block_bytes(&'static self, id: BlockId, length: usize) -> Result<Pinned, ArenaError> {
        id.check_room(length)?;
        Pinned::new(self, self.block_place(id)?, length)
    }

    /// `count` records that stand in a block. They stay mapped, in a fork's children too.
    ///
    /// # Errors
    /// When this process has no address space left for them, or the block has no room for so many.
    pub(crate) fn block_records<T: Shared>(
        &self,
        id: BlockId,
        count: usize,
    ) -> Result<&'static [T], ArenaError> {
        id.check_room(count.saturating_mul(size_of::<T>()))?;
        self.structure(Offset::new(self.block_place(id)?), count)
    }

    /// Where a block stands in the memory file; to be checked where it is not by a map of the arena's.
    pub(super) fn block_place(&self, id: BlockId) -> Result<u64, ArenaError> {
        Ok(self.entry(id)?.place()?)
    }

    /// How many blocks are held or in flight, in the whole arena. It walks all entries: for tests and reports.
    pub fn blocks_held(&self) -> usize {
        let mut held = 0;
        let _ = self.each_entry(|_, _, word| {
            held += usize::from(matches!(word.state, BlockState::Held | BlockState::InFlight))
        });
        held
    }

    pub(super) fn mark_carrying(&self, id: BlockId) -> Result<(), ArenaError> {
        let entry = self.entry(id)?;
        let word = entry.load();
        entry.exchange(word, Word { carrying: true, ..word });
        Ok(())
    }

    pub(super) fn each_carrying_block(
        &'static self,
        mut visit: impl FnMut(BlockId, u64),
    ) -> Result<(), ArenaError> {
        self.each_entry(|id, entry, word| {
            let there = matches!(word.state, BlockState::Held | BlockState::InFlight);
            if there
                && word.carrying
                && !word.dropping
                && let Ok(place) = entry.place()
            {
                visit(id, place);
            }
        })
    }

    /// Whether a block is held or in flight still, and keeps what it carries alive.
    pub(super) fn is_carrying(&self, id: BlockId) -> bool {
        self.entry(id).is_ok_and(|entry| {
            let word = entry.load();
            let there = matches!(word.state, BlockState::Held | BlockState::InFlight);
            there && word.generation == id.generation() && word.carrying && !word.dropping
        })
    }

    /// The last bytes that a block has room for, so many and a chunk of them at most: a long block's are mapped apart
    /// from it.
    pub(super) fn block_tail(
        &'static self,
        id: BlockId,
        place: u64,
        bytes: usize,
    ) -> Result<Pinned, ArenaError> {
        let length = bytes.min(id.capacity()).min(CHUNK as usize);
        let start = place.saturating_add((id.capacity() - length) as u64);
        Pinned::part(self, start, length, id.capacity())
    }

    /// Part of a sweep, after every layer has kept what was announced: a dead process's blocks are free. Fails when
    /// some could not be seen from here.
    pub(super) fn free_blocks_of(&'static self, dead: ProcessId) -> Result<(), ArenaError> {
        let mut freed = Ok(());
        let seen = self.each_entry(|id, entry, word| {
            if word.owner != dead.raw() {
                return;
            }
            match word.state {
                BlockState::Held => {
                    if let Err(error) = self.release_entry(id, entry, word) {
                        freed = Err(error);
                    }
                }
                BlockState::Carving => {
                    let carved = entry.offset.load(Ordering::Acquire) != 0;
                    let state = if carved { BlockState::Free } else { BlockState::Empty };
                    // It may or may not have its pages; it was not counted as one that has.
                    let cold = carved && id.capacity() >= PUNCH_SIZE;
                    entry.exchange(word, Word { state, owner: 0, cold, ..word });
                    self.directory().classes[id.class()].empty.fetch_min(id.index(), Ordering::Relaxed);
                }
                BlockState::Clearing => self.settle_entry_of(dead, id, entry, word),
                BlockState::Empty | BlockState::Free | BlockState::InFlight => {}
            }
        });
        seen?;
        self.settle_chunks_of(dead);
        freed
    }
}
