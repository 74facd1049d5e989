//! Answers in the order in which they come, from many calls at once.
//!
//! The calls are submitted with a latch, in which workers note which they have answered. One thread takes the answers
//! out. Dropping the set cancels its calls that no worker has begun, and leaves the others to themselves.

use super::latch::{AtLatch, Latch};
use super::raw_call::RawCall;
use super::raw_pool::{NewCall, RawPool};
use crate::executor::errors::SubmitError;
use crate::platform::Deadline;
use crate::sync::{WaitError, Waiting};
use std::collections::HashMap;

/// A set of calls whose answers are taken as they come. `T` is what the caller wants to know a call by, `C` how it has
/// it.
pub struct Completions<T, C: AtLatch = RawCall> {
    pool: RawPool,
    latch: usize,
    calls: HashMap<u32, (C, T)>,
    /// Calls that were found answered by looking at all.
    found: Vec<u32>,
}

impl<T> Completions<T> {
    /// Submits a call to the pool, as one of the set.
    ///
    /// # Errors
    /// As [`RawPool::submit`].
    pub fn submit(&mut self, call: &NewCall<'_>, known_by: T) -> Result<(), SubmitError> {
        let call = self.pool.submit_for(call, self.latch as u32 + 1)?;
        self.calls.insert(call.index(), (call, known_by));
        Ok(())
    }
}

impl<T, C: AtLatch> Completions<T, C> {
    /// An empty set.
    ///
    /// # Errors
    /// When shared memory has run out, or the pool has 63 such sets already.
    pub fn new(pool: &RawPool) -> Result<Completions<T, C>, SubmitError> {
        let latch = pool.requester().claim_latch()?;
        let latch = latch.ok_or(crate::arena::ArenaError::OutOfSlots {
            what: "set of calls of one pool that is waited for together",
            limit: super::record::LATCHES,
        })?;
        Ok(Completions { pool: pool.clone(), latch, calls: HashMap::new(), found: Vec::new() })
    }

    pub(super) fn latch(&self) -> usize {
        self.latch
    }

    pub(super) fn pool(&self) -> &RawPool {
        &self.pool
    }

    /// How many calls have been submitted and not been given back.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Makes a call that was submitted before one of the set.
    pub(super) fn adopt(&mut self, call: C, known_by: T) {
        let index = call.index();
        call.notify_latch(self.latch as u32 + 1);
        // Its worker may have answered before it could know.
        if call.is_done() {
            self.found.push(index);
        }
        self.calls.insert(index, (call, known_by));
    }

    /// The next call that has its answer, if there is one now.
    pub fn try_next(&mut self) -> Option<(C, T)> {
        let latch = self.pool.requester().view.latch(self.latch);
        next_answered(latch, &mut self.calls, &mut self.found)
    }

    /// Waits for the next call that has its answer; `None` when the set is empty.
    ///
    /// # Errors
    /// When the deadline came first or a signal handler asked for an end.
    pub fn next(
        &mut self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<Option<(C, T)>, WaitError> {
        if self.calls.is_empty() {
            return Ok(None);
        }
        let Completions { pool, latch: number, calls, found } = self;
        let latch = pool.requester().view.latch(*number);
        let ready = || next_answered(latch, calls, found);
        pool.requester().at_latch(*number, deadline, waiting, ready).map(Some)
    }
}

/// The next answered call of a table.
fn next_answered<T, C: AtLatch>(
    latch: &Latch,
    calls: &mut HashMap<u32, (C, T)>,
    found: &mut Vec<u32>,
) -> Option<(C, T)> {
    let is_done =
        |calls: &HashMap<u32, (C, T)>, index: &u32| calls.get(index).is_some_and(|(call, _)| call.is_done());
    loop {
        // Asked first: entries that are lost after this are announced again.
        if latch.take_lost() {
            found.extend(calls.keys().filter(|index| is_done(calls, index)));
        }
        let index = found.pop().or_else(|| latch.next())?;
        // An entry may be stale: of a set that had the latch before, or of a call that was found already.
        if is_done(calls, &index) {
            return calls.remove(&index);
        }
    }
}

impl<T, C: AtLatch> Drop for Completions<T, C> {
    fn drop(&mut self) {
        for (call, _) in self.calls.values() {
            call.give_up();
        }
        self.calls.clear();
        self.pool.requester().give_back_latch(self.latch);
    }
}

impl<T, C: AtLatch> std::fmt::Debug for Completions<T, C> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Completions").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}
