//! Memory that processes share on purpose: what one writes there all others see.
//!
//! It is a block that belongs to an object, and each process that has a reference maps it once more for itself. It goes
//! when the last reference goes, whether by a drop, with a message that nobody took, or by a kill. It is not zeroed
//! between writers, and nothing orders what they write: that is for atomics, locks, or the program's own rules.

use super::error::ArenaError;
use super::handle::Handle;
use super::kept_block::{KeptBlock, keep};
use super::kind::Kind;
use super::mapped_block::MappedBlock;
use super::object::Object;
use super::owner::ProcessId;
use super::region::Arena;
use super::shared::Shared;
use crate::platform::atomic::{AtomicU64, Ordering};

/// The body of the object.
#[repr(C)]
struct Body {
    block: KeptBlock,
    length: AtomicU64,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Body {}

impl Kind {
    pub(super) const SHARED_MEMORY: Kind = Kind::of::<Body>(13, "shared memory");
}

/// A reference to memory that several processes write, mapped in this one.
#[derive(Debug)]
pub struct SharedMemory {
    memory: MappedBlock,
    // Dropped after the map, since fields are dropped in order.
    object: Object,
}

impl SharedMemory {
    /// New memory of `length` bytes, all zero.
    ///
    /// # Errors
    /// When the arena has no room for it, or objects, maps or address space have run out.
    pub fn create(length: usize) -> Result<SharedMemory, ArenaError> {
        let arena = Arena::get()?;
        let block = MappedBlock::claim(arena, length)?;
        let object = Object::create::<Body>(Kind::SHARED_MEMORY, |_, body| {
            body.length.store(length as u64, Ordering::Relaxed);
            body.block.name(Some(&block));
            Ok(())
        })?;
        // From here on the object frees it, also when this process is killed before the next step.
        keep(arena, Some(block))?;
        let made = SharedMemory::map(arena, object)?;
        made.memory.empty(arena, &made.object.body::<Body>().block)?;
        Ok(made)
    }

    /// The memory that a handle names.
    ///
    /// # Errors
    /// When it is gone, or the handle names something else, or maps or address space have run out.
    pub fn attach(handle: Handle) -> Result<SharedMemory, ArenaError> {
        SharedMemory::map(Arena::get()?, Object::attach(handle, Kind::SHARED_MEMORY)?)
    }

    fn map(arena: &'static Arena, object: Object) -> Result<SharedMemory, ArenaError> {
        let body: &Body = object.body();
        let length = body.length.load(Ordering::Acquire) as usize;
        let memory = MappedBlock::of(arena, &body.block, length)?;
        Ok(SharedMemory { memory, object })
    }

    /// What names it to other processes; it keeps nothing alive.
    pub fn handle(&self) -> Handle {
        self.object.handle()
    }

    /// The first byte; valid for reads and writes of [`SharedMemory::len`] bytes while this value lives. Other
    /// processes write there at any time.
    pub fn as_ptr(&self) -> *mut u8 {
        self.memory.as_ptr()
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the dead process had just made becomes its object's.
    pub(super) fn sweep(arena: &'static Arena, dead: ProcessId) -> Result<(), ArenaError> {
        for (_, body) in arena.objects::<Body>(Kind::SHARED_MEMORY)? {
            body.block.settle(arena, dead);
        }
        Ok(())
    }

    /// Frees the block of an object that is being unmade; may be done twice.
    pub(super) fn release(arena: &'static Arena, object: Handle) -> Result<(), ArenaError> {
        arena.body::<Body>(object.index()).block.free(arena)
    }
}
