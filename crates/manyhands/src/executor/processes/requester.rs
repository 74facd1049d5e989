//! The private part of a pool, in the process that made it: which slots are free, who waits where, what runs unasked.
//!
//! Everything here is this process's own memory. It is shared by the pool's clones and by the calls that were
//! submitted, and the last of them to go closes the pool. In a fork's child it is a copy that does nothing.

use super::callbacks::CallbackThread;
use super::free_list::FreeList;
use super::raw_pool::RawPool;
use super::record::{LATCHES, SUPERVISOR_LOST};
use super::slot::CallSlot;
use super::sweep::{Note, break_pool, fail, fail_pending, note_of};
use super::view::View;
use super::word::State;
use crate::arena::{ArenaError, Object, ProcessId, ProcessState, this_process};
use crate::executor::errors::SubmitError;
use crate::executor::state::PoolState;
use crate::platform::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::platform::{Deadline, Scope};
use crate::spawn::{Predecessor, Setbacks};
use crate::sync::{Gate, History, Wait, WaitError};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How soon whoever waits looks again for a supervisor that somebody else is just replacing.
const SOON: Duration = Duration::from_millis(10);

/// So many slots are made ready when none is free.
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
    replace_supervisor: OnceLock<ReplaceSupervisor>,
    /// Whether a thread is at it.
    pub(super) is_replacing: AtomicBool,
    /// The supervisor, as this process remembers it.
    pub(super) kept_by: AtomicU32,
    /// Another supervisor could not be had, so often in a row.
    no_supervisor: Mutex<Setbacks>,
    /// What the callback thread does when the supervisor is lost.
    look_unasked: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Whether this process has failed what waited when the pool ended before its time.
    has_failed_all: AtomicBool,
    latches: Mutex<Vec<usize>>,
    pub(super) history: History,
}

/// Has another process keep the pool's workers, of which the lost one has left these; which one, or why not.
type ReplaceSupervisor = Box<dyn Fn(Predecessor) -> Result<ProcessId, String> + Send + Sync>;

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
            replace_supervisor: OnceLock::new(),
            is_replacing: AtomicBool::new(false),
            kept_by: AtomicU32::new(0),
            no_supervisor: Mutex::default(),
            look_unasked: OnceLock::new(),
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

    /// Has whoever submits or waits replace a supervisor that is lost.
    pub(super) fn replace_supervisor_by(&self, replace: ReplaceSupervisor) {
        let _ = self.replace_supervisor.set(replace);
    }

    pub(super) fn look_unasked_by(&self, look: Box<dyn Fn() + Send + Sync>) {
        let _ = self.look_unasked.set(look);
    }

    /// For the callback thread, of a pool whose supervisor others replace: nobody else may be awake.
    pub(super) fn look_unasked(&self) {
        if self.has_lost_supervisor()
            && let Some(look) = self.look_unasked.get()
        {
            look();
        }
    }

    /// Whether the supervisor has died, and another one is needed.
    #[inline]
    pub(super) fn has_lost_supervisor(&self) -> bool {
        self.is_supervisor_lost() && self.needs_supervisor()
    }

    #[inline]
    pub(super) fn is_supervisor_lost(&self) -> bool {
        self.view.record.supervisor.load(Ordering::Relaxed) == SUPERVISOR_LOST
    }

    #[cold]
    fn needs_supervisor(&self) -> bool {
        self.goes_on() && self.setbacks().rest().is_none()
    }

    #[cold]
    fn goes_on(&self) -> bool {
        let goes_on = match self.view.record.state() {
            PoolState::Open => true,
            PoolState::Closed => self.view.has_unanswered(),
            PoolState::Broken | PoolState::Terminated => false,
        };
        goes_on && self.is_own()
    }

    fn setbacks(&self) -> MutexGuard<'_, Setbacks> {
        self.no_supervisor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a supervisor that is lost has left to the one that takes its place.
    pub(super) fn left_by_supervisor(&self) -> Predecessor {
        let alive = |(process, _): &(ProcessId, _)| {
            self.view.arena.process_state(*process) == Some(ProcessState::Alive)
        };
        let workers = self.view.workers().filter(alive);
        let workers = workers.map(|(process, _)| (process, self.view.arena.process(process).pid()));
        Predecessor::lost(self.view.record.hired.load(Ordering::Relaxed), workers.collect())
    }

    pub(super) fn set_supervisor(&self, supervisor: ProcessId) {
        self.setbacks().clear();
        self.is_replacing.store(true, Ordering::SeqCst);
        self.kept_by.store(supervisor.raw(), Ordering::SeqCst);
        self.view.record.supervisor.store(supervisor.raw(), Ordering::SeqCst);
        // It may have died before it was known here, and been swept.
        if self.view.arena.is_dead(supervisor) {
            let _ = self.view.record.supervisor.compare_exchange(
                supervisor.raw(),
                SUPERVISOR_LOST,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
        }
        self.is_replacing.store(false, Ordering::SeqCst);
    }

    /// For who waits: gets another supervisor when the pool's has died, and fails all calls when the pool has ended
    /// before its time.
    #[inline]
    pub(super) fn look_after_pool(&self) {
        if self.has_lost_supervisor() {
            self.replace_supervisor();
        }
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

    #[cold]
    fn replace_supervisor(&self) {
        let record = self.view.record;
        let Some(replace) = self.replace_supervisor.get() else { return };
        self.is_replacing.store(true, Ordering::SeqCst);
        if record
            .supervisor
            .compare_exchange(SUPERVISOR_LOST, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
        {
            self.is_replacing.store(false, Ordering::SeqCst);
            return;
        }
        // Nobody else comes here before the supervisor is lost again.
        match replace(self.left_by_supervisor()) {
            Ok(supervisor) => self.set_supervisor(supervisor),
            Err(reason) => self.note_no_supervisor(&reason),
        }
        self.is_replacing.store(false, Ordering::SeqCst);
    }

    /// The supervisor is lost, and another one could not be had now. That is tried again; a pool that has no worker
    /// left, and gets no supervisor for long, is broken.
    pub(super) fn note_no_supervisor(&self, reason: &str) {
        let mut setbacks = self.setbacks();
        setbacks.note();
        let (times, are_hopeless) = (setbacks.times(), setbacks.are_hopeless());
        self.view.record.supervisor.store(SUPERVISOR_LOST, Ordering::Release);
        drop(setbacks);
        if are_hopeless && self.left_by_supervisor().is_empty() {
            let reason = format!(
                "it has no worker left, and the process that starts its workers, which was killed, could not be \
                 replaced in {times} attempts: {reason}"
            );
            break_pool(&self.view, self.process, &reason);
        } else if times == 1 {
            let prefix = self.view.record.worker_prefix();
            eprintln!(
                "manyhands: the process that starts the workers {prefix}... of a pool was killed and cannot be replaced \
                 now: {reason}; the pool goes on with the workers that it has, and tries again"
            );
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

    /// The pool's callback thread, started now if there is none.
    pub(super) fn callbacks(requester: &Arc<Requester>) -> Result<&CallbackThread, SubmitError> {
        if requester.callbacks.get().is_none() {
            let mine = CallbackThread::start(&RawPool::of(requester))?;
            if let Err(too_late) = requester.callbacks.set(mine) {
                requester.end_callbacks(&too_late);
            }
        }
        Ok(requester.callbacks.get().expect("it was just put there"))
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
        wait: &Wait<'_>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        // Threads that share a future wait at one latch, each for the same: whoever leaves lets the next one look.
        self.at_gate(&self.view.latch(number).gate, wait, &mut ready)
    }

    /// Waits at a gate until `ready` gives something, and looks after the pool meanwhile.
    pub(super) fn at_gate<R>(
        &self,
        gate: &Gate,
        wait: &Wait<'_>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        self.in_pieces(wait, |piece, is_last| {
            let ready = || {
                self.look_after_pool();
                ready().map(Some).or_else(|| (is_last && self.wants_supervisor()).then_some(None))
            };
            gate.wait_until(piece, ready, || true)
        })
    }

    /// Waits by `attempt`. While a supervisor is wanted and cannot be had, nobody wakes whoever waits to ask for one
    /// again: then it is waited in pieces. `attempt` is told whether this is to be the last one, which it leaves with
    /// `None` if it must not be.
    pub(super) fn in_pieces<R>(
        &self,
        wait: &Wait<'_>,
        mut attempt: impl FnMut(&Wait<'_>, bool) -> Result<Option<R>, WaitError>,
    ) -> Result<R, WaitError> {
        loop {
            let look =
                self.wants_supervisor().then(|| self.setbacks().rest().or(Deadline::after(SOON))).flatten();
            let deadline = look.map_or(wait.deadline, |look| Some(look.earlier(wait.deadline)));
            match attempt(&Wait { deadline, ..*wait }, look.is_none()) {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(WaitError::TimedOut)
                    if look.is_some() && !wait.deadline.is_some_and(|deadline| deadline.is_past()) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether those who wait here are to replace the supervisor, and have not been able to yet.
    #[inline]
    pub(super) fn wants_supervisor(&self) -> bool {
        self.is_supervisor_wanted() && self.replace_supervisor.get().is_some()
    }

    /// Whether the supervisor is lost, and another one is needed, now or in a while.
    #[inline]
    pub(super) fn is_supervisor_wanted(&self) -> bool {
        self.is_supervisor_lost() && self.goes_on()
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
