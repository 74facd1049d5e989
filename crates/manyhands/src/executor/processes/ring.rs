//! The order in which calls are taken: a ring of call numbers that belongs to nobody.
//!
//! An entry is a hint, the call's own word is the truth. A worker reads the entry at the head, claims *the call*, and
//! only then clears the entry. So an entry is written by one compare-and-swap and cleared by one, there is no
//! half-written state, nothing in the ring has an owner and nothing in it needs a sweep. A worker that meets an entry
//! whose call cannot be claimed any more clears it. An index may stand in the ring twice; the second entry is then such
//! a one. Many producers, many consumers, any of which may stop for ever anywhere.
//!
//! ```text
//! slot   63 .. 24: lap   23 .. 0: index + 1, or 0 for "not written in this lap"       (zeroed memory = empty)
//! head, tail: hints which anybody pushes forward, never past a slot that the lap does not allow
//! ```
//!
//! The lap keeps a slow producer or consumer from touching a slot that has gone round. The ring never waits; it reports
//! that it is full.

use crate::platform::atomic::{AtomicU64, Ordering, fence};

const INDEX_BITS: u32 = 24;
const INDEX: u64 = (1 << INDEX_BITS) - 1;

/// One more than the largest index that an entry can hold.
pub const MOST_INDICES: u32 = INDEX as u32;

/// A ring over memory that its caller keeps. `slots` has a power of two of elements.
#[derive(Clone, Copy)]
pub struct CallRing<'a> {
    /// Where the oldest entry is, or a position before it.
    pub head: &'a AtomicU64,
    /// Where the next entry goes, or a position before it.
    pub tail: &'a AtomicU64,
    /// The entries.
    pub slots: &'a [AtomicU64],
}

/// What stands at the head: an index, and how to clear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    position: u64,
    word: u64,
}

impl Entry {
    /// The number of the call.
    pub fn index(self) -> u32 {
        (self.word & INDEX) as u32 - 1
    }
}

/// The most steps that a ring is gone along at a time. More are needed only when something has written over a position;
/// then the ring counts as full, or as empty.
const MOST_STEPS: u32 = 1 << 20;

impl CallRing<'_> {
    fn lap(&self, position: u64) -> u64 {
        position >> self.slots.len().trailing_zeros()
    }

    fn slot(&self, position: u64) -> &AtomicU64 {
        &self.slots[position as usize & (self.slots.len() - 1)]
    }

    /// Writes `index` behind the last entry; `false` when the ring is full.
    pub fn push(&self, index: u32) -> bool {
        debug_assert!(index < MOST_INDICES, "an entry holds 24 bits");
        for _ in 0..MOST_STEPS {
            let position = self.tail.load(Ordering::Acquire);
            let lap = self.lap(position);
            let slot = self.slot(position);
            let word = slot.load(Ordering::Acquire);
            if word >> INDEX_BITS == lap {
                if word & INDEX == 0 {
                    let entry = lap << INDEX_BITS | u64::from(index + 1);
                    if slot.compare_exchange(word, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                        self.advance(self.tail, position);
                        return true;
                    }
                } else {
                    self.advance(self.tail, position);
                }
            } else if word >> INDEX_BITS < lap {
                // Written a lap ago and not cleared yet, unless the tail has moved on since it was read.
                if self.tail.load(Ordering::Acquire) == position {
                    return false;
                }
            } else {
                self.advance(self.tail, position);
            }
        }
        false
    }

    /// The oldest entry, which stays until it is cleared.
    pub fn peek(&self) -> Option<Entry> {
        for _ in 0..MOST_STEPS {
            let position = self.head.load(Ordering::Acquire);
            let word = self.slot(position).load(Ordering::Acquire);
            if word >> INDEX_BITS == self.lap(position) {
                return (word & INDEX != 0).then_some(Entry { position, word });
            }
            // The slot has been cleared for its next lap: the head is behind.
            self.advance(self.head, position);
        }
        None
    }

    /// Clears an entry whose call has been claimed, by whomever. Once is enough, more is harmless.
    pub fn clear(&self, entry: Entry) {
        let next_lap = (self.lap(entry.position) + 1) << INDEX_BITS;
        let slot = self.slot(entry.position);
        let _ = slot.compare_exchange(entry.word, next_lap, Ordering::AcqRel, Ordering::Relaxed);
        self.advance(self.head, entry.position);
    }

    /// Whether an entry stood at the head just now. A push that the caller's earlier announcement missed is seen.
    pub fn is_empty(&self) -> bool {
        fence(Ordering::SeqCst);
        self.peek().is_none()
    }

    fn advance(&self, hint: &AtomicU64, from: u64) {
        let _ = hint.compare_exchange(from, from.wrapping_add(1), Ordering::AcqRel, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    struct Memory {
        head: AtomicU64,
        tail: AtomicU64,
        slots: Vec<AtomicU64>,
    }

    fn memory(capacity: usize) -> Memory {
        let slots = (0..capacity).map(|_| AtomicU64::new(0)).collect();
        Memory { head: AtomicU64::new(0), tail: AtomicU64::new(0), slots }
    }

    impl Memory {
        fn ring(&self) -> CallRing<'_> {
            CallRing { head: &self.head, tail: &self.tail, slots: &self.slots }
        }
    }

    proptest! {
        #[test]
        fn does_what_a_bounded_list_does(steps in proptest::collection::vec(any::<Option<u16>>(), 0..300)) {
            let memory = memory(8);
            let ring = memory.ring();
            let mut list = VecDeque::new();
            for step in steps {
                match step {
                    Some(index) => {
                        let fits = list.len() < 8;
                        prop_assert_eq!(ring.push(u32::from(index)), fits);
                        if fits {
                            list.push_back(u32::from(index));
                        }
                    }
                    None => {
                        let entry = ring.peek();
                        prop_assert_eq!(entry.map(Entry::index), list.pop_front());
                        if let Some(entry) = entry {
                            ring.clear(entry);
                            ring.clear(entry);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn hints_that_lag_behind_are_pushed_forward() {
        let memory = memory(4);
        let ring = memory.ring();
        for index in 0..4 {
            assert!(ring.push(index));
        }
        let first = ring.peek().expect("four entries");
        ring.clear(first);
        // As if the one who wrote and the one who cleared had stopped before they moved the hints.
        memory.head.store(0, Ordering::Relaxed);
        memory.tail.store(0, Ordering::Relaxed);
        assert_eq!(ring.peek().map(Entry::index), Some(1));
        assert!(ring.push(4));
        assert!(!ring.push(5));
        for index in 1..5 {
            let entry = ring.peek().expect("not empty yet");
            assert_eq!(entry.index(), index);
            ring.clear(entry);
        }
        assert!(ring.peek().is_none());
    }
}
