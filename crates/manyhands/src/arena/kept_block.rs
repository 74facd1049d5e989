//! A block that belongs to an object of the arena, not to a process: for what has no room in the object's body.
//!
//! It is claimed by the process that makes the object, named in the body, and only then nobody's; it is freed when the
//! object's last reference goes. Killed in between, the maker leaves a block that the sweep frees, or an object whose
//! release frees it.

use super::block::Block;
use super::block_entry::BlockId;
use super::current::this_process;
use super::error::ArenaError;
use super::owner::ProcessId;
use super::region::Arena;
use super::shared::Shared;
use crate::platform::atomic::{AtomicU64, Ordering};

/// The name of an object's block, in its body; zeroed memory names none.
#[repr(transparent)]
pub(crate) struct KeptBlock(AtomicU64);

// SAFETY: an atomic number, the inverse of a block's, so that no block's is 0.
unsafe impl Shared for KeptBlock {}

impl KeptBlock {
    /// Names the block, while the object is being made.
    pub(crate) fn name(&self, block: Option<&Block>) {
        self.0.store(block.map_or(0, |block| !block.id().raw()), Ordering::Release);
    }

    /// Names the block of an object that lives already, unless it has one; the block is the object's when this says so.
    pub(crate) fn offer(&self, arena: &Arena, block: Block) -> Result<(), ArenaError> {
        let inverse = !block.id().raw();
        if self.0.compare_exchange(0, inverse, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            keep(arena, Some(block))?;
        }
        Ok(())
    }

    /// For sweeps: a block that the dead process had just named, and not yet given away, is the object's.
    pub(crate) fn settle(&self, arena: &Arena, dead: ProcessId) {
        if let Some(id) = self.id() {
            arena.block_in_flight(id, dead);
        }
    }

    fn id(&self) -> Option<BlockId> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            inverse => Some(BlockId::from_raw(!inverse)),
        }
    }

    /// The first `count` records of the block; none where it names none.
    ///
    /// # Errors
    /// When this process has no address space left for them.
    pub(crate) fn records<T: Shared>(&self, arena: &Arena, count: usize) -> Result<&'static [T], ArenaError> {
        self.id().map_or(Ok(&[]), |id| arena.block_records(id, count))
    }

    /// Frees the block, when the object is unmade; may be done twice.
    ///
    /// # Errors
    /// When it has to be done by another process: this one has no address space left for that.
    pub(crate) fn free(&self, arena: &'static Arena) -> Result<(), ArenaError> {
        self.id().map_or(Ok(()), |id| arena.free_block(id))
    }
}

/// Makes a block that was named in an object's body the object's.
///
/// # Errors
/// When this process can own nothing in the arena; it has just claimed the block, so that does not happen.
pub(crate) fn keep(arena: &Arena, block: Option<Block>) -> Result<(), ArenaError> {
    if let Some(block) = block {
        let holder = this_process()?;
        arena.block_in_flight(block.into_id(), holder);
    }
    Ok(())
}
