//! A future's half of a call that a thread of a pool runs.
//!
//! A thread of the pool may wait, without a limit, for a call that still waits in the row of its own pool. The thread
//! then runs that call itself, so all threads of a full pool may wait for their own calls, and none of them hangs. It
//! runs that call and no other, since any other might want a lock that the waiting thread holds.

use super::asked::{AnyTask, Asked, Lack, Notify};
use super::word::Standing;
use super::workers::Workers;
use crate::executor::errors::{CallError, CallFailure};
use crate::platform::Deadline;
use crate::sync::Blocking;
use std::sync::Arc;
use std::task::Waker;

/// A call of a pool of threads.
pub(in crate::executor) struct Local<R> {
    pub(super) task: Arc<AnyTask<R>>,
    pub(super) workers: Arc<Workers>,
    /// The call's number in its pool, from 1.
    pub(super) number: u64,
}

impl<R> Local<R> {
    pub(in crate::executor) fn number(&self) -> u64 {
        self.number
    }

    pub(in crate::executor) fn is_done(&self) -> bool {
        self.task.asked.standing().is_over()
    }

    /// Runs the call in this thread, if the call waits in the row of this thread's own pool. Says whether it ran.
    pub(in crate::executor) fn run_here(&self) -> bool {
        self.task.asked.standing() == Standing::Pending
            && self.workers.is_mine()
            && self.workers.run_here(self.number)
    }

    /// Waits until the call is over, and says whether it is.
    pub(in crate::executor) fn wait(&self, deadline: Option<Deadline>) -> bool {
        if deadline.is_none() {
            self.run_here();
        }
        while self.task.asked.call.wait(deadline, &Blocking).is_err() {
            if deadline.is_some_and(|deadline| deadline.is_past()) {
                return self.is_done();
            }
        }
        true
    }

    /// Withdraws the call if no thread has begun with it, and says whether it is withdrawn.
    pub(in crate::executor) fn cancel(&self) -> bool {
        if self.task.asked.cancel() {
            self.workers.withdraw(self.number);
            return true;
        }
        matches!(self.task.asked.standing(), Standing::Cancelled | Standing::Skipped)
    }

    /// Takes the answer, which is there.
    pub(in crate::executor) fn take(self, function: &'static str) -> Result<R, CallError> {
        take(&self.task.asked, self.number, function)
    }

    /// Has `waker` woken when the call is over, or says that it is over already.
    pub(in crate::executor) fn is_done_or_wakes(&self, waker: &Waker) -> bool {
        self.is_done() || self.task.asked.notify_when_over(Notify::Wake(waker.clone())).is_err()
    }

    /// Has `callback` run with the answer when it is there, at once if it is.
    pub(in crate::executor) fn on_done(
        self,
        function: &'static str,
        callback: impl FnOnce(Result<R, CallError>) + Send + 'static,
    ) {
        let number = self.number;
        let run = move |asked: &Asked<R>| callback(take(asked, number, function));
        if let Err(Notify::Run(run)) = self.task.asked.notify_when_over(Notify::Run(Box::new(run))) {
            run(&self.task.asked);
        }
    }
}

fn take<R>(asked: &Asked<R>, number: u64, function: &'static str) -> Result<R, CallError> {
    match asked.call.take_answer() {
        Some(Ok(value)) => Ok(value),
        Some(Err(Lack::Failed(failure))) => {
            Err(CallError::Failed { number, call: function, failure: *failure })
        }
        Some(Err(Lack::Unrun)) => Err(CallFailure::Terminated { number }.into()),
        // Over and without an answer: withdrawn.
        None => Err(CallFailure::Cancelled { number }.into()),
    }
}
