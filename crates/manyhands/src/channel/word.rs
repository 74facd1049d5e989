//! The word of a ring slot: where its message stands in the stream, how far it got, and who is at it.
//!
//! One 64-bit word says all three. So every step of a message is one compare-and-swap, and a process that is killed
//! between two steps leaves its name behind. Positions count the messages of a queue from its birth and are compared
//! wrapping. The word keeps their low 36 bits, which is enough to distinguish any two that can meet in one ring. This
//! file only packs and unpacks; `ring.rs` says what may follow what.

/// Bits of a position that a word keeps.
const POSITION_BITS: u32 = 36;
/// Bits of the owner: a `ProcessId`, 0 for nobody.
const OWNER_BITS: u32 = 24;
const STATE_SHIFT: u32 = OWNER_BITS;
const POSITION_SHIFT: u32 = OWNER_BITS + 4;
const OWNER_MASK: u64 = (1 << OWNER_BITS) - 1;

/// How far the message of a slot got.
///
/// | state | position `p` means | owner | goes to |
/// |---|---|---|---|
/// | `Empty` | the next message to be written here is `p` | 0 | `Writing(p)`, `Awaited(p)`, `Sealed(p)` |
/// | `Awaited` | as `Empty`, and a consumer may sleep until it is | 0 | `Writing(p)`, `Sealed(p)` |
/// | `Writing` | `p` is being written | writer | `Full(p)`; its writer is dead: `Empty(p + slots)` |
/// | `Full` | `p` is complete | 0 | `Reading(p)` |
/// | `Reading` | `p` is being copied out | reader | `Empty(p + slots)`; its reader is dead: `Returned(p)` |
/// | `Returned` | `p` is complete and was passed by already | 0 | `Reading(p)` |
/// | `Sealed` | the ring ends before `p` | 0 | nothing |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SlotState {
    Empty = 0,
    Writing = 1,
    Full = 2,
    Reading = 3,
    Returned = 4,
    Sealed = 5,
    Awaited = 6,
}

/// A slot's word, unpacked on demand: position (36 bits), state (4), owner (24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    #[inline(always)]
    pub(crate) fn new(position: u64, state: SlotState, owner: u32) -> Word {
        debug_assert!(u64::from(owner) <= OWNER_MASK);
        Word(position << POSITION_SHIFT | (state as u64) << STATE_SHIFT | u64::from(owner))
    }

    /// The state. A pattern that no step can have written reads as `Sealed`, which no step leaves.
    #[inline(always)]
    pub(crate) fn state(self) -> SlotState {
        match (self.0 >> STATE_SHIFT) & 15 {
            0 => SlotState::Empty,
            1 => SlotState::Writing,
            2 => SlotState::Full,
            3 => SlotState::Reading,
            4 => SlotState::Returned,
            6 => SlotState::Awaited,
            _ => SlotState::Sealed,
        }
    }

    #[inline(always)]
    pub(crate) fn owner(self) -> u32 {
        (self.0 & OWNER_MASK) as u32
    }

    /// How far the word's position lies after `position`, negative for before.
    #[inline(always)]
    pub(crate) fn ahead_of(self, position: u64) -> i64 {
        let difference = (self.0 >> POSITION_SHIFT).wrapping_sub(position);
        (difference << (64 - POSITION_BITS)) as i64 >> (64 - POSITION_BITS)
    }

    /// Whether the word's position comes before that of another one of the same ring.
    #[inline(always)]
    pub(crate) fn is_before(self, other: Word) -> bool {
        self.ahead_of(other.0 >> POSITION_SHIFT) < 0
    }

    /// The same position in another state, with another owner.
    #[inline(always)]
    pub(crate) fn with(self, state: SlotState, owner: u32) -> Word {
        Word::new(self.0 >> POSITION_SHIFT, state, owner)
    }

    /// The word of the freed slot: ready for the position one lap, that is `slots` messages, later.
    #[inline(always)]
    pub(crate) fn freed(self, slots: u64) -> Word {
        Word::new((self.0 >> POSITION_SHIFT).wrapping_add(slots), SlotState::Empty, 0)
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_gives_back_what_it_was_made_of() {
        let word = Word::new(77, SlotState::Reading, 0xab_cdef);
        assert_eq!((word.state(), word.owner(), word.ahead_of(77)), (SlotState::Reading, 0xab_cdef, 0));
        assert_eq!(word.with(SlotState::Returned, 0), Word::new(77, SlotState::Returned, 0));
        assert_eq!(word.freed(8), Word::new(85, SlotState::Empty, 0));
    }

    #[test]
    fn positions_are_compared_across_the_wrap() {
        let last = (1u64 << POSITION_BITS) - 1;
        assert_eq!(Word::new(last, SlotState::Full, 1).ahead_of(last + 2), -2);
        assert_eq!(Word::new(last + 3, SlotState::Full, 1).ahead_of(last), 3);
        assert_eq!(Word::new(last, SlotState::Full, 1).freed(4), Word::new(3, SlotState::Empty, 0));
        let (before, after) = (Word::new(last, SlotState::Full, 1), Word::new(last + 1, SlotState::Full, 1));
        assert!(before.is_before(after) && !after.is_before(before) && !before.is_before(before));
        let far = 5 << POSITION_BITS;
        assert_eq!(Word::new(far - 1, SlotState::Full, 0).ahead_of(far), -1);
    }
}
