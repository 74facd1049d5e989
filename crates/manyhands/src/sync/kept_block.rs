//! A block that belongs to an object of the arena, not to a process: for what has no room in the object's body.
//!
//! It is claimed by the process that makes the object, named in the body, and only then nobody's; it is freed when the
//! object's last reference goes. Killed in between, the maker leaves a block that the sweep frees, or an object whose
//! release frees it.

use crate::arena::{Arena, ArenaError, Block, BlockId, Shared, this_process};
use crate::platform::atomic::{AtomicU64, Ordering};

/// The name of an object's block, in its body; zeroed memory names none.
#[repr(transparent)]
pub(super) struct KeptBlock(AtomicU64);

// SAFETY: an atomic number, the inverse of a block's, so that no block's is 0.
unsafe impl Shared for KeptBlock {}

impl KeptBlock {
    /// Names the block, while the object is being made.
    pub(super) fn name(&self, block: Option<&Block>) {
        self.0.store(block.map_or(0, |block| !block.id().raw()), Ordering::Release);
    }

    fn id(&self) -> Option<BlockId> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            inverse => Some(BlockId::from_raw(!inverse)),
        }
    }

    /// Where the block stands, in bytes from the arena's start.
    pub(super) fn place(&self, arena: &Arena) -> Option<u64> {
        self.id().map(|id| arena.block_place(id))
    }

    /// Frees the block, when the object is unmade; may be done twice.
    pub(super) fn free(&self, arena: &'static Arena) {
        if let Some(id) = self.id() {
            arena.free_block(id);
        }
    }
}

/// Makes a block that was named in an object's body the object's.
///
/// # Errors
/// When this process can own nothing in the arena; it has just claimed the block, so that does not happen.
pub(super) fn keep(arena: &Arena, block: Option<Block>) -> Result<(), ArenaError> {
    if let Some(block) = block {
        let holder = this_process()?;
        arena.block_in_flight(block.into_id(), holder);
    }
    Ok(())
}
