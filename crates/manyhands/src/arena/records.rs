//! Where the records of objects stand in this process.
//!
//! The table of records is the longest of all, a hundred megabytes, and most programs use its first kilobytes. So only
//! its first segment is mapped with the other tables, and each other one when an object of it is first made, attached
//! to or looked for here. It stays mapped then, in a fork's child too. Where there is no address space for a segment,
//! the caller that needs it gets an error, before anything is done. A record whose object this process refers to is
//! always mapped.

use super::error::ArenaError;
use super::header::OBJECT_TABLE;
use super::object::{OBJECTS, Record};
use super::region::Arena;
use crate::platform::atomic::{AtomicPtr, Ordering};
use crate::platform::memory;
use std::ops::Range;
use std::ptr::NonNull;

/// How many records are mapped at a time.
const SEGMENT: usize = 8192;
const SEGMENTS: usize = OBJECTS / SEGMENT;
pub(super) const SEGMENT_BYTES: u64 = (SEGMENT * size_of::<Record>()) as u64;

const _: () = assert!(OBJECTS.is_multiple_of(SEGMENT) && SEGMENT_BYTES.is_multiple_of(4096));

/// The addresses of the segments in one process; null: not mapped. Private memory, which a child inherits together with
/// the maps.
pub(super) struct Records([AtomicPtr<Record>; SEGMENTS]);

impl Records {
    /// The records of a process whose tables, the first segment among them, are mapped at this address.
    pub(super) fn new(tables: NonNull<u8>) -> Records {
        let segments = std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut()));
        // SAFETY: the tables are mapped as far as that segment's end.
        let first = unsafe { tables.add(OBJECT_TABLE as usize) };
        segments[0].store(first.as_ptr().cast(), Ordering::Release);
        Records(segments)
    }

    /// The record of this number, if it is mapped.
    #[inline]
    fn get(&self, index: u32) -> Option<&'static Record> {
        let segment = self.0[index as usize / SEGMENT].load(Ordering::Acquire);
        // SAFETY: what is not null is the map of a whole segment, which lives as long as the process; a record is made
        // of atomics only.
        NonNull::new(segment).map(|segment| unsafe { segment.add(index as usize % SEGMENT).as_ref() })
    }
}

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
        let known = self.records.0[number].compare_exchange(
            std::ptr::null_mut(),
            map.as_ptr().cast(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if known.is_err() {
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
