//! The entry of a block: its word, which says whose the block is, and where it stands in the memory file.
//!
//! A process killed over it leaves its number in the word, so nothing is lost with it:
//!
//! ```text
//! bits 0-3    state: Empty (no memory), Carving(owner), Free, Held(owner), InFlight, Clearing(owner: see `reclaim`)
//! bits 4-27   owner (a ProcessId)
//! bit 28      it carries handles (see `travel`)
//! bit 29      they are being let go, before it is freed
//! bit 30      cold: it is free, and its pages were given back
//! bits 32-63  generation, raised whenever the block is freed
//! ```

use crate::platform::atomic::{AtomicU64, Ordering};

#[repr(C)]
pub(super) struct Entry {
    word: AtomicU64,
    pub(super) offset: AtomicU64,
}

// SAFETY: repr(C), atomics only.
#[cfg(not(manyhands_model))]
unsafe impl super::shared::Shared for Entry {}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockState {
    Empty,
    Carving,
    Free,
    Held,
    InFlight,
    Clearing,
}

#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) state: BlockState,
    pub(super) owner: u32,
    pub(super) carrying: bool,
    pub(super) dropping: bool,
    pub(super) cold: bool,
    pub(super) generation: u32,
}

impl Word {
    fn pack(self) -> u64 {
        let state = match self.state {
            BlockState::Empty => 0,
            BlockState::Carving => 1,
            BlockState::Free => 2,
            BlockState::Held => 3,
            BlockState::InFlight => 4,
            BlockState::Clearing => 5,
        };
        state
            | u64::from(self.owner & 0xff_ffff) << 4
            | u64::from(self.carrying) << 28
            | u64::from(self.dropping) << 29
            | u64::from(self.cold) << 30
            | u64::from(self.generation) << 32
    }

    fn unpack(word: u64) -> Word {
        let state = match word & 0xf {
            0 => BlockState::Empty,
            1 => BlockState::Carving,
            2 => BlockState::Free,
            3 => BlockState::Held,
            4 => BlockState::InFlight,
            _ => BlockState::Clearing,
        };
        Word {
            state,
            owner: (word >> 4) as u32 & 0xff_ffff,
            carrying: word >> 28 & 1 != 0,
            dropping: word >> 29 & 1 != 0,
            cold: word >> 30 & 1 != 0,
            generation: (word >> 32) as u32,
        }
    }
}

impl Entry {
    #[cfg(all(test, manyhands_model))]
    pub(super) fn empty() -> Entry {
        Entry { word: AtomicU64::new(0), offset: AtomicU64::new(0) }
    }

    pub(super) fn load(&self) -> Word {
        Word::unpack(self.word.load(Ordering::Acquire))
    }

    /// Where its block stands. One that was freed and taken back stands nowhere.
    pub(super) fn place(&self) -> Result<u64, NoEntry> {
        match self.offset.load(Ordering::Acquire) {
            0 => Err(NoEntry::Stale),
            place => Ok(place),
        }
    }

    pub(super) fn forget_place(&self) {
        self.offset.store(0, Ordering::Release);
    }

    /// Whether the word is none that a process of the arena writes, so that no exchange from what was read succeeds.
    pub(super) fn is_senseless(&self) -> bool {
        let word = self.word.load(Ordering::Acquire);
        Word::unpack(word).pack() != word
    }

    pub(super) fn exchange(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Why there is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoEntry {
    /// There is none.
    Stale,
    /// This process has no address space left for it.
    Unreachable,
}
