//! The state of a barrier: how many have arrived in this round, whether it is broken, and how the last rounds ended.
//!
//! One compare-and-swap per arrival. The thread that completes the number runs the barrier's action and begins the next
//! round, which is what the others wait for; threads that arrive meanwhile wait for the next round, too. The word keeps
//! the outcome of a round for sixteen rounds more, so that a waiter which runs late is not misled by a reset of a later
//! one. Which thread breaks it, and why, is the caller's business. No published algorithm; the usual sense-reversing
//! barrier with a history.

use crate::platform::atomic::{AtomicU64, Ordering};
use crate::platform::futex::Scope;
use crate::sync::wait::bell::Bell;
use crate::sync::wait::mortal::may_die;
use crate::sync::wait::park::{Wait, WaitError};

/// A barrier's words, wherever they stand. Zeroed memory is a whole barrier at which nobody waits.
///
/// | bits of the state | name | meaning |
/// |---|---|---|
/// | 0..=15 | arrived | how many have arrived in this round; all parties = the last of them runs the action |
/// | 16 | BROKEN | this round comes to nothing, and no other begins before a reset |
/// | 17..=32 | outcomes | how the last sixteen rounds ended, the last one lowest: 1 = broken |
/// | 33..=63 | round | the number of the round, going round |
///
/// | reachable state | goes to |
/// |---|---|
/// | `n` arrived, fewer than all | `n + 1` another one; `n - 1` one was interrupted; `BROKEN` |
/// | all arrived | next round, `0` arrived: the action is done; `BROKEN` |
/// | `BROKEN`, or `n` arrived | next round, `0` arrived, outcome broken: reset |
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct BarrierWord {
    state: AtomicU64,
    bell: Bell,
}

const ARRIVED: u64 = 0xffff;
const BROKEN: u64 = 1 << 16;
const OUTCOME_SHIFT: u32 = 17;
const OUTCOMES: u64 = 0xffff << OUTCOME_SHIFT;
const ROUND_SHIFT: u32 = 33;
const ONE_ROUND: u64 = 1 << ROUND_SHIFT;

/// The most parties a barrier can have.
pub(super) const MOST_PARTIES: u32 = ARRIVED as u32;

/// How a round ended for one who waited for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Complete,
    Broken,
}

/// Why a wait at a barrier came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It was broken, or reset, by another thread or before.
    Broken,
    /// The wait ended first; when that was its time the barrier is broken now, otherwise the waiter has not arrived.
    Wait(WaitError),
}

fn round(state: u64) -> u64 {
    state >> ROUND_SHIFT
}

/// The state at the begin of the next round.
fn next(state: u64, broken: bool) -> u64 {
    let outcomes = (state & OUTCOMES) << 1 & OUTCOMES | u64::from(broken) << OUTCOME_SHIFT;
    (state & !(ARRIVED | BROKEN | OUTCOMES) | outcomes).wrapping_add(ONE_ROUND)
}

/// How the round `of` ended, if it did.
fn outcome(state: u64, of: u64) -> Option<Outcome> {
    let since = round(state).wrapping_sub(of) & (u64::MAX >> ROUND_SHIFT);
    let broken = match since {
        0 if state & BROKEN == 0 => return None,
        0 => true,
        // A thread that sleeps through more rounds than that was not one of exactly as many threads as there are
        // parties.
        17.. => false,
        _ => state >> OUTCOME_SHIFT >> (since - 1) & 1 != 0,
    };
    Some(if broken { Outcome::Broken } else { Outcome::Complete })
}

impl BarrierWord {
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) const fn new() -> Self {
        BarrierWord { state: AtomicU64::new(0), bell: Bell::new() }
    }

    /// The number of this round; 31 bits.
    pub(in crate::sync) fn round(&self) -> u32 {
        round(self.state.load(Ordering::Acquire)) as u32
    }

    /// Whether the round with this number is over, one way or another.
    pub(super) fn is_over(&self, number: u32) -> bool {
        outcome(self.state.load(Ordering::Acquire), u64::from(number)).is_some()
    }

    /// How many have arrived, and whether the barrier is broken.
    pub(in crate::sync) fn seen(&self) -> (u32, bool) {
        let state = self.state.load(Ordering::Acquire);
        ((state & ARRIVED) as u32, state & BROKEN != 0)
    }

    /// Arrives as one of `parties` and waits for the others; gives how many had arrived before.
    ///
    /// `note` is called with the round before each attempt to arrive in it; `action` by the last who arrives, before
    /// the others go on. When it says false, or unwinds, the barrier is broken.
    pub(in crate::sync) fn wait(
        &self,
        parties: u32,
        wait: &Wait<'_>,
        mut note: impl FnMut(u32),
        action: impl FnOnce() -> bool,
    ) -> Result<u32, Failure> {
        let parties = u64::from(parties);
        let state = loop {
            let state = self.state.load(Ordering::Acquire);
            if state & BROKEN != 0 {
                return Err(Failure::Broken);
            }
            if state & ARRIVED == parties {
                // The round is over but for its action.
                self.wait_for_end(round(state), wait).map_err(Failure::Wait)?;
                continue;
            }
            note(round(state) as u32);
            may_die();
            if self.state.compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                may_die();
                break state;
            }
        };
        let (before, round) = (state & ARRIVED, round(state));
        if before + 1 == parties {
            return self.complete(state + 1, wait.scope(), action).map(|()| before as u32);
        }
        let outcome = match self.wait_for_end(round, wait) {
            Ok(outcome) => outcome,
            Err(error) => self.leave(round, parties, wait.scope(), error)?,
        };
        match outcome {
            Outcome::Complete => Ok(before as u32),
            Outcome::Broken => Err(Failure::Broken),
        }
    }

    fn wait_for_end(&self, round: u64, wait: &Wait<'_>) -> Result<Outcome, WaitError> {
        let ended = || outcome(self.state.load(Ordering::Acquire), round);
        self.bell.wait_until(wait, ended)
    }

    /// Runs the action and begins the next round.
    fn complete(&self, full: u64, scope: Scope, action: impl FnOnce() -> bool) -> Result<(), Failure> {
        let breaks = BreaksOnUnwind(self, scope);
        let done = action();
        std::mem::forget(breaks);
        if !done {
            self.break_round(full, scope);
            return Err(Failure::Broken);
        }
        may_die();
        let over = next(full, false);
        // Fails when the barrier was broken or reset meanwhile.
        let completed = self.state.compare_exchange(full, over, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        may_die();
        self.bell.ring(scope);
        if completed { Ok(()) } else { Err(Failure::Broken) }
    }

    /// Ends a wait that was not successful: breaks the barrier when it took too long, otherwise takes the arrival back.
    fn leave(&self, of: u64, parties: u64, scope: Scope, error: WaitError) -> Result<Outcome, Failure> {
        loop {
            let state = self.state.load(Ordering::Acquire);
            if let Some(outcome) = outcome(state, of) {
                // Too late to leave; but a thread that was interrupted must learn of that.
                return if error == WaitError::TimedOut { Ok(outcome) } else { Err(Failure::Wait(error)) };
            }
            if error == WaitError::TimedOut {
                if self.break_round(state, scope) {
                    return Err(Failure::Wait(error));
                }
                continue;
            }
            if state & ARRIVED == parties {
                return Err(Failure::Wait(error));
            }
            if self.state.compare_exchange(state, state - 1, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                may_die();
                return Err(Failure::Wait(error));
            }
        }
    }

    fn break_round(&self, seen: u64, scope: Scope) -> bool {
        let broken = seen | BROKEN;
        let done = self.state.compare_exchange(seen, broken, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        may_die();
        if done {
            self.bell.ring(scope);
        }
        done
    }

    /// Breaks the barrier: threads that wait or come fail, until it is reset.
    pub(super) fn abort(&self, scope: Scope) {
        loop {
            let state = self.state.load(Ordering::Acquire);
            if state & BROKEN != 0 || self.break_round(state, scope) {
                return;
            }
        }
    }

    /// Breaks the barrier if this is still the round with that number, as [`BarrierWord::round`] gives it.
    pub(super) fn abort_round(&self, number: u32, scope: Scope) {
        loop {
            let state = self.state.load(Ordering::Acquire);
            if round(state) as u32 != number || state & BROKEN != 0 || self.break_round(state, scope) {
                return;
            }
        }
    }

    /// Makes the barrier whole; waiters fail. Does nothing to a whole one that has no waiters.
    pub(in crate::sync) fn reset(&self, scope: Scope) {
        loop {
            let state = self.state.load(Ordering::Acquire);
            if state & (ARRIVED | BROKEN) == 0 {
                return;
            }
            let whole = next(state, true);
            if self.state.compare_exchange(state, whole, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                may_die();
                self.bell.ring(scope);
                return;
            }
        }
    }

    /// For sweeps: all waiters look again.
    pub(in crate::sync) fn recover(&self, scope: Scope) {
        self.bell.recover(scope);
    }
}

/// Breaks the barrier when its action unwinds.
struct BreaksOnUnwind<'a>(&'a BarrierWord, Scope);

impl Drop for BreaksOnUnwind<'_> {
    fn drop(&mut self) {
        self.0.abort(self.1);
    }
}

#[cfg(all(test, manyhands_model))]
mod model;
