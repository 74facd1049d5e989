//! What this process alone knows of the objects it uses, in private memory that a fork copies.
//!
//! How many of its references lead to each object, and which objects it has let go and could not settle. Both are hints
//! to nobody else: what the arena says of a process is in the records of the objects (see [`super::reference`]).

use super::object_word::OBJECTS;
use crate::platform::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::platform::memory;
use std::io;
use std::ptr::NonNull;

/// In the process's private count: a thread is taking the record away.
pub(super) const CLOSING: u32 = u32::MAX;

/// How many [`Object`](super::Object)s of this process refer to each record: private memory, copied by fork.
pub(super) struct LocalCounts(NonNull<AtomicU32>);

// SAFETY: points to private memory that lives as long as this, of atomics only.
unsafe impl Send for LocalCounts {}
// SAFETY: as above.
unsafe impl Sync for LocalCounts {}

impl LocalCounts {
    pub(super) fn new() -> io::Result<LocalCounts> {
        memory::reserve_private(OBJECTS * size_of::<AtomicU32>()).map(|memory| LocalCounts(memory.cast()))
    }

    pub(super) fn of(&self, index: u32) -> &AtomicU32 {
        assert!((index as usize) < OBJECTS, "an object's number is below the table's length");
        // SAFETY: zeroed memory for OBJECTS counts was reserved, until the drop; the index was just checked.
        unsafe { self.0.add(index as usize).as_ref() }
    }
}

impl Drop for LocalCounts {
    fn drop(&mut self) {
        // SAFETY: what `new` reserved, all of it; references to it end with this.
        unsafe { memory::unmap(self.0.cast(), OBJECTS * size_of::<AtomicU32>()) };
    }
}

/// The numbers of a few objects of which this process has a record and no reference, since it could not see whether a
/// message carries them. A hint: what has no room here is done when the process has ended. A fork's child has no such
/// records.
pub(super) struct Unsettled {
    any: AtomicBool,
    /// 0: none.
    objects: [AtomicU32; 32],
}

impl Unsettled {
    pub(super) fn new() -> Unsettled {
        Unsettled { any: AtomicBool::new(false), objects: std::array::from_fn(|_| AtomicU32::new(0)) }
    }

    pub(super) fn note(&self, index: u32) {
        let free =
            |cell: &&AtomicU32| cell.compare_exchange(0, index, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        let _ = self.objects.iter().find(free);
        self.any.store(true, Ordering::Release);
    }

    /// Takes out what is there now.
    pub(super) fn take(&self, mut settle: impl FnMut(u32)) {
        if self.any.load(Ordering::Relaxed) && self.any.swap(false, Ordering::AcqRel) {
            let noted = self.objects.each_ref().map(|cell| cell.swap(0, Ordering::AcqRel));
            noted.into_iter().filter(|index| *index != 0).for_each(&mut settle);
        }
    }
}
