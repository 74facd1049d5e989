//! The private part of a pool, in the process that made it: which slots are free, which threads wait where, what runs
//! unasked.
//!
//! Everything here is this process's own memory. It is shared by the pool's clones and by the calls that were
//! submitted, and the last of them to go closes the pool. In a fork's child it is a copy that does nothing.

use super::callback_thread::CallbackThread;
use super::free_list::FreeList;
use super::record::LATCHES;
use super::slot::CallSlot;
use super::sweep::{Note, fail, fail_pending, note_of};
use super::view::View;
use super::word::State;
use crate::arena::{ArenaError, Kind, Object, ProcessId, this_process};
use crate::executor::errors::SubmitError;
use crate::executor::state::PoolState;
use crate::platform::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::platform::{Deadline, Scope};
use crate::spawn::{Predecessor, Setbacks};
use crate::sync::{Gate, History, Parker, WaitError, Waiting};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// How many slots are made ready when none is free.
const NEW_SLOTS: u32 = 16;

/// The private part: one per pool, in the process that made it.
pub(super) struct Requester {
    pub(super) view: View,
    pub(super) object: Object,
    pub(super) process: ProcessId,
    pub(super) free: FreeList,
    /// Slots of calls that nobody wants the answer of, the oldest first.
    left: Mutex<VecDeque<Left>>,
    /// How many those are, give or take.
    left_count: AtomicUsize,
    callbacks: OnceLock<CallbackThread>,
    pub(super) supervision: Supervision,
    /// Whether this process has failed what waited when the pool ended before its time.
    has_failed_all: AtomicBool,
    latches: Mutex<Vec<usize>>,
    pub(super) history: History,
}

/// Has another process keep the pool's workers, of which the lost one has left these: see
/// [`RawPool::replace_supervisor_by`](super::RawPool::replace_supervisor_by).
pub(super) type Replace = Box<dyn Fn(Predecessor) -> Result<Option<ProcessId>, String> + Send + Sync>;

/// What the requester knows of the supervisor that keeps the pool's workers: see [`super::supervision`].
#[derive(Default)]
pub(super) struct Supervision {
    pub(super) replace: OnceLock<Replace>,
    /// Whether a thread has the turn.
    pub(super) is_taken: AtomicBool,
    /// The supervisor, as this process remembers it.
    pub(super) kept_by: AtomicU32,
    /// Another supervisor could not be had, so often in a row.
    pub(super) setbacks: Mutex<Setbacks>,
}

/// A slot that becomes free by itself.
pub(super) struct Left {
    index: u32,
    /// A worker that may still be reading the arguments of a call which was answered in its place.
    until_dead: Option<ProcessId>,
}

impl Requester {
    pub(super) fn new(view: View, object: Object, process: ProcessId) -> Requester {
        Requester {
            view,
            object,
            process,
            free: FreeList::new(),
            left: Mutex::default(),
            left_count: AtomicUsize::new(0),
            callbacks: OnceLock::new(),
            supervision: Supervision::default(),
            has_failed_all: AtomicBool::new(false),
            latches: Mutex::new((0..LATCHES).rev().collect()),
            history: History::new(),
        }
    }

    pub(super) fn is_own(&self) -> bool {
        this_process().is_ok_and(|process| process == self.process)
    }

    pub(super) fn check_own(&self) -> Result<(), SubmitError> {
        if self.is_own() {
            return Ok(());
        }
        let owner = self.view.arena.process_state(self.process);
        Err(SubmitError::OtherProcess {
            owner: owner.map_or(0, |_| self.view.arena.process(self.process).pid()),
        })
    }

    pub(super) fn check_open(&self) -> Result<(), SubmitError> {
        match self.view.record.state() {
            PoolState::Open => Ok(()),
            PoolState::Closed => Err(SubmitError::Closed),
            PoolState::Terminated => Err(SubmitError::Terminated),
            PoolState::Broken => Err(SubmitError::Broken { reason: self.reason() }),
        }
    }

    /// Why the pool is broken.
    pub(super) fn reason(&self) -> String {
        self.view.record.reason()
    }

    pub(super) fn left(&self) -> MutexGuard<'_, VecDeque<Left>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free slot, and the number of the call that goes there.
    #[inline]
    pub(super) fn claim_slot(&self) -> Result<(u32, u64), ArenaError> {
        if self.left_count.load(Ordering::Relaxed) > 0 {
            self.reclaim();
        }
        match self.free.take(|index| self.view.slot(index).link()) {
            Some(claimed) => Ok(claimed),
            None => self.claim_new_slot(),
        }
    }

    #[cold]
    fn claim_new_slot(&self) -> Result<(u32, u64), ArenaError> {
        // The lock orders those who make new slots.
        let _left = self.left();
        loop {
            if let Some(claimed) = self.free.take(|index| self.view.slot(index).link()) {
                return Ok(claimed);
            }
            let used = self.view.record.used.load(Ordering::Relaxed);
            for index in used..used + NEW_SLOTS {
                self.view.furnish_slot(index)?;
                let slot = self.view.slot(index);
                slot.word().vacate();
                self.view.record.used.store(index + 1, Ordering::Release);
                self.free.put(index, slot.link());
            }
        }
    }

    /// Frees the oldest slots that nobody wants any more, as far as they are answered.
    #[cold]
    fn reclaim(&self) {
        let mut left = self.left();
        for _ in 0..left.len().min(2) {
            let Some(oldest) = left.pop_front() else { break };
            let slot = self.view.slot(oldest.index);
            let is_read = oldest.until_dead.is_some_and(|worker| !self.view.arena.is_dead(worker));
            let is_over = slot.word().read().is_answered() && !is_read;
            if !is_over || self.try_release(slot, oldest.index).is_err() {
                left.push_back(oldest);
            }
        }
        self.left_count.store(left.len(), Ordering::Relaxed);
    }

    /// Frees the slot of an answered call, now or, where there is no address space left to do so, later.
    #[inline]
    pub(super) fn release(&self, slot: &CallSlot, index: u32) {
        if self.try_release(slot, index).is_err() {
            self.leave_for_later(index, None);
        }
    }

    #[inline]
    fn try_release(&self, slot: &CallSlot, index: u32) -> Result<(), ArenaError> {
        slot.arguments().discard(self.view.arena)?;
        slot.result().discard(self.view.arena)?;
        slot.word().vacate();
        self.free.put(index, slot.link());
        Ok(())
    }

    #[cold]
    fn leave_for_later(&self, index: u32, until_dead: Option<ProcessId>) {
        let mut left = self.left();
        left.push_back(Left { index, until_dead });
        self.left_count.store(left.len(), Ordering::Relaxed);
    }

    /// Nobody wants the answer of a call any more. `until_dead`: its worker may still read the arguments.
    pub(super) fn leave(&self, slot: &CallSlot, index: u32, until_dead: Option<ProcessId>) {
        if until_dead.is_some() || slot.word().detach() {
            self.leave_for_later(index, until_dead);
        } else {
            self.release(slot, index);
        }
    }

    pub(super) fn close(&self) {
        if self.is_own() {
            self.view.record.advance_to(PoolState::Closed);
            self.view.record.work.gate.notify_all(Scope::Shared);
        }
    }

    /// For waiters: fails all calls when the pool has ended before its time.
    #[inline]
    pub(super) fn look_after_calls(&self) {
        let state = self.view.record.state();
        if state > PoolState::Closed && !self.has_failed_all.load(Ordering::Relaxed) {
            self.fail_all(state);
        }
    }

    /// The pool was ended, perhaps by a supervisor which could not map all calls. This process has mapped its own.
    #[cold]
    fn fail_all(&self, state: PoolState) {
        if self.is_own() && !self.has_failed_all.swap(true, Ordering::Relaxed) {
            fail_pending(&self.view, self.process, note_of(state));
        }
    }

    /// Withdraws a call that no worker has taken.
    pub(super) fn withdraw(&self, index: u32) -> bool {
        let slot = self.view.slot(index);
        loop {
            let seen = slot.word().read();
            if seen.state() != State::Pending {
                return false;
            }
            let from = (State::Pending, seen.owner());
            if fail(&self.view, (index, slot), from, self.process, (Note::Aborted, &[])) {
                return true;
            }
        }
    }

    /// Answers a call that a worker runs in its place and ends the worker; which one it was.
    pub(super) fn abort(&self, index: u32, signal: i32) -> ControlFlow<ProcessId> {
        let slot = self.view.slot(index);
        let seen = slot.word().read();
        let Some(worker) = ProcessId::from_raw(seen.owner()).filter(|_| seen.state() == State::Taken) else {
            return ControlFlow::Continue(());
        };
        let from = (State::Taken, worker.raw());
        if !fail(&self.view, (index, slot), from, self.process, (Note::Aborted, &[])) {
            return ControlFlow::Continue(());
        }
        // A worker that finds its call answered ends by itself, so the signal never reaches another call.
        self.view.signal(worker, signal);
        ControlFlow::Break(worker)
    }

    /// A latch for many calls, until it is given back; `None` when all are in use.
    pub(super) fn claim_latch(&self) -> Result<Option<usize>, ArenaError> {
        let number = self.latches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(number) = number {
            self.view.furnish_latch(number).inspect_err(|_| self.give_back_latch(number))?;
        }
        Ok(number)
    }

    /// The pool's callback thread, started by `start` if there is none.
    pub(super) fn callbacks_or(
        &self,
        start: impl FnOnce() -> Result<CallbackThread, SubmitError>,
    ) -> Result<&CallbackThread, SubmitError> {
        if self.callbacks.get().is_none()
            && let Err(too_late) = self.callbacks.set(start()?)
        {
            self.end_callbacks(&too_late);
        }
        Ok(self.callbacks.get().expect("it was just put there"))
    }

    /// Wakes the callback thread.
    pub(super) fn notify_callbacks(&self) {
        if let Some(callbacks) = self.callbacks.get() {
            self.view.latch(callbacks.latch()).gate.notify_all(Scope::Shared);
        }
    }

    /// Waits until all callbacks have run, and ends their thread.
    pub(super) fn finish_callbacks(&self) {
        if let Some(callbacks) = self.callbacks.get() {
            self.end_callbacks(callbacks);
        }
    }

    fn end_callbacks(&self, callbacks: &CallbackThread) {
        // A fork's child has no such thread.
        if self.is_own() {
            callbacks.finish();
            self.view.latch(callbacks.latch()).gate.notify_all(Scope::Shared);
            callbacks.join();
        }
    }

    /// Waits at a latch until `ready` gives something.
    pub(super) fn at_latch<R>(
        &self,
        number: usize,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        // Threads that share a future wait at one latch, each for the same: one that leaves lets the next one look.
        self.at_gate((Kind::CALL, &self.view.latch(number).gate), deadline, waiting, &mut ready)
    }

    /// Waits at the gate of what is of this kind until `ready` gives something, and looks after the pool meanwhile.
    pub(super) fn at_gate<R>(
        &self,
        (kind, gate): (Kind, &Gate),
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        self.wait_in_pieces(kind, deadline, waiting, |piece, is_last| {
            let ready = || {
                self.look_after_calls();
                ready().map(Some).or_else(|| (is_last && self.wants_supervisor()).then_some(None))
            };
            gate.wait_until(piece, ready, || true)
        })
    }

    /// Waits for the call in `slot`, if it is not over.
    pub(super) fn wait_for_call(
        &self,
        slot: &CallSlot,
        is_over: impl Fn() -> bool,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), WaitError> {
        self.wait_in_pieces(Kind::CALL, deadline, waiting, |piece, is_last| {
            let mut parker = Parker::new(piece);
            if parker.yields(&self.history, || is_over().then_some(())).is_some() {
                return Ok(Some(()));
            }
            while let Some(announced) = slot.word().announce_waiter() {
                // The word may be another call's by now; then that call's end wakes somebody for nothing.
                if is_over() {
                    break;
                }
                self.look_after_calls();
                if is_last && self.wants_supervisor() {
                    return Ok(None);
                }
                parker.sleep(slot.futex(), announced.bits())?;
            }
            Ok(Some(()))
        })
    }

    pub(super) fn give_back_latch(&self, number: usize) {
        self.latches.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    }
}

impl Drop for Requester {
    fn drop(&mut self) {
        self.close();
    }
}
