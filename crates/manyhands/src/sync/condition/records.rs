//! Where the records of waiters stand: in private memory, or in an object of the arena.
//!
//! A few stand beside the words they belong to; when those are in use, more are added, which stay until the object
//! goes. In private memory that is a chain of pieces, as long as it needs to be. In the arena it is one block of 8,172
//! records, which together with the object's own are as many as there can be threads. The block stands where every
//! process has it mapped: one that could not see a waiter would not wake it.

use super::list::{Record, Records};
use crate::arena::KeptBlock;
use crate::arena::{Arena, Shared};
use crate::platform::atomic::{AtomicPtr, AtomicU32, Ordering};

// SAFETY: repr(C), two atomic words, every pattern of which is a record; no address, no drop glue.
unsafe impl Shared for Record {}

/// How many records stand in a private object itself, and in each further piece.
const FIRST: usize = 2;
const PIECE: usize = 32;

/// Records in private memory.
#[derive(Debug)]
pub(super) struct PrivateRecords {
    first: [Record; FIRST],
    more: AtomicPtr<Piece>,
}

#[derive(Debug)]
struct Piece {
    records: [Record; PIECE],
    more: AtomicPtr<Piece>,
}

/// The piece that a pointer of a chain leads to.
fn piece(more: &AtomicPtr<Piece>) -> Option<&Piece> {
    // SAFETY: a pointer that is not null came from `Box::into_raw` in `grow`, and its piece stays until the drop of the
    // records, which are borrowed here.
    unsafe { more.load(Ordering::Acquire).as_ref() }
}

impl PrivateRecords {
    pub(in crate::sync) const fn new() -> Self {
        PrivateRecords { first: [const { Record::new() }; FIRST], more: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

impl Records for PrivateRecords {
    fn records(&self) -> impl Iterator<Item = &Record> {
        let pieces = std::iter::successors(piece(&self.more), |last| piece(&last.more));
        self.first.iter().chain(pieces.flat_map(|piece| &piece.records))
    }

    fn grow(&self) -> bool {
        let fresh = Box::into_raw(Box::new(Piece {
            records: [const { Record::new() }; PIECE],
            more: AtomicPtr::new(std::ptr::null_mut()),
        }));
        let mut end = &self.more;
        loop {
            while let Some(piece) = piece(end) {
                end = &piece.more;
            }
            let null = std::ptr::null_mut();
            if end.compare_exchange(null, fresh, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return true;
            }
        }
    }
}

impl Drop for PrivateRecords {
    fn drop(&mut self) {
        let mut next = *self.more.get_mut();
        while !next.is_null() {
            // SAFETY: made by `Box::into_raw` in `grow`, reached once, and nobody else has the records any more.
            let mut piece = unsafe { Box::from_raw(next) };
            next = *piece.more.get_mut();
        }
    }
}

/// What an object of the arena says of its records: the first of them stand at the end of its body.
#[repr(C)]
pub(in crate::sync) struct ArenaRecords<const INLINE: usize> {
    block: KeptBlock,
    /// No record with this number or a higher one was ever used.
    high: AtomicU32,
    unused: AtomicU32,
    first: [Record; INLINE],
}

// SAFETY: repr(C), atomics only.
unsafe impl<const INLINE: usize> Shared for ArenaRecords<INLINE> {}

const IN_BLOCK: usize = 8172;

impl<const INLINE: usize> ArenaRecords<INLINE> {
    pub(in crate::sync) fn block(&self) -> &KeptBlock {
        &self.block
    }

    /// The records in the block. A waiter that is not seen here would not be woken, so the block stands where it is
    /// always mapped.
    fn in_block(&self) -> &'static [Record] {
        let arena = Arena::current().expect("the records stand in it");
        self.block.records(arena, IN_BLOCK).expect("a lasting block is mapped in every process")
    }
}

impl<const INLINE: usize> Records for ArenaRecords<INLINE> {
    fn records(&self) -> impl Iterator<Item = &Record> {
        let high = self.high.load(Ordering::Acquire) as usize;
        let in_block = if high > INLINE { self.in_block() } else { &[] };
        self.first.iter().chain(in_block).take(high)
    }

    /// First as many more as there are already, so that a look at all of them stays short.
    fn grow(&self) -> bool {
        let arena = Arena::current().expect("the records stand in it");
        let high = self.high.load(Ordering::Acquire);
        if high as usize >= INLINE && self.in_block().is_empty() {
            let Ok(mut block) = arena.claim_lasting(IN_BLOCK * size_of::<Record>()) else { return false };
            block.fill(0);
            if self.block.offer(arena, block).is_err() {
                return false;
            }
        }
        let most = (INLINE + IN_BLOCK) as u32;
        let more = (high * 2).clamp(1, most);
        let _ = self.high.compare_exchange(high, more, Ordering::AcqRel, Ordering::Acquire);
        high < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_records_grow_by_pieces_and_stay_where_they_are() {
        let records = PrivateRecords::new();
        let first = std::ptr::from_ref(records.records().next().unwrap());
        assert_eq!(records.records().count(), FIRST);
        assert!(records.grow() && records.grow());
        assert_eq!(records.records().count(), FIRST + 2 * PIECE);
        assert!(std::ptr::eq(first, records.records().next().unwrap()));
    }
}
