//! Large received content that a process keeps, as private memory.
//!
//! A program that got a large array expects memory of its own: no other process sees what it writes, not even its
//! forked child. So the content's block is mapped copy-on-write, and an object keeps the block for as long as any
//! process has such a map. A fork's child gets its reference with all the others, before it exists.

use super::block::Block;
use super::block_entry::BlockId;
use super::current::this_process;
use super::error::ArenaError;
use super::handle::Handle;
use super::kind::Kind;
use super::layer::{Dead, Layer, Sweep};
use super::object::Object;
use super::region::Arena;
use super::shared_memory::SharedMemory;
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::platform::memory::Mapping;
use std::io;
use std::os::fd::BorrowedFd;

/// A private view of a block's content. The block is freed when the last process has dropped its view.
#[derive(Debug)]
pub struct Payload {
    map: Mapping,
    length: usize,
    // Dropped after the map, since fields are dropped in order.
    _pin: Object,
}

impl Payload {
    /// Turns a block that this process holds, of at least a page, into a private view.
    ///
    /// # Errors
    /// When objects, maps or address space have run out; the block is then freed.
    pub fn new(block: Block) -> Result<Payload, ArenaError> {
        let length = block.len();
        let id = block.id();
        let pin = Object::create::<AtomicU64>(Kind::PAYLOAD, |_, body| {
            body.store(id.raw(), Ordering::Release);
            Ok(())
        })?;
        // From here on the object frees it, also when this process is killed before the next step.
        let arena = Arena::get()?;
        arena.block_in_flight(block.into_id(), this_process()?);
        let place = arena.block_place(id)?;
        let map = arena.mapping_of(place, length, Mapping::private)?;
        Ok(Payload { map, length, _pin: pin })
    }

    /// The first byte; valid for reads and private writes of [`Payload::len`] bytes while this value lives.
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
}

impl Arena {
    /// A map of its own of a part of the memory file.
    ///
    /// # Errors
    /// When maps or address space have run out, or the part is not inside the file.
    pub(super) fn mapping_of(
        &'static self,
        place: u64,
        length: usize,
        map: fn(BorrowedFd<'static>, u64, usize) -> io::Result<Mapping>,
    ) -> Result<Mapping, ArenaError> {
        // Beyond the file's end a map can be made, and not be read.
        self.check_place(place, length)?;
        let memory = self.memfd().map_err(ArenaError::system("a map"))?;
        map(memory, place, length).or_else(|_| {
            // What is mapped and not used may be in the way.
            self.unmap_idle();
            map(memory, place, length).map_err(|error| match error.kind() {
                io::ErrorKind::OutOfMemory => ArenaError::AddressSpace { wanted: length },
                _ => ArenaError::system("a map")(error),
            })
        })
    }
}

impl Kind {
    const PAYLOAD: Kind = Kind::of::<AtomicU64>(7, "payload");
}

/// The arena's own objects.
pub(crate) const LAYER: Layer = Layer { kinds: &[Kind::PAYLOAD, Kind::SHARED_MEMORY], sweep: &PayloadSweep };

struct PayloadSweep;

impl Sweep for PayloadSweep {
    fn sweep(&self, arena: &'static Arena, dead: &Dead) -> Result<(), ArenaError> {
        SharedMemory::sweep(arena, dead.process)
    }

    fn release(&self, arena: &'static Arena, kind: Kind, object: Handle) -> Result<(), ArenaError> {
        if kind == Kind::SHARED_MEMORY {
            return SharedMemory::release(arena, object);
        }
        let body: &AtomicU64 = arena.body(object.index());
        // Freeing by number can be done twice; so nothing is lost when this is interrupted.
        match body.load(Ordering::Acquire) {
            0 => Ok(()),
            id => arena.free_block(BlockId::from_raw(id)),
        }
    }
}
