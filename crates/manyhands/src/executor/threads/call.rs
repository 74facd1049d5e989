//! A call with its answer, as the thread that runs it and those who wait for it share it.
//!
//! The word of the call decides which thread may write the answer. A mutex, held for that write or one look, keeps it.
//! Waiting threads sleep on the word. An answer may be looked at, taken or replaced, and one that comes too late is
//! given back. Nothing here runs the call.

use super::word::{CallState, Standing};
use crate::platform::Deadline;
use crate::sync::{WaitError, Waiting};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A call's standing and, once it is answered, its answer.
#[derive(Debug)]
pub struct Call<A> {
    state: CallState,
    /// Written by the thread that claimed it, before the standing says that it is there.
    answer: Mutex<Option<A>>,
}

/// An answer that came too late: the call has one, or was withdrawn.
#[derive(Debug)]
pub struct Refused<A> {
    /// The answer, given back.
    pub answer: A,
    /// Where the call stood.
    pub standing: Standing,
}

impl<A> Default for Call<A> {
    fn default() -> Self {
        Call { state: CallState::new(), answer: Mutex::new(None) }
    }
}

impl<A> Call<A> {
    /// The word of the call: where the call stands, and all that changes it or waits for it.
    #[inline]
    pub fn state(&self) -> &CallState {
        &self.state
    }

    /// Answers the call and wakes all who wait for it.
    ///
    /// # Errors
    /// [`Refused`] gives the answer back; nothing has changed.
    #[inline]
    pub fn answer(&self, answer: A) -> Result<(), Refused<A>> {
        match self.state.claim_answer() {
            Ok(()) => {
                *self.lock() = Some(answer);
                self.state.publish_answer();
                Ok(())
            }
            Err(standing) => Err(Refused { answer, standing }),
        }
    }

    /// Looks at the answer: `None` when there is none, or it has been taken.
    #[inline]
    pub fn with_answer<R>(&self, look: impl FnOnce(&A) -> R) -> Option<R> {
        self.lock().as_ref().map(look)
    }

    /// [`Call::with_answer`], unless another thread is looking at the answer or writing it.
    pub fn try_with_answer<R>(&self, look: impl FnOnce(&A) -> R) -> Option<R> {
        self.answer.try_lock().ok()?.as_ref().map(look)
    }

    /// Replaces the answer and gives the earlier one back. Wakes nobody.
    pub fn replace_answer(&self, answer: A) -> Option<A> {
        self.lock().replace(answer)
    }

    /// Takes the answer out.
    pub fn take_answer(&self) -> Option<A> {
        self.lock().take()
    }

    /// Waits until the call is over.
    ///
    /// # Errors
    /// When the deadline passes first or a signal handler ends the wait.
    pub fn wait(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<Standing, WaitError> {
        self.state.wait(deadline, waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Option<A>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Blocking;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn a_call_is_answered_once_and_everybody_hears_of_it() {
        let call = Arc::new(Call::default());
        assert_eq!(call.wait(Deadline::after(Duration::ZERO), &Blocking), Err(WaitError::TimedOut));
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let call = call.clone();
                std::thread::spawn(move || call.wait(None, &Blocking))
            })
            .collect();
        assert_eq!(call.state().begin(), Ok(true));
        assert_eq!(call.state().begin(), Err(Standing::Running));
        assert!(!call.state().cancel());
        call.answer("first").unwrap();
        let refused = call.answer("second").unwrap_err();
        assert_eq!((refused.answer, refused.standing), ("second", Standing::Answered));
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Ok(Standing::Answered));
        }
        assert_eq!(call.with_answer(|answer| *answer), Some("first"));
        assert_eq!(call.take_answer(), Some("first"));
        assert_eq!(call.take_answer(), None);
    }

    #[test]
    fn a_withdrawn_call_is_not_run() {
        let call = Call::<()>::default();
        assert!(call.state().cancel());
        assert!(!call.state().cancel(), "withdrawn once");
        assert_eq!(call.wait(None, &Blocking), Ok(Standing::Cancelled));
        assert_eq!(call.state().begin(), Ok(false));
        assert_eq!(call.state().begin(), Err(Standing::Skipped));
        assert!(call.answer(()).is_err());
    }

    #[test]
    fn an_owner_may_say_what_became_of_a_call() {
        let call = Arc::new(Call::default());
        let waiter = {
            let call = call.clone();
            std::thread::spawn(move || call.wait(None, &Blocking))
        };
        assert_eq!(call.state().begin(), Ok(true));
        call.state().declare(Standing::Cancelled);
        assert_eq!(waiter.join().unwrap(), Ok(Standing::Cancelled));
        assert_eq!(call.answer("late").unwrap_err().standing, Standing::Cancelled);
        call.state().declare(Standing::Pending);
        call.answer("again").unwrap();
        assert_eq!(call.take_answer(), Some("again"));
    }
}
