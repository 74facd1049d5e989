//! The supervisor that keeps the pool's workers, and how another process takes its place when it has died.
//!
//! There are three pieces of state. The record's word names the supervisor, or says that it is lost: the sweep that
//! finds it dead writes that, and wakes the threads that wait in the requester. The *turn* lets one thread at a time
//! make another supervisor. And this process remembers its number privately, since the record alone can be damaged
//! (`beyond_help`).
//!
//! A supervisor is replaced by a thread of the requester that submits or waits, which leaves its sleep for it: what
//! replaces may fork, or run a language's code. Nobody polls. The sleepers are woken when the supervisor is lost, and
//! when a turn ends and it is lost still. Only while the system refuses to make a process do waits end by themselves,
//! to try again (`Setbacks`).

use super::record::SUPERVISOR_LOST;
use super::requester::{Replace, Requester, Supervision};
use super::sweep::{break_pool, wake_requester};
use crate::arena::{Kind, ProcessId, ProcessState};
use crate::executor::state::PoolState;
use crate::platform::Deadline;
use crate::platform::atomic::{Ordering, fence};
use crate::spawn::{Predecessor, Setbacks};
use crate::sync::{Outside, Subject, Wait, WaitError, Waiting, wait_for};
use std::sync::{MutexGuard, PoisonError};

/// The turn to make a supervisor, which one thread at a time has.
#[must_use = "the turn ends when this is dropped"]
pub struct Turn<'a>(&'a Requester);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.supervision.is_taken.store(false, Ordering::SeqCst);
        // Others may have seen the turn taken and gone to sleep.
        fence(Ordering::SeqCst);
        if self.0.is_supervisor_lost() {
            wake_requester(&self.0.view);
        }
    }
}

impl Requester {
    /// Has the threads that submit or wait replace a supervisor that is lost.
    pub(super) fn replace_supervisor_by(&self, replace: Replace) {
        let _ = self.supervision.replace.set(replace);
    }

    /// The turn to make a supervisor, unless it is another thread's.
    pub(super) fn turn(&self) -> Option<Turn<'_>> {
        let is_mine = self.is_own() && !self.supervision.is_taken.swap(true, Ordering::SeqCst);
        // One that is made in vain would end the other's.
        is_mine.then(|| Turn(self))
    }

    #[inline]
    pub(super) fn is_supervisor_lost(&self) -> bool {
        self.view.record.supervisor.load(Ordering::Relaxed) == SUPERVISOR_LOST
    }

    fn goes_on(&self) -> bool {
        let goes_on = match self.view.record.state() {
            PoolState::Open => true,
            PoolState::Closed => self.view.has_unanswered(),
            PoolState::Broken | PoolState::Terminated => false,
        };
        goes_on && self.is_own()
    }

    fn setbacks(&self) -> MutexGuard<'_, Setbacks> {
        self.supervision.setbacks.lock().unwrap_or_else(PoisonError::into_inner)
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
        let word = &self.view.record.supervisor;
        // First what is remembered: see `is_supervisor_gone`.
        self.supervision.kept_by.store(supervisor.raw(), Ordering::SeqCst);
        word.store(supervisor.raw(), Ordering::SeqCst);
        // It may have died before it was known here, and been swept.
        if self.view.arena.is_dead(supervisor)
            && word
                .compare_exchange(supervisor.raw(), SUPERVISOR_LOST, Ordering::SeqCst, Ordering::Relaxed)
                .is_ok()
        {
            wake_requester(&self.view);
        }
    }

    /// For a thread that submits or waits, outside of its sleep: replaces a supervisor that is lost. Does nothing while
    /// another thread is at it, shortly after the system has refused one, or when the pool needs none any more.
    #[inline]
    pub(super) fn look_after_supervisor(&self) {
        if self.is_supervisor_lost() {
            self.replace_supervisor();
        }
    }

    #[cold]
    fn replace_supervisor(&self) {
        let Some(replace) = self.supervision.replace.get() else { return };
        if !self.goes_on() || self.setbacks().rest().is_some() {
            return;
        }
        let Some(_turn) = self.turn() else { return };
        let word = &self.view.record.supervisor;
        // Another thread may have had the turn just before.
        if word.compare_exchange(SUPERVISOR_LOST, 0, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            return;
        }
        match replace(self.left_by_supervisor()) {
            Ok(Some(supervisor)) => self.set_supervisor(supervisor),
            Ok(None) => {}
            Err(reason) => self.note_no_supervisor(&reason),
        }
    }

    /// The supervisor is lost, and another one could not be had now. That is tried again; a pool that has no worker
    /// left, and gets no supervisor for long, is broken. The caller has the turn.
    pub(super) fn note_no_supervisor(&self, reason: &str) {
        let mut setbacks = self.setbacks();
        setbacks.note();
        let (times, are_hopeless) = (setbacks.times(), setbacks.are_hopeless());
        self.view.record.supervisor.store(SUPERVISOR_LOST, Ordering::SeqCst);
        drop(setbacks);
        if are_hopeless && self.left_by_supervisor().is_empty() {
            let reason = format!(
                "it has no worker left, and the process that starts its workers, which was killed, could not be \
                 replaced in {times} attempts: {reason}"
            );
            break_pool(&self.view, self.process, &reason);
        } else if times == 1 {
            eprintln!(
                "manyhands: the process that starts a pool's workers was killed and cannot be replaced now: {reason}; \
                 the pool goes on with the workers that it has, and tries again"
            );
        }
    }

    /// Waits by `attempt` for what is of this kind, and replaces a supervisor that is lost in between. `attempt` leaves
    /// its sleep with `None` when [`Requester::wants_supervisor`] says so, except in a piece that ends by itself, when
    /// the next try is due.
    pub(super) fn wait_in_pieces<R>(
        &self,
        kind: Kind,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        mut attempt: impl FnMut(&Wait<'_>, bool) -> Result<Option<R>, WaitError>,
    ) -> Result<R, WaitError> {
        let subject = Subject::shared(kind, self.object.handle());
        wait_for(subject, &Outside, deadline, waiting, |wait| {
            loop {
                self.look_after_supervisor();
                let next_try = if self.wants_supervisor() { self.setbacks().rest() } else { None };
                let until = next_try.map_or(deadline, |next| Some(next.earlier(deadline)));
                match attempt(&wait.until(until), next_try.is_none()) {
                    Ok(Some(found)) => return Ok(found),
                    Ok(None) => {}
                    Err(WaitError::TimedOut) if next_try.is_some() && !wait.is_late() => {}
                    Err(error) => return Err(error),
                }
            }
        })
    }

    /// Whether the threads that wait are to replace the supervisor, now or when the system allows it. A thread asks
    /// this after it has announced its sleep, so that a change which comes later wakes it.
    #[inline]
    pub(super) fn wants_supervisor(&self) -> bool {
        fence(Ordering::SeqCst);
        self.is_supervisor_lost() && self.is_supervisor_to_be_replaced()
    }

    #[cold]
    fn is_supervisor_to_be_replaced(&self) -> bool {
        let Supervision { replace, is_taken, .. } = &self.supervision;
        replace.get().is_some() && !is_taken.load(Ordering::SeqCst) && self.goes_on()
    }

    /// Whether the supervisor has ended, was swept, and nobody is about to replace it, though the record does not say
    /// that it is lost.
    pub(super) fn is_supervisor_gone(&self) -> bool {
        let Supervision { is_taken, kept_by, .. } = &self.supervision;
        let remembered = kept_by.load(Ordering::SeqCst);
        let Some(supervisor) = ProcessId::from_raw(remembered) else { return false };
        if self.view.arena.process_state(supervisor).is_some() {
            return false;
        }
        // The sweep writes that it is lost before its place becomes another's. The thread that replaces it has, or
        // had, the turn; and the new one is remembered before the record names it.
        !is_taken.load(Ordering::SeqCst)
            && !self.is_supervisor_lost()
            && kept_by.load(Ordering::SeqCst) == remembered
    }
}
