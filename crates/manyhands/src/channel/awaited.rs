//! Waiting at several queues at once for something to take, without taking it.
//!
//! The thread arms all their gates, leaves its mark in each, and sleeps until one of them is notified. What it finds it
//! leaves where it is, so another taker may be quicker. And it passes the wake-up on, which may have been meant for a
//! taker. More queues than the kernel lets a thread wait for are looked at now and then, as are queues on kernels that
//! have no such wait.

use super::alone::Alone;
use super::polling::Polling;
use crate::platform::Deadline;
use crate::sync::{Outside, PlacedGate, Subject, WaitError, Waiting, one_sleep_hears, wait_at_any, wait_for};
use std::cell::Cell;

/// Why a wait for the first of several queues found none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// Nothing could be taken from any of them until the time was over.
    #[error("none of the queues had anything until the time was over; allow more time")]
    TimedOut,
    /// No other thread or process has one of them, so nothing will ever be put.
    #[error("nobody is left that could put anything into one of the queues")]
    Disconnected,
    /// A signal's handler asked for the wait to end.
    #[error("a signal handler ended the wait for the queues")]
    Interrupted,
}

impl From<WaitError> for SelectError {
    fn from(error: WaitError) -> SelectError {
        match error {
            WaitError::TimedOut => SelectError::TimedOut,
            _ => SelectError::Interrupted,
        }
    }
}

/// What a look at a queue has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Something can be taken, or nothing ever.
    Something,
    /// Nothing, and who puts something there next knows of the one that looked.
    Nothing,
    /// Nothing, but it is about to come, from a producer that knows of nobody.
    Soon,
}

/// A queue as one that waits for something in it sees it.
pub trait Awaited: Sync {
    /// Where to wait for something.
    fn gate(&self) -> PlacedGate<'_>;

    /// What such a wait is for.
    fn subject(&self) -> Subject;

    /// Whether a look is worth while. It leaves no mark.
    fn glance(&self) -> bool;

    /// Whether something can be taken; otherwise leaves a mark for the next that puts.
    fn look(&self) -> Look;

    /// Whether something can be taken now, or nothing ever.
    fn has_something(&self) -> bool {
        self.glance() && self.look() == Look::Something
    }

    /// Whether something can be taken behind what a killed producer has left half-written, of which it asks the kernel.
    fn look_behind_the_dead(&self) -> bool;

    /// Whether nothing will ever come if this process has no other thread, since no other process has the queue.
    fn is_alone(&self) -> bool;
}

/// Waits until something can be taken from one of these queues, and says from which. It looks at number `from` first.
///
/// # Errors
/// [`SelectError`]; nothing has changed.
///
/// # Panics
/// When there is no queue.
pub fn wait_for_any(
    queues: &[&dyn Awaited],
    from: usize,
    deadline: Option<Deadline>,
    waiting: &dyn Waiting,
) -> Result<usize, SelectError> {
    assert!(!queues.is_empty(), "a wait for none of any queues never ends");
    let numbers = || (0..queues.len()).map(|step| (from + step) % queues.len());
    let early = || numbers().find(|number| queues[*number].has_something());
    let behind_the_dead = || numbers().find(|number| queues[*number].look_behind_the_dead());
    if let Some(found) = early() {
        return Ok(found);
    }
    let gates: Vec<PlacedGate<'_>> = queues.iter().map(|queue| queue.gate()).collect();
    let subjects = || queues.iter().map(|queue| queue.subject());
    let subject = subjects().find(|subject| !subject.is_private()).unwrap_or_else(|| queues[0].subject());
    let alone = Alone::new(|| queues.iter().all(|queue| queue.is_alone()), waiting);
    let hooks: &dyn Waiting = if deadline.is_none() { &alone } else { waiting };
    let found = wait_for(subject, &Outside, deadline, hooks, |wait| {
        let polling = Polling::new(wait);
        let ready = || {
            let soon = Cell::new(!one_sleep_hears(gates.len()));
            let found = numbers().find(|number| match queues[*number].look() {
                Look::Something => true,
                Look::Nothing => false,
                Look::Soon => {
                    soon.set(true);
                    false
                }
            });
            polling.is_needed(soon.get());
            found
        };
        let more = |number: usize| queues[number].look() != Look::Nothing;
        wait_at_any(&gates, &wait.ticked_by(&polling), early, ready, more)
    });
    // The last of the others may have put something just before it went.
    match (found, alone.is_found()) {
        (Ok(found), _) => Ok(found),
        (Err(_), true) => early().or_else(behind_the_dead).ok_or(SelectError::Disconnected),
        (Err(error), false) => behind_the_dead().ok_or_else(|| error.into()),
    }
}
