//! The table of the objects' records, as this process sees it.
//!
//! It is the longest of all tables, so only its first segment is mapped with the others. Each other one is mapped when
//! an object of it is first made, attached to or looked for here (see [`super::records`]). Where there is no address
//! space for a segment, the caller that needs it gets an error, before anything is done. A record whose object this
//! process refers to is always mapped.

use super::error::ArenaError;
use super::header::OBJECT_TABLE;
use super::object_word::{OBJECTS, Record};
use super::records::{SEGMENT, SEGMENT_BYTES};
use super::region::Arena;
use crate::platform::atomic::Ordering;
use crate::platform::memory;
use std::ops::Range;

impl Arena {
    /// The record of an object that this process refers to, or has seen otherwise since it has the arena.
    ///
    /// # Panics
    /// When it has not.
    #[inline]
    pub(super) fn record(&self, index: u32) -> &'static Record {
        self.records.get(index).expect("a record that was seen before is mapped")
    }

    /// The record of any number that is in the table.
    ///
    /// # Errors
    /// When this process has no address space left for it.
    #[inline]
    pub(super) fn try_record(&self, index: u32) -> Result<&'static Record, ArenaError> {
        match self.records.get(index) {
            Some(record) => Ok(record),
            None => self.map_segment(index),
        }
    }

    #[cold]
    fn map_segment(&self, index: u32) -> Result<&'static Record, ArenaError> {
        let (number, size) = (index as usize / SEGMENT, SEGMENT_BYTES as usize);
        let place = OBJECT_TABLE + number as u64 * SEGMENT_BYTES;
        if place + SEGMENT_BYTES > self.size() as u64 {
            return Err(ArenaError::OutOfSlots { what: "shared object", limit: self.most_objects() - 1 });
        }
        let map = self.map_bytes(place, size).or_else(|| {
            self.unmap_idle();
            self.map_bytes(place, size)
        });
        let map = map.ok_or(ArenaError::AddressSpace { wanted: size })?;
        // SAFETY: the map of that whole segment; it is taken away only if it is not set.
        if !unsafe { self.records.set(number, map.cast()) } {
            // SAFETY: a fresh map, which nobody knows: another thread was faster.
            unsafe { memory::unmap(map, size) };
        }
        Ok(self.record(index))
    }

    /// How many records there are: an arena that is smaller than most has fewer.
    pub(super) fn most_objects(&self) -> usize {
        let segments = (self.size() as u64).saturating_sub(OBJECT_TABLE) / SEGMENT_BYTES;
        OBJECTS.min(segments as usize * SEGMENT)
    }

    /// The numbers of all records that were ever used, which are mapped from here on.
    ///
    /// # Errors
    /// When this process has no address space left for some of them.
    pub(super) fn record_numbers(&self) -> Result<Range<u32>, ArenaError> {
        let numbers = self.numbers_used();
        for first in numbers.clone().step_by(SEGMENT) {
            self.try_record(first)?;
        }
        // The step began at 1, so the last segment may have been left out.
        self.try_record(numbers.end - 1)?;
        Ok(numbers)
    }

    /// The numbers of those records that are mapped here: all whose objects this process refers to are.
    pub(super) fn numbers_seen(&self) -> impl Iterator<Item = u32> + '_ {
        self.numbers_used().filter(|index| self.records.get(*index).is_some())
    }

    fn numbers_used(&self) -> Range<u32> {
        1..self.header().object_high.load(Ordering::Acquire).clamp(1, self.most_objects() as u32)
    }
}
