//! The call slots that no call has: a stack of indices through the slots themselves.
//!
//! Private to the requester, for its threads. One word holds the top and the number of slots ever taken, which is also
//! the number of the call that goes there. Since it grows with each take, a top that came back is never mistaken for
//! one that stayed. The classic stack of R. K. Treiber, its top versioned.
//!
//! ```text
//! 63 .. 24: how many slots were taken so far      23 .. 0: index + 1 of the top, 0: none
//! ```

use crate::platform::atomic::{AtomicU64, Ordering};

const INDEX: u64 = (1 << 24) - 1;

/// Free slots. Each has a link of its own, which `link` finds and only this list uses while the slot is free.
pub(super) struct FreeList(AtomicU64);

impl FreeList {
    pub(super) fn new() -> FreeList {
        FreeList(AtomicU64::new(0))
    }

    /// How many slots were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed) >> 24
    }

    /// Takes a slot: its index, and the number of the call that goes there, from 1.
    #[inline]
    pub(super) fn take<'a>(&self, link: impl Fn(u32) -> &'a AtomicU64) -> Option<(u32, u64)> {
        let mut top = self.0.load(Ordering::Acquire);
        loop {
            let index = (top & INDEX).checked_sub(1)? as u32;
            let number = (top >> 24) + 1;
            let below = link(index).load(Ordering::Relaxed) & INDEX;
            match self.0.compare_exchange_weak(top, number << 24 | below, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some((index, number)),
                Err(now) => top = now,
            }
        }
    }

    /// Puts a slot back, or a new one in.
    #[inline]
    pub(super) fn put(&self, index: u32, link: &AtomicU64) {
        let mut top = self.0.load(Ordering::Relaxed);
        loop {
            link.store(top & INDEX, Ordering::Relaxed);
            let with = top & !INDEX | u64::from(index + 1);
            match self.0.compare_exchange_weak(top, with, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn no_slot_is_taken_twice_and_none_is_lost() {
        let links: Vec<AtomicU64> = (0..7).map(|_| AtomicU64::new(0)).collect();
        let in_use: Vec<AtomicBool> = (0..7).map(|_| AtomicBool::new(false)).collect();
        let list = FreeList::new();
        for index in 0..7 {
            list.put(index, &links[index as usize]);
        }
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let Some((index, _)) = list.take(|index| &links[index as usize]) else { continue };
                        assert!(!in_use[index as usize].swap(true, Ordering::Relaxed), "taken twice");
                        in_use[index as usize].store(false, Ordering::Relaxed);
                        list.put(index, &links[index as usize]);
                    }
                });
            }
        });
        let taken = list.taken();
        let left: Vec<(u32, u64)> =
            std::iter::from_fn(|| list.take(|index| &links[index as usize])).collect();
        assert_eq!(left.len(), 7, "some were lost");
        assert_eq!(left[6].1, taken + 7, "each take has its number");
    }
}
