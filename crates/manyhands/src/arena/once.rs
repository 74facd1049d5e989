//! Tables whose entries are written once: whatever got a number keeps it, for all processes and for good.
//!
//! An entry is claimed, filled and made known. A process that is killed in between leaves an entry that nobody ever uses.
//! Two that enter the same thing at the same time may give it two numbers, which does no harm: each number means that thing.
//! A full table takes nothing more.
//!
//! ```text
//! word: 0 nobody's | 1 being written | 2 ready, its content will not change
//! ```

use super::shared::Shared;
use crate::platform::atomic::{AtomicPtr, AtomicU64, Ordering};

const FREE: u64 = 0;
const CLAIMED: u64 = 1;
const READY: u64 = 2;

/// One entry, with so many words of content.
#[repr(C, align(64))]
pub(super) struct Entry<const WORDS: usize> {
    word: AtomicU64,
    content: [AtomicU64; WORDS],
}

// SAFETY: repr(C), atomics only.
unsafe impl<const WORDS: usize> Shared for Entry<WORDS> {}

/// The number of a content, which gets one now if it has none; `None` when the table is full.
pub(super) fn number_of<const WORDS: usize>(table: &[Entry<WORDS>], content: &[u64; WORDS]) -> Option<u16> {
    for (number, entry) in table.iter().enumerate() {
        let mut state = entry.word.load(Ordering::Acquire);
        if state == FREE {
            match entry.word.compare_exchange(FREE, CLAIMED, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => {
                    entry.store(content);
                    return Some(number as u16);
                }
                Err(now) => state = now,
            }
        }
        if state == READY && entry.load() == *content {
            return Some(number as u16);
        }
    }
    None
}

/// The content that has a number.
pub(super) fn content_of<const WORDS: usize>(table: &[Entry<WORDS>], number: u16) -> Option<[u64; WORDS]> {
    let entry = table.get(usize::from(number))?;
    (entry.word.load(Ordering::Acquire) == READY).then(|| entry.load())
}

impl<const WORDS: usize> Entry<WORDS> {
    /// Fills an entry that the caller has claimed, and makes it known.
    fn store(&self, content: &[u64; WORDS]) {
        self.content.iter().zip(content).for_each(|(place, word)| place.store(*word, Ordering::Relaxed));
        self.word.store(READY, Ordering::Release);
    }

    fn load(&self) -> [u64; WORDS] {
        std::array::from_fn(|word| self.content[word].load(Ordering::Relaxed))
    }
}

/// What this process knows of an entry: nothing yet, or a value for good. Nobody ever waits for it, so a fork's child finds
/// it whole, whatever other threads were doing.
pub(super) struct Known<T>(AtomicPtr<T>);

impl<T> Known<T> {
    pub(super) const fn nothing() -> Known<T> {
        Known(AtomicPtr::new(std::ptr::null_mut()))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or a box that `set` has leaked.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// The value, which is this one unless another thread was sooner.
    pub(super) fn set(&self, value: T) -> &'static T {
        let mine = Box::into_raw(Box::new(value));
        let set = self.0.compare_exchange(std::ptr::null_mut(), mine, Ordering::AcqRel, Ordering::Acquire);
        match set {
            // SAFETY: leaked just now, and never freed from here on.
            Ok(_) => unsafe { &*mine },
            Err(earlier) => {
                // SAFETY: just made from a box, and given to nobody.
                drop(unsafe { Box::from_raw(mine) });
                // SAFETY: not null, so a box that was leaked here.
                unsafe { &*earlier }
            }
        }
    }
}
