//! Memory that processes share on purpose: what one writes there all others see.
//!
//! It is a block that belongs to an object, and each process that has a reference maps it once more for itself. It goes
//! when the last reference goes, whether by a drop, with a message that nobody took, or by a kill. It is not zeroed
//! between writers, and nothing orders what they write: that is for atomics, locks, or the program's own rules.

use super::error::ArenaError;
use super::handle::Handle;
use super::kept_block::{KeptBlock, keep};
use super::kind::Kind;
use super::object::Object;
use super::owner::ProcessId;
use super::region::Arena;
use super::shared::Shared;
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::platform::memory::{self, Mapping};

/// Blocks are mapped by themselves from this size on.
const PAGE: usize = 4096;

/// From this size on a block is emptied by giving its pages back, and takes them again one by one.
const EMPTIED: usize = 1 << 20;

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
    map: Mapping,
    length: usize,
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
        let block = arena.claim_block(length.max(PAGE))?;
        let object = Object::create::<Body>(Kind::SHARED_MEMORY, |_, body| {
            body.length.store(length as u64, Ordering::Relaxed);
            body.block.name(Some(&block));
            Ok(())
        })?;
        // From here on the object frees it, also when this process is killed before the next step.
        keep(arena, Some(block))?;
        let made = SharedMemory::map(arena, object)?;
        made.empty(arena)?;
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
        let id = body.block.id().ok_or(ArenaError::StaleBlock)?;
        id.check_room(length)?;
        let map = arena.mapping_of(arena.block_place(id)?, length.max(PAGE), Mapping::shared)?;
        Ok(SharedMemory { map, length, object })
    }

    /// Has all bytes be zero. Only before others know of it.
    fn empty(&self, arena: &'static Arena) -> Result<(), ArenaError> {
        if self.length >= EMPTIED {
            let body: &Body = self.object.body();
            let place = arena.block_place(body.block.id().ok_or(ArenaError::StaleBlock)?)?;
            let memory = arena.memfd().map_err(ArenaError::system("shared memory"))?;
            if memory::punch_file(memory, place, self.length.next_multiple_of(PAGE) as u64).is_ok() {
                return Ok(());
            }
        }
        // SAFETY: inside the map, which is writable, and nobody else knows of the memory.
        unsafe { self.as_ptr().write_bytes(0, self.length) };
        Ok(())
    }

    /// What names it to other processes; it keeps nothing alive.
    pub fn handle(&self) -> Handle {
        self.object.handle()
    }

    /// The first byte; valid for reads and writes of [`SharedMemory::len`] bytes while this value lives. Other
    /// processes write there at any time.
    pub fn as_ptr(&self) -> *mut u8 {
        self.map.as_ptr()
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
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
