//! The permits of a semaphore: a count, and records of those permits that must come back when their taker is killed.
//!
//! A permit has no owner by nature: the thread that releases one need not have taken it. Permits taken through a guard
//! have one, and it must be true at every instant whose they are. So the taker first *wants* a record. Then one
//! compare-and-swap on the state takes the permit and names that record as pending; then the record becomes *held* and
//! the state forgets it. A thread that meets a pending record completes it before anything else. So a killed taker
//! leaves either nothing taken or a permit that is recorded. Giving back goes the same way. Lock-free; helping as in
//! multi-word compare-and-swap.

use crate::platform::atomic::{AtomicU64, Ordering};
use crate::sync::wait::mortal::may_die;

/// The permits of one semaphore, wherever they stand.
///
/// State word:
///
/// | bits | meaning |
/// |---|---|
/// | 0..=31 | how many permits are free |
/// | 32..=39 | pending: number of a record + 1; 0 = none |
/// | 40 | what is pending: 0 = the record's permit was taken, 1 = it was given back |
/// | 41..=63 | version: one more at each change of the count |
///
/// Record word:
///
/// | bits | meaning |
/// |---|---|
/// | 0..=23 | owner; 0 = free |
/// | 24 | 0 = wanted, 1 = held |
/// | 32..=63 | version: one more at each change of owner |
///
/// | record | goes to |
/// |---|---|
/// | free | wanted: its owner's first step |
/// | wanted, not pending | free: there was no permit, or the owner is dead; wanted and pending: the owner's second step |
/// | wanted, pending | held: any thread's step |
/// | held, not pending | held and pending as given back: the owner's step, or the sweep's |
/// | held, pending as given back | free: any thread's step |
#[derive(Clone, Copy)]
pub(super) struct Permits<'a> {
    pub(in crate::sync) state: &'a AtomicU64,
    pub(in crate::sync) records: &'a [AtomicU64],
    pub(in crate::sync) maximum: u32,
}

/// The most records a semaphore can have.
pub(super) const MOST_RECORDS: usize = 255;

const COUNT: u64 = 0xffff_ffff;
const PENDING_SHIFT: u32 = 32;
const PENDING: u64 = 0xff << PENDING_SHIFT;
const GIVEN_BACK: u64 = 1 << 40;
const VERSION: u64 = 1 << 41;

const OWNER: u64 = 0xff_ffff;
const HELD: u64 = 1 << 24;
const RECORD_VERSION: u64 = 1 << 32;

/// The record's next free state.
fn freed(record: u64) -> u64 {
    (record & !(OWNER | HELD)).wrapping_add(RECORD_VERSION)
}

/// How a permit was taken for an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TakenFor {
    /// With this record, which gives it back.
    Record(usize),
    /// Without one, since all were in use: it does not come back when the owner is killed.
    Nobody,
}

impl Permits<'_> {
    /// How many permits are free.
    pub(in crate::sync) fn count(&self) -> u32 {
        self.state.load(Ordering::Acquire) as u32
    }

    /// How many permits are held through records.
    pub(in crate::sync) fn held(&self) -> usize {
        self.records.iter().filter(|record| record.load(Ordering::Relaxed) & HELD != 0).count()
    }

    /// Completes what is pending and gives a state in which nothing is.
    fn settled(&self) -> u64 {
        let mut state = self.state.load(Ordering::Acquire);
        while state & PENDING != 0 {
            state = self.complete(state);
        }
        state
    }

    fn complete(&self, state: u64) -> u64 {
        let pending = (state & PENDING) >> PENDING_SHIFT;
        let record = &self.records[pending as usize - 1];
        let seen = record.load(Ordering::Acquire);
        // While the state is unchanged the record is the pending one, not a later owner's.
        let now = self.state.load(Ordering::Acquire);
        if now != state {
            return now;
        }
        let next = match (state & GIVEN_BACK != 0, seen & HELD != 0) {
            (false, false) => Some(seen | HELD),
            (true, true) => Some(freed(seen)),
            _ => None, // somebody else has been here
        };
        if let Some(next) = next {
            let _ = record.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire);
            may_die();
        }
        let clear = state & !(PENDING | GIVEN_BACK);
        match self.state.compare_exchange(state, clear, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                may_die();
                clear
            }
            Err(now) => now,
        }
    }

    /// Takes a permit without an owner, if one is free.
    pub(in crate::sync) fn take(&self) -> bool {
        loop {
            let state = self.settled();
            if state & COUNT == 0 {
                return false;
            }
            let next = (state - 1).wrapping_add(VERSION);
            if self.state.compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                may_die();
                return true;
            }
        }
    }

    /// Gives `count` permits back, whosever they were; false, and none given, when there would be more than the
    /// maximum.
    pub(in crate::sync) fn give(&self, count: u32) -> bool {
        loop {
            let state = self.settled();
            let free = (state & COUNT) + u64::from(count);
            if free > u64::from(self.maximum) {
                return false;
            }
            let next = (state & !COUNT | free).wrapping_add(VERSION);
            if self.state.compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                may_die();
                return true;
            }
        }
    }

    /// Takes a permit for `owner`, if one is free.
    pub(super) fn take_for(&self, owner: u32) -> Option<TakenFor> {
        if self.settled() & COUNT == 0 {
            return None;
        }
        let Some((index, wanted)) = self.want(owner) else {
            return self.take().then_some(TakenFor::Nobody);
        };
        loop {
            let state = self.settled();
            if state & COUNT == 0 {
                // No other thread changes a record that is wanted and not pending.
                self.records[index].store(freed(wanted), Ordering::Release);
                may_die();
                return None;
            }
            let pending = (index as u64 + 1) << PENDING_SHIFT;
            let next = ((state - 1) | pending).wrapping_add(VERSION);
            if self.state.compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                may_die();
                self.settled();
                return Some(TakenFor::Record(index));
            }
        }
    }

    fn want(&self, owner: u32) -> Option<(usize, u64)> {
        self.records.iter().enumerate().find_map(|(index, record)| {
            let seen = record.load(Ordering::Relaxed);
            let wanted = (seen | u64::from(owner)).wrapping_add(RECORD_VERSION);
            let free = seen & OWNER == 0;
            let done =
                free && record.compare_exchange(seen, wanted, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            may_die();
            done.then_some((index, wanted))
        })
    }

    /// Gives back the permit of a record if `owner` holds it; says whether it did.
    pub(in crate::sync) fn give_back(&self, index: usize, owner: u32) -> bool {
        let Some(record) = self.records.get(index) else { return false };
        loop {
            let state = self.settled();
            let seen = record.load(Ordering::Acquire);
            if seen & (OWNER | HELD) != u64::from(owner) | HELD {
                return false;
            }
            // Others may have given more than they took meanwhile; the maximum stands.
            let free = (state & COUNT) + 1;
            let free = free.min(u64::from(self.maximum));
            let pending = (index as u64 + 1) << PENDING_SHIFT | GIVEN_BACK;
            let next = (state & !COUNT | free | pending).wrapping_add(VERSION);
            // Had the record changed since it was read, so would the state have.
            if self.state.compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                may_die();
                self.settled();
                return true;
            }
        }
    }

    /// The owner of a record; 0: nobody.
    pub(super) fn owner_of(record: &AtomicU64) -> u32 {
        (record.load(Ordering::Acquire) & OWNER) as u32
    }

    /// A record through which `owner` holds a permit.
    pub(super) fn held_by(&self, owner: u32) -> Option<usize> {
        let held = u64::from(owner) | HELD;
        self.records.iter().position(|record| record.load(Ordering::Acquire) & (OWNER | HELD) == held)
    }

    /// For sweeps: frees the records of a dead owner, and gives back what it held, however it ended: nobody else could.
    /// May be repeated, and finished by another process.
    pub(in crate::sync) fn recover(&self, dead: u32) {
        // A dead owner begins nothing more, so after this what it wanted is not pending.
        self.settled();
        for (index, record) in self.records.iter().enumerate() {
            let seen = record.load(Ordering::Acquire);
            if seen & OWNER != u64::from(dead) {
                continue;
            }
            if seen & HELD == 0 {
                let _ = record.compare_exchange(seen, freed(seen), Ordering::AcqRel, Ordering::Acquire);
                may_die();
            } else {
                self.give_back(index, dead);
            }
        }
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests;

#[cfg(all(test, manyhands_model))]
mod model;
