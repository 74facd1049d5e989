//! The one answer of a call, for Rust.
//!
//! A future is a handle, not a task: the call runs whether anybody waits or not. Dropping it leaves the call to itself. It
//! has nothing to do with `async`; its waits block the calling thread.

use super::errors::{CallError, SubmitError};
use super::raw_call::RawCall;
use crate::platform::Deadline;
use crate::spawn::entry;
use crate::sync::{Blocking, Wait};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::time::Duration;

/// The answer of a call that was submitted to a [`Pool`](super::Pool).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = manyhands::Pool::new(2)?;
/// let future = pool.submit(|number: u32| number + 1, 41)?;
/// assert_eq!(future.get()?, 42);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the future throws the call's answer away"]
pub struct Future<R> {
    call: RawCall,
    function: &'static str,
    answer: PhantomData<fn() -> R>,
}

impl<R> Future<R> {
    pub(super) fn new(call: RawCall, function: &'static str) -> Future<R> {
        Future { call, function, answer: PhantomData }
    }

    /// The number of the call, counted in its pool from 1.
    pub fn number(&self) -> u64 {
        self.call.number()
    }

    /// Whether the answer is there.
    pub fn is_done(&self) -> bool {
        self.call.is_done()
    }

    /// Waits until the answer is there, at most for `timeout`. Whether it is.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.call.wait(&Wait::arena(Deadline::after(timeout), &Blocking)).is_ok()
    }

    /// Cancels the call if no worker has begun with it. Whether it is cancelled.
    pub fn cancel(&self) -> bool {
        self.call.cancel()
    }

    /// Cancels the call even if a worker runs it: that worker is killed and replaced. Whether it is cancelled; it is not
    /// when the answer was there first.
    pub fn abort(&mut self) -> bool {
        self.call.abort(SIGKILL)
    }
}

const SIGKILL: i32 = 9;

impl<R: DeserializeOwned> Future<R> {
    /// Waits for the answer and takes it.
    ///
    /// # Errors
    /// Why there is no value: see [`CallError`].
    pub fn get(self) -> Result<R, CallError> {
        wait_for_ever(&self.call);
        read(self.call, self.function)
    }

    /// Has `callback` run with the answer when it is there, in a thread of this process that runs the pool's callbacks one
    /// after the other; at once in this thread when the pool is gone.
    ///
    /// # Errors
    /// When the thread cannot be started. The call is run all the same.
    pub fn on_done(
        self,
        callback: impl FnOnce(Result<R, CallError>) + Send + 'static,
    ) -> Result<(), SubmitError> {
        let Future { call, function, .. } = self;
        call.on_done(Box::new(move |call| callback(read(call, function))))
    }
}

/// Waits for an answer, whatever comes.
pub(super) fn wait_for_ever(call: &RawCall) {
    // Without a deadline, and with nobody to interrupt it, a wait ends with the answer only.
    while call.wait(&Wait::arena(None, &Blocking)).is_err() {}
}

/// Takes and reads an answer that is there.
pub(super) fn read<R: DeserializeOwned>(call: RawCall, function: &'static str) -> Result<R, CallError> {
    let number = call.number();
    call.take_with(|| function.to_owned(), |_, bytes| entry::answer(bytes))?
        .map_err(|failure| CallError::Failed { number, call: function, failure })
}

impl<R> std::fmt::Debug for Future<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Future")
            .field("number", &self.number())
            .field("function", &self.function)
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}
