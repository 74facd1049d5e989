//! One claimant's row in a ledger: what it declared, what it has, what it waits for.
//!
//! What it has stands twice, and a bit of the row's word says which of the two counts. A change writes the other one
//! and then exchanges the word. So a row goes from one state to the next in one step, whenever a process is killed.
//! Only the holder of the ledger's lock changes a row, except that any process may free it, which only makes more units
//! free.

use super::safety::{MOST_RESOURCES, Units};
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::sync::wait::mortal::may_die;

pub(in crate::sync) const OWNER: u64 = 0xff_ffff;
const WAITING: u64 = 1 << 24;
const SIDE: u64 = 1 << 25;
const LOW: u64 = 0xffff_ffff;
const GENERATION: u64 = 1 << 32;

/// A claim, as its maker refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Claim {
    pub(in crate::sync) row: u32,
    pub(in crate::sync) generation: u32,
    pub(in crate::sync) owner: u32,
}

/// How many words a claimant's name has.
pub(in crate::sync) const NAME_WORDS: usize = 4;
const TURN: usize = 1;
const OVERTAKEN: usize = 2;
const NAME: usize = 3;
const MAXIMA: usize = NAME + NAME_WORDS;

/// The words of one claimant. Zeroed memory is a free row.
///
/// | words | what |
/// |---|---|
/// | 0 | the row's word, see below |
/// | 1 | its turn: when the request was made that it waits with |
/// | 2 | how often that request was overtaken |
/// | 3..=6 | the claimant's name |
/// | then one per resource, four times | what it declared; what it has, two sides; what it waits for |
///
/// | bits of the word | name | meaning |
/// |---|---|---|
/// | 0..=23 | owner | whose claim it is; 0 = the row is free |
/// | 24 | WAITING | it waits for what stands in the last words |
/// | 25 | SIDE | which of the two sides counts |
/// | 32..=63 | generation | one more each time the row is freed |
///
/// | reachable state | goes to |
/// |---|---|
/// | free | `X`: a claim was made |
/// | `X` | `X WAITING`: a request; `X` with the other side: units were released |
/// | `X WAITING` | `X` with the other side: granted, by the lock's holder; `X`: given up; `X WAITING` with the other side: released |
/// | any | free, next generation: the claim was closed, or its owner is dead |
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    words: &'a [AtomicU64],
    resources: usize,
}

impl<'a> Row<'a> {
    /// How many words a row has.
    pub(in crate::sync) const fn words(resources: usize) -> usize {
        MAXIMA + 4 * resources
    }

    pub(in crate::sync) fn new(words: &'a [AtomicU64], resources: usize) -> Self {
        Row { words, resources }
    }

    pub(in crate::sync) fn seen(self) -> u64 {
        self.words[0].load(Ordering::Acquire)
    }

    /// The word itself, for those who are asked about it by others.
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) fn word(self) -> &'a AtomicU64 {
        &self.words[0]
    }

    pub(super) fn is_of(seen: u64, claim: Claim) -> bool {
        seen & OWNER == u64::from(claim.owner) && seen >> 32 == u64::from(claim.generation)
    }

    pub(in crate::sync) fn is_waiting(seen: u64) -> bool {
        seen & WAITING != 0
    }

    pub(in crate::sync) fn generation(seen: u64) -> u32 {
        (seen >> 32) as u32
    }

    /// Exchanges the word, unless the row was freed.
    pub(super) fn exchange(self, seen: u64, next: u64) -> bool {
        let done = self.words[0].compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
        may_die();
        done
    }

    fn units(self, part: usize) -> Units {
        let mut units = [0; MOST_RESOURCES];
        let words = &self.words[MAXIMA + part * self.resources..][..self.resources];
        for (unit, word) in units.iter_mut().zip(words) {
            *unit = word.load(Ordering::Relaxed);
        }
        units
    }

    fn write(self, part: usize, units: &Units) {
        let words = &self.words[MAXIMA + part * self.resources..][..self.resources];
        for (word, unit) in words.iter().zip(units) {
            word.store(*unit, Ordering::Relaxed);
            may_die();
        }
    }

    fn side(seen: u64) -> usize {
        usize::from(seen & SIDE != 0)
    }

    pub(in crate::sync) fn maxima(self) -> Units {
        self.units(0)
    }

    pub(in crate::sync) fn held(self, seen: u64) -> Units {
        self.units(1 + Self::side(seen))
    }

    pub(in crate::sync) fn wanted(self) -> Units {
        self.units(3)
    }

    pub(in crate::sync) fn turn(self) -> u64 {
        self.words[TURN].load(Ordering::Relaxed)
    }

    pub(super) fn overtaken(self) -> u64 {
        self.words[OVERTAKEN].load(Ordering::Relaxed)
    }

    pub(super) fn is_overtaken_once_more(self) {
        self.words[OVERTAKEN].store(self.overtaken().saturating_add(1), Ordering::Relaxed);
    }

    pub(in crate::sync) fn name(self) -> &'a [AtomicU64] {
        &self.words[NAME..MAXIMA]
    }

    /// For a row that was never used: memory that was another's before is a free row from now on.
    pub(in crate::sync) fn prepare(self) {
        self.words[0].store(0, Ordering::Relaxed);
    }

    /// Makes the free row that of a claim.
    pub(in crate::sync) fn claim(self, seen: u64, owner: u32, maxima: &Units) {
        self.write(0, maxima);
        self.write(1, &[0; MOST_RESOURCES]);
        // Nobody else changes a free row.
        self.words[0].store(seen & !LOW | u64::from(owner), Ordering::Release);
        may_die();
    }

    /// Has the claimant wait for `units` from now on.
    pub(super) fn wait_for(self, seen: u64, units: &Units, turn: u64) {
        self.write(3, units);
        self.words[OVERTAKEN].store(0, Ordering::Relaxed);
        self.words[TURN].store(turn, Ordering::Relaxed);
        self.exchange(seen, seen | WAITING);
    }

    /// Has the claimant wait no more, without what it waited for; false when the row was freed.
    pub(in crate::sync) fn give_up(self, seen: u64) -> bool {
        self.exchange(seen, seen & !WAITING)
    }

    /// From now on the claimant has `held`, and if it was `granted` it waits no more; false when the row was freed.
    pub(in crate::sync) fn has(self, seen: u64, held: &Units, granted: bool) -> bool {
        self.write(2 - Self::side(seen), held);
        let waits = if granted { seen & !WAITING } else { seen };
        self.exchange(seen, waits ^ SIDE)
    }

    /// Frees the row if it is still as `seen`.
    pub(in crate::sync) fn free(self, seen: u64) -> bool {
        self.exchange(seen, (seen & !LOW).wrapping_add(GENERATION))
    }
}
