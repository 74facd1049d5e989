//! The word of a call that a thread runs, and the gate at which its waiters sleep.
//!
//! The beginning, the answer and the withdrawal must each happen once, so each is one compare-and-swap. The word says
//! which thread may write the answer, not what the answer is. The word is in private memory, so no kill in the middle
//! of a change leaves others behind.

use crate::arena::Kind;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::thread::yield_now;
use crate::platform::{Deadline, Scope};
use crate::sync::{Gate, Subject, WaitError, Waiting, wait_for};

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Standing {
    /// No thread has begun with it.
    Pending = 0,
    /// A thread runs it.
    Running = 1,
    /// Its answer is being written.
    Answering = 2,
    /// It has its answer.
    Answered = 3,
    /// Withdrawn before a thread began with it.
    Cancelled = 4,
    /// Withdrawn, and the thread that would have run it has seen that.
    Skipped = 5,
}

impl Standing {
    fn of(word: u32) -> Standing {
        match word {
            0 => Standing::Pending,
            1 => Standing::Running,
            2 => Standing::Answering,
            3 => Standing::Answered,
            4 => Standing::Cancelled,
            _ => Standing::Skipped,
        }
    }

    /// Whether nothing more will happen that a waiter could wait for.
    pub fn is_over(self) -> bool {
        matches!(self, Standing::Answered | Standing::Cancelled | Standing::Skipped)
    }
}

/// The word of a call.
///
/// | standing | leaves by |
/// |---|---|
/// | Pending | `begin`: Running; `cancel`: Cancelled; `claim_answer`: Answering |
/// | Running | `claim_answer`: Answering |
/// | Answering | `publish_answer`: Answered |
/// | Cancelled | `begin`: Skipped |
/// | Answered, Skipped | never |
/// | any | `declare`, by a program that decides on its own what becomes of its call |
#[derive(Debug, Default)]
pub struct CallState {
    word: AtomicU32,
    gate: Gate,
}

impl CallState {
    /// A call that no thread has begun with.
    pub fn new() -> Self {
        CallState::default()
    }

    /// Where the call stands; what was written before it stood so is visible.
    #[inline]
    pub fn standing(&self) -> Standing {
        Standing::of(self.word.load(Ordering::Acquire))
    }

    #[inline]
    fn change(&self, from: Standing, to: Standing) -> bool {
        self.word.compare_exchange(from as u32, to as u32, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes the call to run it; `false` if it was withdrawn, and its standing says from now on that this was seen.
    ///
    /// # Errors
    /// Where it stood, if another thread had begun with it already.
    #[inline]
    pub fn begin(&self) -> Result<bool, Standing> {
        if self.change(Standing::Pending, Standing::Running) {
            return Ok(true);
        }
        if self.change(Standing::Cancelled, Standing::Skipped) {
            return Ok(false);
        }
        Err(self.standing())
    }

    /// Withdraws the call if no thread has begun with it: `true` for the one caller that did.
    pub fn cancel(&self) -> bool {
        let done = self.change(Standing::Pending, Standing::Cancelled);
        if done {
            self.gate.notify_all(Scope::Private);
        }
        done
    }

    /// Asks for the right to answer; the caller that gets it writes the answer and publishes it.
    ///
    /// # Errors
    /// Where the call stood, when it has an answer, is being given one, or was withdrawn.
    #[inline]
    pub fn claim_answer(&self) -> Result<(), Standing> {
        loop {
            match self.standing() {
                from @ (Standing::Pending | Standing::Running) => {
                    if self.change(from, Standing::Answering) {
                        return Ok(());
                    }
                }
                standing => return Err(standing),
            }
        }
    }

    /// Makes the written answer visible and wakes all who wait. Only the caller that claimed the answer may call this.
    #[inline]
    pub fn publish_answer(&self) {
        self.word.store(Standing::Answered as u32, Ordering::Release);
        self.gate.notify_all(Scope::Private);
    }

    /// Has the call stand where its owner says, wherever it stood, and wakes all who wait if it is over then. If an
    /// answer is being written, this waits for it: the thread that writes it runs nothing else meanwhile.
    pub fn declare(&self, to: Standing) {
        loop {
            let now = self.standing();
            if now == Standing::Answering {
                yield_now();
            } else if self.change(now, to) {
                break;
            }
        }
        if to.is_over() {
            self.gate.notify_all(Scope::Private);
        }
    }

    /// Waits until the call is over.
    ///
    /// # Errors
    /// When the deadline passes first or a signal handler ends the wait.
    pub fn wait(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<Standing, WaitError> {
        self.wait_or(deadline, waiting, || false)
    }

    /// Waits until the call is over, or `enough` says not to wait any longer. A change of `enough` is followed by
    /// [`CallState::wake_all`].
    ///
    /// # Errors
    /// As [`CallState::wait`].
    pub fn wait_or(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        enough: impl Fn() -> bool + Sync,
    ) -> Result<Standing, WaitError> {
        let is_there = || self.standing().is_over() || enough();
        let ready = || is_there().then(|| self.standing());
        if let Some(standing) = ready() {
            return Ok(standing);
        }
        wait_for(Subject::private(Kind::CALL, self), &is_there, deadline, waiting, |wait| {
            self.gate.wait_until(wait, ready, || true)
        })
    }

    /// Has all waiters look again.
    pub fn wake_all(&self) {
        self.gate.notify_all(Scope::Private);
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    use super::*;
    use crate::platform::model::spawn;
    use crate::sync::Blocking;
    use loom::sync::Arc;

    #[test]
    fn model_a_call_is_run_or_withdrawn_and_its_waiter_wakes() {
        loom::model(|| {
            // The answer is written and read relaxed: that it is seen is the word's doing.
            let shared = Arc::new((CallState::new(), AtomicU32::new(0)));
            let runner = spawn(&shared, |shared| {
                let (state, answer) = &*shared;
                if state.begin() == Ok(true) {
                    state.claim_answer().unwrap();
                    answer.store(7, Ordering::Relaxed);
                    state.publish_answer();
                    return true;
                }
                false
            });
            let canceller = spawn(&shared, |shared| shared.0.cancel());
            let (state, answer) = &*shared;
            let over = state.wait(None, &Blocking).unwrap();
            if over == Standing::Answered {
                assert_eq!(answer.load(Ordering::Relaxed), 7);
            }
            let (ran, cancelled) = (runner.join().unwrap(), canceller.join().unwrap());
            assert!(ran != cancelled, "run and withdrawn, or neither");
            assert_eq!(ran, over == Standing::Answered);
        });
    }

    #[test]
    fn model_a_call_is_answered_once() {
        loom::model(|| {
            let state = Arc::new(CallState::new());
            let other = spawn(&state, |state| {
                let _ = state.begin();
                state.claim_answer().map(|()| state.publish_answer()).is_ok()
            });
            let mine = state.claim_answer().map(|()| state.publish_answer()).is_ok();
            assert!(mine != other.join().unwrap(), "answered twice, or never");
            assert_eq!(state.standing(), Standing::Answered);
        });
    }
}
