//! Taking fresh memory from the arena: from a frontier that only grows, chunk by chunk.
//!
//! Structures are never given back. Chunks of blocks are, as a whole, when all of their blocks are free (see
//! [`super::reclaim`]), and come before fresh ones then. Nothing crosses a chunk's border, so that it can be mapped
//! with its chunk; what is longer than a chunk begins with one and has all of them to itself. Small blocks come from
//! one chunk after the other, large ones from others. Structures, which processes use for long, come from a part that
//! every process has mapped, as long as that lasts. A process that is killed in between leaves address space unused,
//! but no memory: pages are taken when first touched.

use super::chunk_table::place_of_chunk;
use super::chunk_word::ChunkState;
use super::current::this_process;
use super::error::ArenaError;
use super::header::{
    FIRST_BLOCKS, FIRST_BLOCKS_END, FIRST_CHUNK, SPARE_END, STRUCTURES_END, STRUCTURES_START,
};
use super::owner::ProcessId;
use super::region::Arena;
use super::window::CHUNK;
use crate::platform::atomic::{AtomicU64, Ordering};

/// Blocks of at least so many bytes are carved from chunks of their own.
pub(super) const LARGE: u64 = 1 << 20;
/// Structures of more bytes are carved like anything else.
const LARGEST_STRUCTURE: u64 = 256 << 10;

/// Where memory is carved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Behind the tables, where every process has it mapped: for what processes work with for long.
    Tables,
    /// Behind that: for what processes hand to one another. In chunks that are mapped while they are used, but for the
    /// first small blocks.
    Chunks,
}

impl Part {
    /// Where structures of so many bytes are carved, as long as there is room.
    pub(super) fn of_structure(bytes: usize) -> Part {
        if bytes as u64 <= LARGEST_STRUCTURE { Part::Tables } else { Part::Chunks }
    }

    /// In which part a place is.
    pub(super) fn of(place: u64) -> Part {
        if place < FIRST_BLOCKS { Part::Tables } else { Part::Chunks }
    }
}

/// Where `bytes` bytes may stand that are carved from `start` on: not across a border. `None` when the chunk has no
/// room; a start at a border is the end of a chunk.
fn place_in_chunk(start: u64, bytes: u64, align: u64) -> Option<u64> {
    let end_of_chunk = end_of_chunk(start);
    (start != end_of_chunk).then(|| place_before(end_of_chunk, start, bytes, align))?
}

/// Where the chunk ends that a cursor is in, or the room for the first blocks.
pub(super) fn end_of_chunk(cursor: u64) -> u64 {
    let border = || cursor.checked_next_multiple_of(CHUNK).unwrap_or(u64::MAX);
    if cursor <= FIRST_BLOCKS_END { FIRST_BLOCKS_END } else { border() }
}

/// The same, of a start that is no border, up to an end that lies in the same chunk.
fn place_before(end: u64, start: u64, bytes: u64, align: u64) -> Option<u64> {
    let place = start.checked_next_multiple_of(align)?;
    (place.checked_add(bytes)? <= end).then_some(place)
}

impl Arena {
    /// Takes `bytes` zeroed bytes, aligned to `align` (a power of two, at most a page), for ever.
    ///
    /// # Errors
    /// When there is no room left in that part.
    pub(super) fn carve(&self, bytes: usize, align: usize, part: Part) -> Result<u64, ArenaError> {
        debug_assert!(align.is_power_of_two() && align <= 4096);
        let (bytes, align) = (bytes as u64, align as u64);
        let header = self.header();
        if part == Part::Tables {
            let limit = self.size();
            return take(&header.structures, bytes, |start| {
                place_before(STRUCTURES_END, start.max(STRUCTURES_START), bytes, align)
            })
            .ok_or(ArenaError::OutOfMemory { wanted: bytes as usize, limit });
        }
        let me = this_process()?;
        if bytes > CHUNK / 2 {
            let count = bytes.div_ceil(CHUNK) as usize;
            let first = self.take_chunks(count, me).ok_or_else(|| self.out_of_memory(bytes))?;
            for number in first..first + count {
                self.chunk(number).exchange(ChunkState::Taken(me.raw()), ChunkState::Used);
            }
            return Ok(first as u64 * CHUNK);
        }
        let cursor = if bytes < LARGE { &header.small } else { &header.large };
        loop {
            if let Some(place) = take_from(cursor, bytes, align) {
                self.check_place(place, bytes as usize)?;
                return Ok(place);
            }
            let used_up = cursor.load(Ordering::Acquire);
            if place_in_chunk(used_up, bytes, align).is_some() {
                continue;
            }
            let number = self.chunk_for(bytes, me)?;
            if let Some(fresh) = self.go_on_in(number, (cursor, used_up, bytes), ChunkState::Used, me) {
                return Ok(fresh);
            }
        }
    }

    /// Has a cursor that was `used_up` go on in a chunk that `me` has taken, behind its first `bytes`: the place of
    /// these. `None` when another process has brought one before; the chunk is free again then.
    fn go_on_in(
        &self,
        number: usize,
        (cursor, used_up, bytes): (&AtomicU64, u64, u64),
        becomes: ChunkState,
        me: ProcessId,
    ) -> Option<u64> {
        let fresh = place_of_chunk(number).start;
        let went_on = cursor.compare_exchange(used_up, fresh + bytes, Ordering::AcqRel, Ordering::Relaxed);
        let state = if went_on.is_ok() { becomes } else { ChunkState::Free };
        self.chunk(number).exchange(ChunkState::Taken(me.raw()), state);
        went_on.is_ok().then_some(fresh)
    }

    /// A chunk to carve blocks of so many bytes from, taken by `me`.
    fn chunk_for(&self, bytes: u64, me: ProcessId) -> Result<usize, ArenaError> {
        if bytes < LARGE && self.chunk(0).exchange(ChunkState::Free, ChunkState::Taken(me.raw())) {
            return Ok(0);
        }
        self.take_chunks(1, me).ok_or_else(|| self.out_of_memory(bytes))
    }

    /// As [`Arena::carve`], of memory that stays what it is for ever: from chunks that have no blocks.
    pub(super) fn carve_lasting(&self, bytes: usize, align: usize) -> Result<u64, ArenaError> {
        let (cursor, me) = (&self.header().entries, this_process()?);
        let (bytes, align) = (bytes as u64, align as u64);
        loop {
            if let Some(place) = take_from(cursor, bytes, align) {
                return Ok(place);
            }
            let used_up = cursor.load(Ordering::Acquire);
            let number = self.take_chunks(1, me).ok_or_else(|| self.out_of_memory(bytes))?;
            if let Some(fresh) = self.go_on_in(number, (cursor, used_up, bytes), ChunkState::Lasting, me) {
                return Ok(fresh);
            }
        }
    }

    /// As [`Arena::carve`], of the spare room in the tables.
    pub(super) fn carve_spare(&self, bytes: usize, align: usize) -> Result<u64, ArenaError> {
        let limit = self.size();
        let (bytes, align) = (bytes as u64, align as u64);
        take(&self.header().spare, bytes, |start| {
            place_before(SPARE_END, start.max(STRUCTURES_END), bytes, align)
        })
        .ok_or(ArenaError::OutOfMemory { wanted: bytes as usize, limit })
    }

    /// Whether there is room in that part, so far as can be seen without taking it.
    pub(super) fn may_carve(&self, bytes: usize, part: Part) -> bool {
        let structures = self.header().structures.load(Ordering::Relaxed);
        part == Part::Chunks || place_before(STRUCTURES_END, structures, bytes as u64, 4096).is_some()
    }

    fn out_of_memory(&self, wanted: u64) -> ArenaError {
        ArenaError::OutOfMemory { wanted: wanted as usize, limit: self.size() }
    }

    /// How many bytes of the arena are in use, or were and have not been taken back.
    pub fn used(&self) -> usize {
        let header = self.header();
        let left = |cursor: &AtomicU64| {
            let cursor = cursor.load(Ordering::Relaxed);
            (end_of_chunk(cursor) - cursor).min(CHUNK)
        };
        let from = |cursor: &AtomicU64, start: u64| {
            cursor.load(Ordering::Relaxed).min(self.size() as u64).saturating_sub(start)
        };
        let used = from(&header.frontier, FIRST_CHUNK)
            + (FIRST_BLOCKS_END - FIRST_BLOCKS)
            + from(&header.structures, STRUCTURES_START)
            + from(&header.spare, STRUCTURES_END);
        let unused =
            left(&header.small) + left(&header.large) + left(&header.entries) + self.bytes_in_free_chunks();
        (STRUCTURES_START + used).saturating_sub(unused) as usize
    }
}

/// Carves from the chunk that a cursor is in.
fn take_from(cursor: &AtomicU64, bytes: u64, align: u64) -> Option<u64> {
    take(cursor, bytes, |start| place_in_chunk(start, bytes, align))
}

fn take(cursor: &AtomicU64, bytes: u64, place: impl Fn(u64) -> Option<u64>) -> Option<u64> {
    let mut start = cursor.load(Ordering::Relaxed);
    loop {
        let place = place(start)?;
        match cursor.compare_exchange_weak(start, place + bytes, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return Some(place),
            Err(now) => start = now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_crosses_a_border() {
        assert_eq!(place_in_chunk(FIRST_BLOCKS_END, 64, 64), None, "no chunk yet");
        assert_eq!(place_in_chunk(FIRST_BLOCKS_END - 64, 64, 64), Some(FIRST_BLOCKS_END - 64));
        assert_eq!(place_in_chunk(FIRST_BLOCKS_END - 64, 65, 1), None, "what follows is no room for blocks");
        assert_eq!(place_in_chunk(CHUNK, 64, 64), None, "the chunk before is full");
        assert_eq!(place_in_chunk(CHUNK + 1, 64, 64), Some(CHUNK + 64));
        assert_eq!(place_in_chunk(2 * CHUNK - 64, 64, 64), Some(2 * CHUNK - 64), "to the border");
        assert_eq!(place_in_chunk(2 * CHUNK - 63, 64, 64), None, "aligned, it would begin the next one");
        assert_eq!(place_in_chunk(2 * CHUNK - 64, 65, 1), None);
        assert_eq!(place_in_chunk(CHUNK + 4096, CHUNK / 2, 4096), Some(CHUNK + 4096));
        assert_eq!(place_in_chunk(CHUNK + 4096, CHUNK - 4096, 4096), Some(CHUNK + 4096));
        assert_eq!(place_in_chunk(CHUNK + 4096, CHUNK, 4096), None);
        assert_eq!(place_in_chunk(CHUNK + 1, u64::MAX, 1), None);
    }

    #[test]
    fn a_cursor_stops_at_the_border() {
        let cursor = AtomicU64::new(2 * CHUNK - 1024);
        let taken: Vec<_> = std::iter::from_fn(|| take_from(&cursor, 256, 256)).collect();
        assert_eq!(taken, [1024, 768, 512, 256].map(|before| 2 * CHUNK - before));
        assert_eq!(cursor.load(Ordering::Relaxed), 2 * CHUNK);
        assert_eq!(take_from(&cursor, 1, 1), None);
    }

    #[test]
    fn what_is_carved_lies_in_one_chunk_or_begins_with_one() {
        let arena = Arena::get().unwrap();
        for bytes in [256, 1 << 20, 1 << 25, 3 << 20, 1 << 26, 1 << 27, 1 << 19] {
            for part in [Part::Chunks, Part::of_structure(bytes)] {
                let place = arena.carve(bytes, bytes.min(4096), part).unwrap();
                let last = place + bytes as u64 - 1;
                let fits = place / CHUNK == last / CHUNK || place.is_multiple_of(CHUNK);
                assert!(fits && place.is_multiple_of(256), "{bytes} bytes at {place}");
                assert_eq!((Part::of(place), Part::of(last)), (part, part), "{bytes} bytes at {place}");
            }
        }
        let used = arena.used();
        arena.carve(256, 256, Part::Chunks).unwrap();
        assert!(arena.used() >= used + 256);
        let error = arena.carve(arena.size(), 4096, Part::Chunks).unwrap_err();
        assert!(matches!(error, ArenaError::OutOfMemory { .. }), "{error}");
    }
}
