//! Where workers note which calls they have answered, for threads that wait for many at once.
//!
//! A latch has a ring of the numbers of answered calls and a gate. The call's own word stays the truth: an entry may be
//! stale or repeated. When entries are lost (the ring was full, or a worker was killed between its answer and the
//! latch) the latch says that all calls must be looked at. A waiter here never waits for one worker.

use super::record::RingEnds;
use super::ring::CallRing;
use crate::arena::shared_record;
use crate::platform::Scope;
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::Gate;

const ENTRIES: usize = 256;

/// A call that is waited for at a latch, together with others.
pub trait AtLatch {
    /// The number of its slot.
    fn index(&self) -> u32;

    /// Whether the answer is there.
    fn is_done(&self) -> bool;

    /// Has the answer noted at the latch of this number, from now on.
    fn notify_latch(&self, latch: u32);

    /// It is waited for no more.
    fn give_up(&self);
}

shared_record! {
    /// A latch. Zeroed memory is a fresh one.
    pub(super) struct Latch [align(64)] {
        pub(super) gate: Gate,
        /// 1 when entries were lost.
        lost: AtomicU32,
        ends: RingEnds,
        entries: [AtomicU64; ENTRIES],
    }
}

impl Latch {
    fn ring(&self) -> CallRing<'_> {
        CallRing { head: &self.ends.head, tail: &self.ends.tail, slots: &self.entries }
    }

    /// Worker: call `index` has its answer.
    pub(super) fn announce(&self, index: u32) {
        if !self.ring().push(index) {
            self.lost.store(1, Ordering::Release);
        }
        self.gate.notify_one(Scope::Shared);
    }

    /// Sweep: some calls may have got their answers without a word here.
    pub(super) fn announce_all(&self) {
        self.lost.store(1, Ordering::Release);
        self.gate.recover(Scope::Shared);
    }

    /// The next number that was announced.
    pub(super) fn next(&self) -> Option<u32> {
        let entry = self.ring().peek()?;
        self.ring().clear(entry);
        Some(entry.index())
    }

    /// Whether entries were lost since this was asked last.
    pub(super) fn take_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed) != 0 && self.lost.swap(0, Ordering::AcqRel) != 0
    }
}
