//! A call that was submitted: its answer, waited for on its own word.
//!
//! The handle is the requester's only way to the call's slot. Dropping it without having taken the answer lets the call
//! run to its end unheard; its slot is used again afterwards. Threads may wait for one call together. No other thread
//! carries the answer here: the worker writes it, and wakes who sleeps on the call's word.

use super::latch::AtLatch;
use super::obituary::Obituary;
use super::requester::Requester;
use super::slot::{Bytes, CallSlot, INLINE};
use super::sweep::Note;
use super::watch::CallWatch;
use super::word::{CallWord, State};
use crate::arena::ProcessId;
use crate::executor::errors::{CallFailure, WorkerDied};
use crate::platform::Deadline;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::sync::{WaitError, Waiting};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A worker's answer: bytes, and the tag that says what they are.
#[derive(Debug)]
pub struct RawAnswer {
    /// What kind of answer it is, as the worker said.
    pub tag: u32,
    /// The answer itself.
    pub bytes: Bytes,
}

/// A call that was submitted. Dropping it leaves the call to itself: it is run, and nobody hears of it.
#[must_use = "dropping the call throws its answer away"]
pub struct RawCall {
    requester: Arc<Requester>,
    slot: &'static CallSlot,
    index: u32,
    number: u64,
    /// The worker that may still read the arguments of a call which was answered in its place; 0: none.
    until_dead: AtomicU32,
    taken: bool,
}

impl RawCall {
    pub(super) fn new(
        requester: Arc<Requester>,
        slot: &'static CallSlot,
        index: u32,
        number: u64,
    ) -> RawCall {
        RawCall { requester, slot, index, number, until_dead: AtomicU32::new(0), taken: false }
    }

    /// The number of the call, counted in its pool from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn slot(&self) -> &'static CallSlot {
        self.slot
    }

    pub(super) fn requester(&self) -> &Arc<Requester> {
        &self.requester
    }

    fn word(&self) -> CallWord<'_> {
        self.slot.word()
    }

    /// A look at the call for who does not hold it.
    pub fn watch(&self) -> CallWatch {
        CallWatch::new(&self.requester, self.slot, self.index, self.number)
    }

    /// Whether the answer is there.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.word().read().is_answered()
    }

    /// Whether a worker has begun with it, or is done.
    pub fn is_started(&self) -> bool {
        self.word().read().state() != State::Pending
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.word().read().state() == State::Cancelled
    }

    /// Waits until the answer is there.
    ///
    /// # Errors
    /// When the deadline came first or a signal handler asked for an end; the call goes on.
    #[inline]
    pub fn wait(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        if self.is_done() { Ok(()) } else { self.wait_slowly(deadline, waiting) }
    }

    #[cold]
    fn wait_slowly(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<(), WaitError> {
        self.requester.wait_for_call(self.slot, || self.is_done(), deadline, waiting)
    }

    /// Cancels the call if no worker has begun with it. Whether it is cancelled now.
    pub fn cancel(&self) -> bool {
        self.requester.is_own() && (self.requester.withdraw(self.index) || self.is_cancelled())
    }

    /// Cancels the call even if a worker runs it: that worker is sent `signal` and takes no further call; the
    /// supervisor replaces it. Whether the call is cancelled now; it is not if its answer was there first.
    pub fn abort(&self, signal: i32) -> bool {
        while self.requester.is_own() && !self.is_done() {
            if self.requester.withdraw(self.index) {
                return true;
            }
            if let ControlFlow::Break(worker) = self.requester.abort(self.index, signal) {
                self.until_dead.store(worker.raw(), Ordering::Relaxed);
                return true;
            }
            std::hint::spin_loop();
        }
        self.is_cancelled()
    }

    /// Takes the answer, which must be there. `describe` is asked what the call was if its worker died over it.
    ///
    /// # Errors
    /// Why there is no result.
    ///
    /// # Panics
    /// When the answer is not there yet.
    pub fn take(mut self, describe: impl FnOnce() -> String) -> Result<RawAnswer, CallFailure> {
        let answer = self.fetch(describe);
        self.give_up_slot();
        answer
    }

    /// As [`RawCall::take`], for a call that somebody else refers to as well: the slot goes with the last of them.
    pub(super) fn fetch(&self, describe: impl FnOnce() -> String) -> Result<RawAnswer, CallFailure> {
        let state = self.word().read().state();
        let number = self.number;
        assert!(self.is_done(), "the answer of call {number} was taken before it was there");
        let tag = self.slot.result().tag();
        let bytes = self.slot.result().take(self.requester.view.arena);
        let bytes = bytes.map_err(|error| CallFailure::Lost { number, reason: error.to_string() })?;
        match state {
            State::Done => Ok(RawAnswer { tag, bytes }),
            _ => Err(self.failure(state, tag, &bytes, describe)),
        }
    }

    /// As [`RawCall::take`], but shows the answer's bytes where they are: spares small ones some copying.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[inline]
    pub fn take_with<R>(
        mut self,
        describe: impl FnOnce() -> String,
        read: impl FnOnce(u32, &[u8]) -> R,
    ) -> Result<R, CallFailure> {
        let side = self.slot.result();
        if self.word().read().state() != State::Done || side.block().is_some() {
            return self.take(describe).map(|answer| read(answer.tag, &answer.bytes));
        }
        let mut bytes = [0; INLINE];
        let length = side.copy_inline(&mut bytes);
        let tag = side.tag();
        self.give_up_slot();
        Ok(read(tag, &bytes[..length]))
    }

    /// The answer was taken out, so the slot is for the next call.
    #[inline]
    fn give_up_slot(&mut self) {
        self.taken = true;
        match self.until_dead() {
            Some(worker) => self.requester.leave(self.slot, self.index, Some(worker)),
            None => self.requester.release(self.slot, self.index),
        }
    }

    #[inline]
    fn until_dead(&self) -> Option<ProcessId> {
        ProcessId::from_raw(self.until_dead.load(Ordering::Relaxed))
    }

    #[cold]
    fn failure(
        &self,
        state: State,
        tag: u32,
        bytes: &[u8],
        describe: impl FnOnce() -> String,
    ) -> CallFailure {
        let number = self.number;
        match (state, Note::from_tag(tag)) {
            (State::Died, Note::WorkerDied) => {
                let obituary = Obituary::from_bytes(bytes);
                CallFailure::WorkerDied(WorkerDied {
                    worker: obituary.name(),
                    pid: obituary.pid(),
                    ending: obituary.ending(),
                    executed: obituary.has_executed(),
                    number,
                    call: describe(),
                })
            }
            (State::Died, Note::Terminated) => CallFailure::Terminated { number },
            (State::Died, Note::Broken) => CallFailure::Broken { number, reason: self.requester.reason() },
            _ => CallFailure::Cancelled { number },
        }
    }
}

impl AtLatch for RawCall {
    fn index(&self) -> u32 {
        self.index
    }

    fn is_done(&self) -> bool {
        RawCall::is_done(self)
    }

    fn notify_latch(&self, latch: u32) {
        self.slot.latch.store(latch, Ordering::SeqCst);
    }

    fn give_up(&self) {
        self.cancel();
    }
}

impl Drop for RawCall {
    fn drop(&mut self) {
        // In a fork's child this is a copy, and the call is the parent's.
        if !self.taken && self.requester.is_own() {
            self.requester.leave(self.slot, self.index, self.until_dead());
        }
    }
}

impl std::fmt::Debug for RawCall {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RawCall").field("number", &self.number).finish_non_exhaustive()
    }
}
