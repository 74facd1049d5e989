//! From places in the arena to addresses in this process.
//!
//! The tables are always mapped, and what stands in them is simply there ([`Arena::at`]). What lies behind them has to
//! be mapped first, and there may be no address space for it: that is an error, before anything was done. Structures
//! stay mapped ([`Arena::structure`]); the content of a block is mapped while it is used ([`Pin`]).

use super::carve::LARGE;
use super::error::ArenaError;
use super::header::TABLES_END;
use super::region::Arena;
use super::shared::{Offset, Shared};
use super::window::{CHUNK, IDLE, Maps, Need};
use crate::platform::memory;
use std::ptr::NonNull;

/// What keeps some bytes mapped; it has to be given back to [`Arena::unpin`]. 0: nothing, they are always mapped;
/// `u32::MAX`: a map of their pages alone, since there was no room for the chunk; else a pin of the chunk of this
/// number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pin(u32);

impl Pin {
    pub(super) const NONE: Pin = Pin(0);
    const OWN: Pin = Pin(u32::MAX);
}

/// The bytes of a block while a thread reads them.
#[derive(Debug)]
pub struct Pinned {
    arena: &'static Arena,
    pub(super) address: NonNull<u8>,
    length: usize,
    pin: Pin,
}

impl Pinned {
    pub(super) fn new(arena: &'static Arena, offset: u64, length: usize) -> Result<Pinned, ArenaError> {
        Pinned::part(arena, offset, length, length)
    }

    /// As [`Pinned::new`], of a part of a block that has so many bytes.
    pub(super) fn part(
        arena: &'static Arena,
        offset: u64,
        length: usize,
        block: usize,
    ) -> Result<Pinned, ArenaError> {
        let (address, pin) = arena.pin_part(offset, length, block)?;
        Ok(Pinned { arena, address, length, pin })
    }
}

impl std::ops::Deref for Pinned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: mapped as long as the pin is held, and initialised (memory files begin as zeros). The code that made
        // this pin keeps writers away.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.length) }
    }
}

// SAFETY: what is mapped may be read from any thread, and so may the pin be given back.
unsafe impl Send for Pinned {}
// SAFETY: as above; shared access reads only.
unsafe impl Sync for Pinned {}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.arena.unpin(&mut self.pin, self.address, self.length);
    }
}

impl Maps for Arena {
    fn map(&self, first: usize, count: usize) -> Option<u64> {
        let (offset, size) = (first as u64 * CHUNK, count * CHUNK as usize);
        self.map_bytes(offset, size).map(|address| address.as_ptr().expose_provenance() as u64)
    }

    fn unmap(&self, address: u64, count: usize) {
        let address = NonNull::new(std::ptr::with_exposed_provenance_mut(address as usize));
        if let Some(address) = address {
            // SAFETY: the window gives back what it was given, and nobody finds it there any more.
            unsafe { memory::unmap(address, count * CHUNK as usize) };
        }
    }

    fn idle_limit(&self) -> usize {
        let dear = |limit: u64| (limit / 16 / CHUNK) as usize;
        memory::address_space_limit().map_or(IDLE, |limit| dear(limit).clamp(1, IDLE))
    }

    fn is_limited(&self) -> bool {
        memory::address_space_limit().is_some()
    }
}

impl Arena {
    /// The `T` at a place in the tables.
    ///
    /// # Panics
    /// When the place does not lie in the tables or is not aligned for `T`.
    #[inline]
    pub(crate) fn at<T: Shared>(&self, place: Offset<T>) -> &'static T {
        let address = self.in_tables(place.bytes(), size_of::<T>()).cast::<T>();
        assert!(address.is_aligned(), "an offset is aligned for what stands there");
        // SAFETY: inside the map, which lives as long as the process, and aligned; `Shared` allows any bytes there.
        unsafe { address.as_ref() }
    }

    /// `count` of `T`, one after the other, from a place in the tables on.
    ///
    /// # Panics
    /// As [`Arena::at`].
    #[inline]
    pub(crate) fn slice<T: Shared>(&self, place: Offset<T>, count: usize) -> &'static [T] {
        let bytes = size_of::<T>().checked_mul(count).expect("the length fits the address space");
        let address = self.in_tables(place.bytes(), bytes).cast::<T>();
        assert!(address.is_aligned(), "an offset is aligned for what stands there");
        // SAFETY: as in `at`, for each element.
        unsafe { std::slice::from_raw_parts(address.as_ptr(), count) }
    }

    #[inline]
    fn in_tables(&self, offset: u64, size: usize) -> NonNull<u8> {
        let end = offset.checked_add(size as u64);
        assert!(end.is_some_and(|end| end <= TABLES_END), "an offset lies in the arena's tables");
        // SAFETY: just checked to lie inside the map.
        unsafe { self.tables.add(offset as usize) }
    }

    /// `count` of `T`, one after the other, from a place on that was carved for them. They stay mapped from here on, in
    /// a fork's children too.
    ///
    /// # Errors
    /// When this process has no address space left for them, or the place lies outside the arena, crosses a border or
    /// is not aligned for `T`.
    #[inline]
    pub(super) fn structure<T: Shared>(
        &self,
        place: Offset<T>,
        count: usize,
    ) -> Result<&'static [T], ArenaError> {
        let bytes = size_of::<T>().checked_mul(count).ok_or(OUTSIDE)?;
        let address = self.keep_mapped(place.bytes(), bytes)?.cast::<T>();
        if !address.is_aligned() {
            return Err(ArenaError::Damaged { what: "a place is not aligned for what should stand there" });
        }
        // SAFETY: inside a map that lives as long as the process, and aligned; `Shared` allows any bytes there.
        Ok(unsafe { std::slice::from_raw_parts(address.as_ptr(), count) })
    }

    /// The address of `size` bytes from `offset` on, which stays good.
    #[inline]
    pub(super) fn keep_mapped(&self, offset: u64, size: usize) -> Result<NonNull<u8>, ArenaError> {
        if is_in_tables(offset, size) {
            return Ok(self.in_tables(offset, size));
        }
        let (first, count) = self.chunks_of(offset, size)?;
        let kept = self.window.kept(first, count);
        let kept = kept.or_else(|| self.window.hold(self, first, count, Need::Keep));
        let start = kept.ok_or(ArenaError::AddressSpace { wanted: size })?;
        Ok(address_in(start, offset))
    }

    /// Maps `size` bytes from `offset` on, until [`Arena::unpin`].
    #[inline]
    pub(super) fn pin(&self, offset: u64, size: usize) -> Result<(NonNull<u8>, Pin), ArenaError> {
        self.pin_part(offset, size, size)
    }

    #[inline]
    fn pin_part(&self, offset: u64, size: usize, block: usize) -> Result<(NonNull<u8>, Pin), ArenaError> {
        if size == 0 {
            return Ok((NonNull::dangling(), Pin::NONE));
        }
        if is_in_tables(offset, size) {
            return Ok((self.in_tables(offset, size), Pin::NONE));
        }
        if offset % CHUNK + size as u64 <= CHUNK
            && offset < self.size() as u64
            && let Some(start) = self.window.kept((offset / CHUNK) as usize, 1)
        {
            return Ok((address_in(start, offset), Pin::NONE));
        }
        // By the block: the chunks of large ones are not kept for a look at a few bytes.
        let need = if (block as u64) < LARGE { Need::Small } else { Need::Pin };
        self.pin_chunks(offset, size, need)
    }

    fn pin_chunks(&self, offset: u64, size: usize, need: Need) -> Result<(NonNull<u8>, Pin), ArenaError> {
        let (first, count) = self.chunks_of(offset, size)?;
        match self.window.hold(self, first, count, need) {
            Some(start) => Ok((address_in(start, offset), Pin(first as u32))),
            None => self.map_alone(offset, size),
        }
    }

    /// Maps the pages of some bytes alone: there may still be room for these.
    #[cold]
    fn map_alone(&self, offset: u64, size: usize) -> Result<(NonNull<u8>, Pin), ArenaError> {
        let start = offset / 4096 * 4096;
        let length = (offset + size as u64 - start).next_multiple_of(4096) as usize;
        let map = self.map_bytes(start, length).ok_or(ArenaError::AddressSpace { wanted: size })?;
        // SAFETY: inside the map.
        Ok((unsafe { map.add((offset - start) as usize) }, Pin::OWN))
    }

    /// Gives the pin of this many bytes at an address back; nobody uses them any more.
    #[inline]
    pub(super) fn unpin(&self, pin: &mut Pin, address: NonNull<u8>, size: usize) {
        match std::mem::replace(pin, Pin::NONE) {
            Pin::NONE => {}
            Pin::OWN => unmap_alone(address, size),
            Pin(first) => self.window.unpin(self, first as usize),
        }
    }

    /// Unmaps what is mapped and not used.
    pub(crate) fn unmap_idle(&self) {
        self.window.unmap_all_idle(self);
    }

    /// In a fork's child: what its parent used may be more than it has room for itself.
    pub(super) fn unmap_idle_in_child(&self) {
        self.window.begin_in_child(self);
    }

    /// Whether `size` bytes from a place on, which stands in the arena, lie behind the tables, inside the arena, and do
    /// not cross a border, unless they begin at one.
    pub(super) fn check_place(&self, offset: u64, size: usize) -> Result<(), ArenaError> {
        if is_in_tables(offset, size) { Ok(()) } else { self.chunks_of(offset, size).map(drop) }
    }

    /// Which chunks hold `size` bytes from `offset` on: the first, and how many.
    #[inline]
    fn chunks_of(&self, offset: u64, size: usize) -> Result<(usize, usize), ArenaError> {
        let end = offset.checked_add(size as u64).filter(|end| *end <= self.size() as u64).ok_or(OUTSIDE)?;
        let (first, after) = (offset / CHUNK, end.div_ceil(CHUNK));
        if after - first > 1 && !offset.is_multiple_of(CHUNK) {
            return Err(ArenaError::Damaged { what: "a place crosses the border of a chunk" });
        }
        Ok((first as usize, (after - first) as usize))
    }

    /// A fresh map of a part of the memory file.
    pub(super) fn map_bytes(&self, offset: u64, size: usize) -> Option<NonNull<u8>> {
        if let Some(memfd) = self.memfd_if_open() {
            let map = memory::map_shared(memfd, offset, size).ok()?;
            if self.memfd_if_open().is_some() {
                return Some(map);
            }
            // The program closed it just now, and may have opened another file under the number.
            // SAFETY: a fresh map, which nobody knows.
            unsafe { memory::unmap(map, size) };
        }
        // The program has closed the descriptor. The tables are of the same file.
        let page = TABLES_END - 4096;
        // SAFETY: the last page of the tables' map; the file is as long as the arena.
        unsafe { memory::map_beyond(self.tables.add(page as usize), (offset - page) as usize, size).ok() }
    }
}

const OUTSIDE: ArenaError = ArenaError::Damaged { what: "a place lies outside it" };

/// Whether some bytes lie in the tables, whatever their place says.
#[inline]
fn is_in_tables(offset: u64, size: usize) -> bool {
    offset.checked_add(size as u64).is_some_and(|end| end <= TABLES_END)
}

/// Unmaps what [`Arena::map_alone`] has mapped.
#[cold]
fn unmap_alone(address: NonNull<u8>, size: usize) {
    let into_page = address.addr().get() % 4096;
    // SAFETY: the pages were mapped for these bytes alone.
    unsafe { memory::unmap(address.sub(into_page), (into_page + size).next_multiple_of(4096)) };
}

/// The address of an offset in a map that begins with its chunk.
#[inline]
fn address_in(start: u64, offset: u64) -> NonNull<u8> {
    let address = start as usize + (offset % CHUNK) as usize;
    NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("a map does not begin at 0")
}
