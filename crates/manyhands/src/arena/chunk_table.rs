//! Which chunks of the memory file are in use, and which are free for blocks of any size.
//!
//! The word of each says which (see [`super::chunk_word`]).
//!
//! Number 0 is the room for the first small blocks, which is no chunk, and shorter than one.

use super::chunk_word::{Chunk, ChunkState};
use super::header::{CHUNK_TABLE, FIRST_BLOCKS, FIRST_BLOCKS_END, FIRST_CHUNK};
use super::owner::ProcessId;
use super::region::Arena;
use super::shared::Offset;
use super::window::{CHUNK, CHUNKS};
use crate::platform::atomic::Ordering;
use std::ops::Range;

/// The chunks that so many bytes from a place on are in, of those that there can be; none for what stands in the
/// tables.
pub(super) fn chunks_of_block(place: u64, bytes: usize) -> Range<usize> {
    match place {
        ..FIRST_BLOCKS => 0..0,
        FIRST_BLOCKS..FIRST_CHUNK => 0..1,
        _ => {
            let end = place.saturating_add(bytes as u64).div_ceil(CHUNK);
            (place / CHUNK).min(CHUNKS as u64) as usize..end.min(CHUNKS as u64) as usize
        }
    }
}

/// Where a chunk stands in the memory file.
pub(super) fn place_of_chunk(number: usize) -> Range<u64> {
    match number {
        0 => FIRST_BLOCKS..FIRST_BLOCKS_END,
        _ => number as u64 * CHUNK..(number as u64 + 1) * CHUNK,
    }
}

impl Arena {
    pub(super) fn chunk(&self, number: usize) -> &'static Chunk {
        let chunks: &'static [Chunk] = self.slice(Offset::new(CHUNK_TABLE), CHUNKS);
        &chunks[number]
    }

    /// The numbers of all chunks from which something was carved.
    pub(super) fn chunks_reached(&self) -> Range<usize> {
        let end = self
            .header()
            .frontier
            .load(Ordering::Acquire)
            .clamp(FIRST_CHUNK, self.size().max(FIRST_CHUNK as usize) as u64);
        (FIRST_CHUNK / CHUNK) as usize..(end / CHUNK) as usize
    }

    /// Takes this many chunks that follow one another, in the name of `me`, and returns the first one's number. Free
    /// ones come before those that were never used.
    pub(super) fn take_chunks(&self, count: usize, me: ProcessId) -> Option<usize> {
        let reached = self.chunks_reached();
        let end = (self.size() as u64 / CHUNK) as usize;
        self.take_of(reached.clone(), ChunkState::Free, count, me).or_else(|| {
            let first = self.take_of(reached.end..end, ChunkState::Fresh, count, me)?;
            // A process killed before this leaves a chunk that others pass by, until its sweep.
            self.header().frontier.fetch_max((first + count) as u64 * CHUNK, Ordering::AcqRel);
            Some(first)
        })
    }

    fn take_of(
        &self,
        numbers: Range<usize>,
        state: ChunkState,
        count: usize,
        me: ProcessId,
    ) -> Option<usize> {
        let taken = ChunkState::Taken(me.raw());
        let mut first = numbers.start;
        while first + count <= numbers.end {
            let took = |number: &usize| self.chunk(*number).exchange(state, taken);
            let found = (first..first + count).take_while(took).count();
            if found == count {
                return Some(first);
            }
            for number in first..first + found {
                self.chunk(number).exchange(taken, state);
            }
            first += found + 1;
        }
        None
    }

    /// How many bytes of the memory file are in free chunks.
    pub(super) fn bytes_in_free_chunks(&self) -> u64 {
        let free = |number: &usize| self.chunk(*number).load() == ChunkState::Free;
        let length = |number| place_of_chunk(number).end - place_of_chunk(number).start;
        std::iter::once(0).chain(self.chunks_reached()).filter(free).map(length).sum()
    }
}
