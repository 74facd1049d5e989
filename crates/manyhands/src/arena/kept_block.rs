//! A block that belongs to an object of the arena, not to a process: for what has no room in the object's body.
//!
//! It is claimed by a process, named in the object's body or in another of its blocks, and only then nobody's; it is
//! freed when the object's last reference goes. The block's own entry says whose it is at each step. Killed in between,
//! the process leaves a block that no object names, which its sweep frees; or one that is named, which the sweep
//! *settles*: from then on it is the object's.

use super::block::Block;
use super::block_entry::BlockId;
use super::current::this_process;
use super::error::ArenaError;
use super::owner::ProcessId;
use super::region::Arena;
use super::shared::Shared;
use crate::platform::atomic::{AtomicU64, Ordering};

const NONE: u64 = 0;
/// No block has the number 0, of which this is the inverse.
const SEALED: u64 = u64::MAX;

/// The name of an object's block; zeroed memory names none.
#[repr(transparent)]
pub(crate) struct KeptBlock(AtomicU64);

// SAFETY: an atomic number, the inverse of a block's, so that no block's is 0.
unsafe impl Shared for KeptBlock {}

impl KeptBlock {
    /// Names the block, while the object is being made.
    pub(crate) fn name(&self, block: Option<&Block>) {
        self.0.store(block.map_or(NONE, |block| !block.id().raw()), Ordering::Release);
    }

    /// Names the block of an object that lives already, unless it has one; the block is the object's when this says so.
    pub(crate) fn offer(&self, arena: &Arena, block: Block) -> Result<(), ArenaError> {
        let inverse = !block.id().raw();
        if self.0.compare_exchange(NONE, inverse, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            keep(arena, Some(block))?;
        }
        Ok(())
    }

    /// A block that `holder` has named, and that is still its own, is the object's from here on. For sweeps, too: of
    /// what the dead process had just named.
    pub(crate) fn settle(&self, arena: &Arena, holder: ProcessId) {
        if let Some(id) = self.id() {
            arena.block_in_flight(id, holder);
        }
    }

    /// Names the block, which stays this process's until it is settled.
    pub(crate) fn give(&self, block: Block) {
        self.0.store(!block.into_id().raw(), Ordering::Release);
    }

    /// Names a block of `bytes` bytes, of which the first `zeroed` are zero, unless one is named. A new one stays this
    /// process's until it is settled.
    ///
    /// # Errors
    /// When there is no room for it, or this process has no address space left for it.
    pub(crate) fn furnish(
        &self,
        arena: &'static Arena,
        bytes: usize,
        zeroed: usize,
    ) -> Result<BlockId, ArenaError> {
        if let Some(id) = self.id() {
            return Ok(id);
        }
        let mut block = arena.claim_structure(bytes)?;
        block[..zeroed].fill(0);
        match self.0.compare_exchange(NONE, !block.id().raw(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(block.into_id()),
            // Another thread or process was faster.
            Err(_) => self.id().ok_or(ArenaError::StaleBlock),
        }
    }

    /// Has no block named here, now or later, unless one is.
    pub(crate) fn seal(&self) {
        let _ = self.0.compare_exchange(NONE, SEALED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether it was sealed.
    pub(crate) fn is_sealed(&self) -> bool {
        self.0.load(Ordering::Acquire) == SEALED
    }

    /// The block that it names.
    pub(crate) fn id(&self) -> Option<BlockId> {
        match self.0.load(Ordering::Acquire) {
            NONE | SEALED => None,
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

    /// Takes the block as this process's own, and names none any more; for an object that is being unmade.
    ///
    /// # Errors
    /// When this process has no address space left for that.
    pub(crate) fn take(&self, arena: &'static Arena) -> Result<Option<Block>, ArenaError> {
        let block = self.id().map(|id| arena.take_block_if_there(id)).transpose()?.flatten();
        self.name(None);
        Ok(block)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Arena;

    fn fresh() -> KeptBlock {
        KeptBlock(AtomicU64::new(NONE))
    }

    #[test]
    fn a_named_block_is_the_process_s_until_it_is_settled() {
        let (arena, me) = (Arena::get().unwrap(), this_process().unwrap());
        let owner = |id: BlockId| arena.entry(id).unwrap().load().owner;
        let kept = fresh();
        let id = kept.furnish(arena, 1000, 1000).unwrap();
        assert_eq!(owner(id), me.raw(), "killed now, its sweep would free what nobody can see");
        assert_eq!(kept.furnish(arena, 1000, 1000).unwrap(), id, "there is one block");
        kept.settle(arena, me);
        assert_eq!(owner(id), 0);
        assert_eq!(kept.take(arena).unwrap().unwrap().id(), id);
        assert!(
            kept.id().is_none() && arena.take_block_if_there(id).unwrap().is_none(),
            "the drop has freed it"
        );
    }

    #[test]
    fn a_block_is_offered_where_there_is_none_and_none_is_sealed_out() {
        let arena = Arena::get().unwrap();
        let offer = |kept: &KeptBlock| {
            let block = arena.claim_structure(1000).unwrap();
            let id = block.id();
            kept.offer(arena, block).unwrap();
            (id, kept.id())
        };
        let (kept, sealed) = (fresh(), fresh());
        let (first, named) = offer(&kept);
        assert_eq!(named, Some(first));
        let (second, named) = offer(&kept);
        assert_eq!(named, Some(first));
        assert!(arena.take_block_if_there(second).unwrap().is_none(), "what was not wanted is free");
        sealed.seal();
        assert_eq!((sealed.is_sealed(), offer(&sealed).1), (true, None));
        kept.seal();
        assert!(!kept.is_sealed(), "a block is named there");
        kept.free(arena).unwrap();
        kept.free(arena).unwrap();
    }
}
