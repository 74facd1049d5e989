//! Which parts of the memory file this process has mapped, and where.
//!
//! The tables are mapped once. What lies behind them is mapped by chunks, each when it is first used here. So a process
//! takes as much address space as it needs, which a limit may make dear. A chunk that is *kept* stays mapped for the
//! life of the process. One that is *pinned* stays until its last pin is gone, and for a while after that. An idle one
//! is unmapped when there are many, when address space has run out, and in a fork's child. The first two chunks of
//! small blocks are kept where there is no limit: most messages are there, and counting pins would cost a tenth of a
//! short one. The table is private memory, which a child inherits together with the maps. Nothing here waits: the loser
//! of a race takes its own map away again.
//!
//! A block longer than a chunk begins with one and is mapped in one piece, at its first chunk's word; it is only ever
//! asked for from its beginning. The word of a chunk:
//!
//! ```text
//! bits 0-35   page number of its address; 0: not mapped
//! bits 36-46  how many chunks are mapped there in one piece
//! bits 47-62  pins
//! bit 63      kept; its pins are not counted
//!
//! 0 --map--> pinned(1) <--pin, unpin--> pinned(n) --last unpin--> idle --unmapped--> 0
//! 0, idle, pinned --somebody keeps it--> kept, for good
//! ```
//!
//! An address that comes back with the same word does no harm: the word says what is mapped there, whichever thread
//! mapped it.

use crate::platform::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The unit in which the memory file is mapped.
pub(super) const CHUNK: u64 = 64 << 20;
/// How many the largest arena has.
pub(super) const CHUNKS: usize = 1024;
/// How many chunks of small blocks are kept.
const LASTING: usize = 2;
/// Idle chunks beyond so many are unmapped, also where address space is not limited: it may be at any time.
pub(super) const IDLE: usize = 8;

/// Maps chunks: the operating system does, and something that counts in model tests.
pub(super) trait Maps {
    /// The address of a fresh map of `count` chunks from number `first` on, page-aligned and below 2^48; `None` when
    /// there is no address space.
    fn map(&self, first: usize, count: usize) -> Option<u64>;

    /// Takes a map away. Nobody uses it any more.
    fn unmap(&self, address: u64, count: usize);

    /// How many chunks may stay mapped while they are idle.
    fn idle_limit(&self) -> usize;

    /// Whether address space is limited now.
    fn is_limited(&self) -> bool;
}

/// How long a map is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Until it is unpinned.
    Pin,
    /// The same, by a small block, of which there will be more.
    Small,
    /// For good.
    Keep,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Word(u64);

const PAGE_BITS: u32 = 36;
const COUNT_BITS: u32 = 11;
const PIN_SHIFT: u32 = PAGE_BITS + COUNT_BITS;
const PIN: u64 = 1 << PIN_SHIFT;
const MOST_PINS: u64 = (1 << 16) - 1;
const KEPT: u64 = 1 << 63;

impl Word {
    const NONE: Word = Word(0);

    /// A map that a thread has just made, with one pin, or kept.
    fn fresh(address: u64, count: usize, keep: bool) -> Word {
        debug_assert!(address.is_multiple_of(4096) && address >> 12 < 1 << PAGE_BITS);
        Word(address >> 12 | (count as u64) << PAGE_BITS | if keep { KEPT } else { PIN })
    }

    fn address(self) -> u64 {
        (self.0 & ((1 << PAGE_BITS) - 1)) << 12
    }

    fn count(self) -> usize {
        (self.0 >> PAGE_BITS) as usize & ((1 << COUNT_BITS) - 1)
    }

    fn pins(self) -> u64 {
        self.0 >> PIN_SHIFT & MOST_PINS
    }

    fn is_mapped(self) -> bool {
        self.address() != 0
    }

    fn is_kept(self) -> bool {
        self.0 & KEPT != 0
    }

    fn is_idle(self) -> bool {
        self.is_mapped() && !self.is_kept() && self.pins() == 0
    }

    /// With one more pin. More than can be counted keep the chunk.
    fn pinned(self) -> Word {
        if self.is_kept() || self.pins() == MOST_PINS { self.kept() } else { Word(self.0 + PIN) }
    }

    fn unpinned(self) -> Word {
        Word(self.0 - PIN)
    }

    fn kept(self) -> Word {
        Word((self.0 | KEPT) & !(MOST_PINS << PIN_SHIFT))
    }
}

/// The table of one process.
pub(super) struct Window<const N: usize = CHUNKS> {
    words: [AtomicU64; N],
    /// How many chunks are mapped and not kept.
    passing: AtomicUsize,
    /// How many are kept since small blocks are there.
    lasting: AtomicUsize,
    /// Where the search for idle ones goes on.
    hand: AtomicUsize,
}

impl<const N: usize> Window<N> {
    /// Nothing is mapped.
    pub(super) fn new() -> Window<N> {
        Window {
            words: std::array::from_fn(|_| AtomicU64::new(0)),
            passing: AtomicUsize::new(0),
            lasting: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
        }
    }

    /// The address of a chunk that is kept, with so many after it.
    #[inline]
    pub(super) fn kept(&self, first: usize, count: usize) -> Option<u64> {
        let word = Word(self.words[first].load(Ordering::Acquire));
        (word.is_kept() && word.count() >= count).then(|| word.address())
    }

    /// The address of `count` chunks from number `first` on, which stay mapped: for good if they are kept, else until
    /// [`Window::unpin`]. `None` when there is no address space for them.
    #[inline]
    pub(super) fn hold(&self, maps: &impl Maps, first: usize, count: usize, need: Need) -> Option<u64> {
        let seen = Word(self.words[first].load(Ordering::Acquire));
        if seen.is_mapped() && seen.count() >= count {
            let held = if need == Need::Keep { seen.kept() } else { seen.pinned() };
            if held == seen || self.step(first, seen, held) {
                self.count_kept(seen, held);
                return Some(seen.address());
            }
        }
        self.map(maps, first, count, need)
    }

    #[cold]
    fn map(&self, maps: &impl Maps, first: usize, count: usize, need: Need) -> Option<u64> {
        let lasts =
            need == Need::Small && self.lasting.load(Ordering::Relaxed) < LASTING && !maps.is_limited();
        self.lasting.fetch_add(usize::from(lasts), Ordering::Relaxed);
        let keep = lasts || need == Need::Keep;
        loop {
            let seen = Word(self.words[first].load(Ordering::Acquire));
            if seen.is_mapped() && seen.count() >= count {
                let held = if keep { seen.kept() } else { seen.pinned() };
                if held == seen || self.step(first, seen, held) {
                    self.count_kept(seen, held);
                    return Some(seen.address());
                }
                continue;
            }
            if seen.is_idle() {
                self.unmap_idle(maps, first);
                continue;
            }
            // A shorter map that others still use is left to them for good: nobody could say then whose pins are whose.
            let keep = keep || seen.is_mapped();
            self.make_room(maps, count);
            let address = maps.map(first, count).or_else(|| {
                self.unmap_all_idle(maps);
                maps.map(first, count)
            })?;
            // Counted before any thread can find it and take it away.
            let passing = if keep { 0 } else { count };
            self.passing.fetch_add(passing, Ordering::Relaxed);
            if self.step(first, seen, Word::fresh(address, count, keep)) {
                self.count_kept(seen, Word::NONE.kept());
                return Some(address);
            }
            self.passing.fetch_sub(passing, Ordering::Relaxed);
            maps.unmap(address, count);
        }
    }

    /// Gives a pin back.
    #[inline]
    pub(super) fn unpin(&self, maps: &impl Maps, first: usize) {
        loop {
            let seen = Word(self.words[first].load(Ordering::Acquire));
            if seen.is_kept() {
                return;
            }
            debug_assert!(seen.pins() > 0, "a chunk is unpinned as often as it was pinned");
            if self.step(first, seen, seen.unpinned()) {
                if seen.count() > 1 && seen.pins() == 1 && seen.count() > maps.idle_limit() {
                    self.unmap_idle(maps, first);
                }
                return;
            }
        }
    }

    /// Unmaps all that is idle.
    pub(super) fn unmap_all_idle(&self, maps: &impl Maps) {
        if self.passing.load(Ordering::Relaxed) > 0 {
            (0..N).for_each(|first| self.unmap_idle(maps, first));
        }
    }

    /// In a fork's child, which has one thread: unmaps what is idle, and counts anew. What others did when the fork
    /// came is not finished here.
    pub(super) fn begin_in_child(&self, maps: &impl Maps) {
        (0..N).for_each(|first| self.unmap_idle(maps, first));
        let words = self.words.iter().map(|word| Word(word.load(Ordering::Relaxed)));
        let passing = words.filter(|word| !word.is_kept()).map(Word::count).sum();
        self.passing.store(passing, Ordering::Relaxed);
    }

    /// Unmaps idle chunks until there is room for so many more.
    fn make_room(&self, maps: &impl Maps, count: usize) {
        let limit = maps.idle_limit();
        for _ in 0..N {
            if self.passing.load(Ordering::Relaxed) + count <= limit {
                return;
            }
            self.unmap_idle(maps, self.hand.fetch_add(1, Ordering::Relaxed) % N);
        }
    }

    fn unmap_idle(&self, maps: &impl Maps, first: usize) {
        let seen = Word(self.words[first].load(Ordering::Acquire));
        // From here on nobody finds it, and nobody had it.
        if seen.is_idle() && self.step(first, seen, Word::NONE) {
            self.passing.fetch_sub(seen.count(), Ordering::Relaxed);
            maps.unmap(seen.address(), seen.count());
        }
    }

    fn count_kept(&self, before: Word, after: Word) {
        if after.is_kept() && !before.is_kept() {
            self.passing.fetch_sub(before.count(), Ordering::Relaxed);
        }
    }

    /// One step of a word. Acquire and release: what was done in a map is done before it goes.
    fn step(&self, first: usize, from: Word, to: Word) -> bool {
        self.words[first].compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests;

#[cfg(all(test, manyhands_model))]
mod model;
