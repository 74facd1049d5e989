//! The word of a call: where it stands, which process has it, whether a thread waits for it.
//!
//! Everything that must happen to a call exactly once is one compare-and-swap on this word: the claim by a worker, the
//! answer, the withdrawal by the requester, the repair after a death. The owner stands in the same word, so that a kill
//! at any point leaves a word that shows the sweep what is missing. The algorithm knows no arena: owners are numbers,
//! and the caller knows which of them are dead.
//!
//! The owner of a Pending call is the process that promised to put it into the ring. The call comes first and the ring
//! second, and when the owner dies between the two, the sweep puts it in (again: a second entry is harmless).

use crate::platform::atomic::{AtomicU32, Ordering, fence};

const OWNER: u32 = (1 << 24) - 1;
const WAITER: u32 = 1 << 24;
const DETACHED: u32 = 1 << 25;
const LOOK: u32 = 1 << 29;
const FLAGS: u32 = WAITER | DETACHED | LOOK;
const STATE_SHIFT: u32 = 26;

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// The slot has no call.
    Free = 0,
    /// Waits for a worker.
    Pending = 1,
    /// A worker runs it.
    Taken = 2,
    /// Another process is writing the answer that its worker cannot give.
    Answering = 3,
    /// Answered by its worker.
    Done = 4,
    /// Answered in place of a worker: why there is no result.
    Died = 5,
    /// Withdrawn by the requester.
    Cancelled = 6,
}

/// One reading of a call's word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reading(u32);

impl Reading {
    /// Where the call stood.
    pub fn state(self) -> State {
        match self.0 >> STATE_SHIFT & 7 {
            1 => State::Pending,
            2 => State::Taken,
            3 => State::Answering,
            4 => State::Done,
            5 => State::Died,
            6 => State::Cancelled,
            _ => State::Free,
        }
    }

    /// The number of the process that had it; 0 is nobody.
    pub fn owner(self) -> u32 {
        self.0 & OWNER
    }

    /// Whether a thread sleeps until it is answered.
    pub fn has_waiter(self) -> bool {
        self.0 & WAITER != 0
    }

    /// Whether nobody wants the answer any more.
    pub fn is_detached(self) -> bool {
        self.0 & DETACHED != 0
    }

    /// Whether the call has its answer.
    pub fn is_answered(self) -> bool {
        matches!(self.state(), State::Done | State::Died | State::Cancelled)
    }

    /// The word itself, to sleep on.
    pub fn bits(self) -> u32 {
        self.0
    }

    fn to(self, state: State, owner: u32) -> u32 {
        debug_assert!(owner & !OWNER == 0, "an owner has 24 bits");
        self.0 & FLAGS | (state as u32) << STATE_SHIFT | owner
    }
}

/// The word of a call, wherever it lies. Zero is a word without a call.
///
/// ```text
///  31    30  29     28        26   25         24       23                    0
/// +--------+------+------------+----------+--------+-------------------------+
/// | unused | LOOK | state      | DETACHED | WAITER | owner (process id)      |
/// +--------+------+------------+----------+--------+-------------------------+
///
/// state       owner is                          leaves by
/// Free        nobody                            submit (requester)                    -> Pending
/// Pending     who last put it into the ring     claim (worker)                        -> Taken
///                                               withdraw, fail                        -> Answering
/// Taken       the worker that runs it           answer (that worker)                  -> Done
///                                               requeue (sweep: it is dead)           -> Pending
///                                               fail (sweep: it is dead; or aborted)  -> Answering
/// Answering   who answers in place of a worker  conclude (that one)                   -> Died, Cancelled
///                                               fail (sweep: it is dead)              -> Answering
/// Done        the worker that answered          vacate (requester)                    -> Free
/// Died        who answered in its place         vacate (requester)                    -> Free
/// Cancelled   the requester                     vacate (requester)                    -> Free
/// ```
#[derive(Clone, Copy)]
pub struct CallWord<'a>(pub &'a AtomicU32);

impl CallWord<'_> {
    /// Reads the word; what was written before it became so is visible afterwards.
    pub fn read(&self) -> Reading {
        Reading(self.0.load(Ordering::Acquire))
    }

    fn swap_from(&self, seen: Reading, to: u32) -> bool {
        self.0.compare_exchange(seen.0, to, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Requester: makes the written call visible. The slot was free, so nobody else touches the word.
    pub fn submit(&self, requester: u32) {
        self.0.store(Reading(0).to(State::Pending, requester), Ordering::Release);
    }

    /// Worker: takes the call, if it still waits for one.
    pub fn claim(&self, worker: u32) -> bool {
        let mut seen = self.read();
        while seen.state() == State::Pending {
            if self.swap_from(seen, seen.to(State::Taken, worker)) {
                return true;
            }
            seen = self.read();
        }
        false
    }

    /// Worker: publishes the written result of a call it took; the reading before tells whom to wake. `None`
    /// when the call was answered in its place (aborted): nobody will look at the result.
    pub fn answer(&self, worker: u32) -> Option<Reading> {
        let mut seen = self.read();
        while seen.state() == State::Taken && seen.owner() == worker {
            if self.swap_from(seen, seen.to(State::Done, worker)) {
                return Some(seen);
            }
            seen = self.read();
        }
        None
    }

    /// Sweep: lets another worker have the call of a dead one. `sweeper` promises to put it into the ring next.
    pub fn requeue(&self, dead: u32, sweeper: u32) -> bool {
        let mut seen = self.read();
        while seen.state() == State::Taken && seen.owner() == dead {
            if self.swap_from(seen, seen.to(State::Pending, sweeper)) {
                return true;
            }
            seen = self.read();
        }
        false
    }

    /// Gives `by` the right to answer in place of a worker, if the call is in `state` with `owner`. The sweep does so
    /// for a dead worker or a dead answerer, the requester for its own.
    pub fn fail(&self, state: State, owner: u32, by: u32) -> bool {
        let mut seen = self.read();
        while seen.state() == state && seen.owner() == owner {
            if self.swap_from(seen, seen.to(State::Answering, by)) {
                return true;
            }
            seen = self.read();
        }
        false
    }

    /// Publishes the answer that was written after [`fail`](CallWord::fail); the reading before tells whom to wake.
    pub fn conclude(&self, by: u32, state: State) -> Option<Reading> {
        let mut seen = self.read();
        while seen.state() == State::Answering && seen.owner() == by {
            if self.swap_from(seen, seen.to(state, by)) {
                return Some(seen);
            }
            seen = self.read();
        }
        None
    }

    /// Waiter: announces that it is going to sleep. The reading to sleep on, or `None` when the answer is there.
    pub fn announce_waiter(&self) -> Option<Reading> {
        loop {
            let seen = self.read();
            if seen.is_answered() || seen.state() == State::Free {
                return None;
            }
            let announced = Reading(seen.0 | WAITER);
            if announced == seen || self.swap_from(seen, announced.0) {
                return Some(announced);
            }
        }
    }

    /// Has the waiters look again, for something else than the answer. `true` when there are any: then wake them.
    /// LOOK has no meaning but that it changes, so that a waiter that has announced itself and does not sleep yet will
    /// not. The announcement stays: should the caller be killed before it wakes anybody, the next one sees it.
    pub fn rouse(&self) -> bool {
        let mut seen = self.read();
        while seen.has_waiter() && !seen.is_answered() {
            if self.swap_from(seen, seen.0 ^ LOOK) {
                return true;
            }
            seen = self.read();
        }
        // The one that answered has woken the waiters, or its sweep does.
        false
    }

    /// Requester: tells the worker that nobody wants the result. `false` when the answer is there already.
    pub fn detach(&self) -> bool {
        loop {
            let seen = self.read();
            if seen.is_answered() || seen.state() == State::Free {
                return false;
            }
            if self.swap_from(seen, seen.0 | DETACHED) {
                return true;
            }
        }
    }

    /// Requester: forgets an answered call, or begins with a slot that was never used. Nobody else changes such a word.
    pub fn vacate(&self) {
        self.0.store(0, Ordering::Release);
        // What is written into the slot from here on is seen by nobody who still sees the answer: see the sweep.
        fence(Ordering::Release);
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use super::*;

    const REQUESTER: u32 = 7;
    const WORKER: u32 = 9;
    const SWEEPER: u32 = 11;

    #[test]
    fn a_call_is_claimed_once_and_answered_once() {
        let word = AtomicU32::new(0);
        let word = CallWord(&word);
        assert!(!word.claim(WORKER), "a free slot has no call to take");
        word.submit(REQUESTER);
        assert!(word.claim(WORKER));
        assert!(!word.claim(SWEEPER), "taken twice");
        assert!(word.answer(SWEEPER).is_none(), "answered by one who has not taken it");
        assert!(!word.answer(WORKER).expect("its own call").has_waiter());
        assert!(word.answer(WORKER).is_none(), "answered twice");
        assert_eq!(word.read().state(), State::Done);
        assert!(word.announce_waiter().is_none(), "nobody sleeps for an answer that is there");
    }

    #[test]
    fn flags_survive_every_step() {
        let word = AtomicU32::new(0);
        let word = CallWord(&word);
        word.submit(REQUESTER);
        assert!(word.detach());
        let slept_on = word.announce_waiter().expect("not answered yet");
        assert!(slept_on.has_waiter() && slept_on.is_detached());
        assert!(word.claim(WORKER));
        assert!(word.requeue(WORKER, SWEEPER));
        assert_eq!((word.read().state(), word.read().owner()), (State::Pending, SWEEPER));
        assert!(word.claim(WORKER));
        assert!(word.fail(State::Taken, WORKER, SWEEPER));
        let before = word.conclude(SWEEPER, State::Died).expect("the sweeper's own right");
        assert!(before.has_waiter() && before.is_detached());
        word.vacate();
        assert_eq!(word.read().bits(), 0);
    }

    #[test]
    fn an_aborted_worker_cannot_answer() {
        let word = AtomicU32::new(0);
        let word = CallWord(&word);
        word.submit(REQUESTER);
        assert!(word.claim(WORKER));
        assert!(word.fail(State::Taken, WORKER, REQUESTER));
        assert!(word.answer(WORKER).is_none());
        assert!(word.conclude(REQUESTER, State::Cancelled).is_some());
        assert_eq!(word.read().state(), State::Cancelled);
    }
}
