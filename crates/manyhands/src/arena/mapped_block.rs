//! An object's block, which a process maps once more for itself: memory of any size that several processes write.
//!
//! The arena's own maps come and go by chunks, and a large block may lie in several of them. A map of its own has one
//! address from the first byte to the last, for as long as this value lives. It keeps the block from nobody: the object
//! does, whose reference must live as long.

use super::block::Block;
use super::error::ArenaError;
use super::kept_block::KeptBlock;
use super::region::Arena;
use crate::platform::memory::{self, Mapping};

/// Blocks are mapped by themselves from this size on.
const PAGE: usize = 4096;

/// From this size on a block is emptied by giving its pages back, and takes them again one by one.
const EMPTIED: usize = 1 << 20;

/// A block as this process has it mapped.
#[derive(Debug)]
pub(crate) struct MappedBlock {
    map: Mapping,
    length: usize,
}

impl MappedBlock {
    /// Claims a block that can be mapped so, for `length` bytes. What stands in it is not known.
    ///
    /// # Errors
    /// When the arena has no room for it.
    pub(crate) fn claim(arena: &'static Arena, length: usize) -> Result<Block, ArenaError> {
        if length > arena.size() {
            return Err(ArenaError::OutOfMemory { wanted: length, limit: arena.size() });
        }
        arena.claim_block(length.max(PAGE))
    }

    /// Maps the first `length` bytes of an object's block.
    ///
    /// # Errors
    /// When the block is gone or shorter, or maps or address space have run out.
    pub(crate) fn of(
        arena: &'static Arena,
        block: &KeptBlock,
        length: usize,
    ) -> Result<MappedBlock, ArenaError> {
        let id = block.id().ok_or(ArenaError::StaleBlock)?;
        id.check_room(length)?;
        let map = arena.mapping_of(arena.block_place(id)?, length.max(PAGE), Mapping::shared)?;
        Ok(MappedBlock { map, length })
    }

    /// Has all bytes be zero. Only before others know of the block, which is the one that was mapped.
    ///
    /// # Errors
    /// When the block is gone, or this process has no way to its memory.
    pub(crate) fn empty(&self, arena: &'static Arena, block: &KeptBlock) -> Result<(), ArenaError> {
        if self.length >= EMPTIED {
            let place = arena.block_place(block.id().ok_or(ArenaError::StaleBlock)?)?;
            let memory = arena.memfd().map_err(ArenaError::system("shared memory"))?;
            if memory::punch_file(memory, place, self.length.next_multiple_of(PAGE) as u64).is_ok() {
                return Ok(());
            }
        }
        // SAFETY: inside the map, which is writable, and nobody else knows of the memory.
        unsafe { self.as_ptr().write_bytes(0, self.length) };
        Ok(())
    }

    /// The first byte, which begins a page; valid for reads and writes of [`MappedBlock::len`] bytes while this value
    /// lives.
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.map.as_ptr()
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }
}
