//! Where the segments of the table of objects stand in this process.
//!
//! The table is a hundred megabytes long, and most programs use its first kilobytes. So its first segment is mapped
//! with the other tables, and each other one when it is needed (see [`super::object_table`]). A segment then stays
//! mapped, in a fork's child too.

use super::object_word::{OBJECTS, Record};
use crate::platform::atomic::{AtomicPtr, Ordering};
use std::ptr::NonNull;

/// How many records are mapped at a time.
pub(super) const SEGMENT: usize = 8192;
const SEGMENTS: usize = OBJECTS / SEGMENT;
pub(super) const SEGMENT_BYTES: u64 = (SEGMENT * size_of::<Record>()) as u64;

const _: () = assert!(OBJECTS.is_multiple_of(SEGMENT) && SEGMENT_BYTES.is_multiple_of(4096));

/// The addresses of the segments in one process; null: not mapped. Private memory, which a child inherits together with
/// the maps.
pub(super) struct Records([AtomicPtr<Record>; SEGMENTS]);

impl Records {
    /// The records of a process that has the first segment mapped at this address.
    ///
    /// # Safety
    /// It is the map of a whole segment, which lives as long as the process.
    pub(super) unsafe fn new(first: NonNull<Record>) -> Records {
        let segments = std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut()));
        segments[0].store(first.as_ptr(), Ordering::Release);
        Records(segments)
    }

    /// Has a segment stand at this address, unless another thread was faster: says whether it does.
    ///
    /// # Safety
    /// As for [`Records::new`].
    pub(super) unsafe fn set(&self, segment: usize, map: NonNull<Record>) -> bool {
        let none = std::ptr::null_mut();
        self.0[segment].compare_exchange(none, map.as_ptr(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The record of this number, if it is mapped.
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&'static Record> {
        let segment = self.0[index as usize / SEGMENT].load(Ordering::Acquire);
        // SAFETY: what is not null is the map of a whole segment, which lives as long as the process; a record is made
        // of atomics only.
        NonNull::new(segment).map(|segment| unsafe { segment.add(index as usize % SEGMENT).as_ref() })
    }
}
