//! Which entries of a table may be free: a bit for each, and two levels of bits above them, so that one is found at
//! once.
//!
//! A hint and nothing more. The entry's own word decides whose it is. A thread that takes a bit goes on to claim the
//! entry by that word, and tries the next one when it is already taken. So a superfluous bit costs one look. A bit that
//! a killed process took with it costs one entry, until a sweep or a full look at the table [puts](FreeBits::put) it
//! back. While no process is killed no bit is lost. A thread that empties a word clears the bit above it *and then*
//! looks at the word again; one that fills a word looks at the bit above *after* that. No published algorithm; a tree
//! of bits as kernels keep for free numbers, with Dekker's double look between its levels.
//!
//! ```text
//! top     1 word    bit m: a bit may be set in middle word m
//! middle  M words   bit l: a bit may be set in leaf 64 m + l
//! leaves  L words   bit i: entry 64 l + i may be free
//! ```

use crate::platform::atomic::{AtomicU64, Ordering};

/// The bits of a table of up to `64 * LEAVES` entries. Zeroed memory says that none is free.
#[repr(C, align(64))]
pub(super) struct FreeBits<const LEAVES: usize, const MIDDLE: usize> {
    top: AtomicU64,
    unused: [AtomicU64; 7],
    middle: [AtomicU64; MIDDLE],
    leaves: [AtomicU64; LEAVES],
}

// SAFETY: repr(C), atomics only.
#[cfg(not(manyhands_model))]
unsafe impl<const LEAVES: usize, const MIDDLE: usize> super::shared::Shared for FreeBits<LEAVES, MIDDLE> {}

fn bit(number: usize) -> u64 {
    1 << (number % 64)
}

/// The number of the lowest bit of a word that is not 0.
fn lowest(word: u64) -> usize {
    word.trailing_zeros() as usize
}

impl<const LEAVES: usize, const MIDDLE: usize> FreeBits<LEAVES, MIDDLE> {
    #[cfg(not(manyhands_model))]
    pub(super) const fn new() -> Self {
        const { assert!(LEAVES <= 64 * MIDDLE && MIDDLE <= 64) };
        FreeBits {
            top: AtomicU64::new(0),
            unused: [const { AtomicU64::new(0) }; 7],
            middle: [const { AtomicU64::new(0) }; MIDDLE],
            leaves: [const { AtomicU64::new(0) }; LEAVES],
        }
    }

    /// Says that an entry may be free.
    pub(super) fn put(&self, entry: usize) {
        let leaf = entry / 64;
        self.leaves[leaf].fetch_or(bit(entry), Ordering::SeqCst);
        set(&self.middle[leaf / 64], bit(leaf));
        set(&self.top, bit(leaf / 64));
    }

    /// Whether an entry is said to be free.
    pub(super) fn has(&self, entry: usize) -> bool {
        self.leaves[entry / 64].load(Ordering::Relaxed) & bit(entry) != 0
    }

    /// Takes the lowest entry that may be free. Nobody else gets it before it was put back.
    pub(super) fn take(&self) -> Option<usize> {
        loop {
            let top = self.top.load(Ordering::SeqCst);
            if top == 0 {
                return None;
            }
            let middle = lowest(top);
            let seen = self.middle[middle].load(Ordering::SeqCst);
            if seen == 0 {
                clear(&self.top, bit(middle), &self.middle[middle]);
                continue;
            }
            let leaf = 64 * middle + lowest(seen);
            if let Some(found) = self.take_from(leaf) {
                return Some(found);
            }
        }
    }

    fn take_from(&self, leaf: usize) -> Option<usize> {
        let word = &self.leaves[leaf];
        let seen = word.load(Ordering::SeqCst);
        let mut taken = None;
        let mut left = seen;
        if seen != 0 {
            let lowest = bit(lowest(seen));
            let before = word.fetch_and(!lowest, Ordering::SeqCst);
            taken = (before & lowest != 0).then(|| 64 * leaf + lowest.trailing_zeros() as usize);
            left = before & !lowest;
        }
        if left == 0 {
            clear(&self.middle[leaf / 64], bit(leaf), word);
        }
        taken
    }
}

/// Sets a bit that is not set yet.
fn set(word: &AtomicU64, bit: u64) {
    if word.load(Ordering::SeqCst) & bit == 0 {
        word.fetch_or(bit, Ordering::SeqCst);
    }
}

/// Clears the bit over a word that was seen empty, and sets it again if the word is not empty any more. The thread that
/// filled it may have seen the bit before it was cleared.
fn clear(over: &AtomicU64, bit: u64, word: &AtomicU64) {
    over.fetch_and(!bit, Ordering::SeqCst);
    if word.load(Ordering::SeqCst) != 0 {
        over.fetch_or(bit, Ordering::SeqCst);
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn the_lowest_comes_first_and_none_is_lost() {
        static BITS: FreeBits<130, 3> = FreeBits::new();
        let entries = [0, 1, 63, 64, 4095, 4096, 8191, 8200];
        assert_eq!(BITS.take(), None);
        for entry in entries.iter().rev() {
            BITS.put(*entry);
        }
        assert!(BITS.has(4095) && !BITS.has(4094));
        let taken: Vec<usize> = std::iter::from_fn(|| BITS.take()).collect();
        assert_eq!(taken, entries);
        assert!(!BITS.has(4095));
    }

    #[test]
    fn no_entry_is_taken_twice() {
        static BITS: FreeBits<4, 1> = FreeBits::new();
        static IN_USE: [AtomicBool; 256] = [const { AtomicBool::new(false) }; 256];
        let mine = [3, 64, 65, 200, 255];
        mine.iter().for_each(|entry| BITS.put(*entry));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let Some(entry) = BITS.take() else { continue };
                        assert!(!IN_USE[entry].swap(true, Ordering::Relaxed), "taken twice");
                        IN_USE[entry].store(false, Ordering::Relaxed);
                        BITS.put(entry);
                    }
                });
            }
        });
        assert_eq!(std::iter::from_fn(|| BITS.take()).collect::<Vec<_>>(), mine);
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    //! The tree under every schedule. Threads that put and take lose no bit between them, though the word over which
    //! they meet is emptied and filled at the same time. If one is killed at any step the others go on.

    use super::*;
    use crate::platform::model::{check, spawn};

    type Bits = FreeBits<2, 1>;

    fn bits() -> Bits {
        let none = || AtomicU64::new(0);
        FreeBits {
            top: none(),
            unused: std::array::from_fn(|_| none()),
            middle: std::array::from_fn(|_| none()),
            leaves: std::array::from_fn(|_| none()),
        }
    }

    fn all(bits: &Bits) -> Vec<usize> {
        std::iter::from_fn(|| bits.take()).collect()
    }

    #[test]
    fn model_free_bits_none_is_lost_and_none_comes_twice() {
        check(3, bits, |bits| {
            bits.put(0);
            let taker = spawn(bits, |bits| bits.take());
            bits.put(1);
            let mut taken: Vec<usize> = bits.take().into_iter().chain(taker.join().unwrap()).collect();
            taken.extend(all(&bits));
            taken.sort_unstable();
            assert_eq!(taken, [0, 1]);
        });
    }

    #[test]
    fn model_free_bits_what_is_put_back_is_found_again() {
        check(3, bits, |bits| {
            bits.put(5);
            let other = spawn(bits, |bits| bits.take().inspect(|entry| bits.put(*entry)));
            let mine = bits.take();
            mine.inspect(|entry| bits.put(*entry));
            let theirs = other.join().unwrap();
            assert!(mine.into_iter().chain(theirs).all(|entry| entry == 5));
            assert_eq!(all(&bits), [5]);
        });
    }

    /// One is killed after it cleared the bits above, and one after it set the lowest. A sweep does what they did not
    /// get to do, by putting the entries once more.
    #[test]
    fn model_free_bits_a_sweep_puts_back_what_a_killed_process_took() {
        check(3, bits, |bits| {
            bits.put(0);
            let dies = spawn(bits, |bits| {
                bits.leaves[0].fetch_and(!1, Ordering::SeqCst);
                bits.middle[0].fetch_and(!1, Ordering::SeqCst);
                bits.leaves[1].fetch_or(1, Ordering::SeqCst);
            });
            let taken = bits.take();
            dies.join().unwrap();
            for entry in [0, 64] {
                if taken != Some(entry) {
                    bits.put(entry);
                }
            }
            let mut found = all(&bits);
            found.extend(taken);
            found.sort_unstable();
            found.dedup();
            assert_eq!(found, [0, 64]);
        });
    }
}
