//! The one answer of a call, for Rust, in either kind of pool.
//!
//! A future is a handle, not a task: the call runs whether anybody waits or not, and dropping the handle leaves it to
//! itself. A thread can wait for the answer, a callback can take it, an async task can await it, on whatever executor.

use super::errors::{CallError, SubmitError};
use super::processes::{RawCall, Remote, wait_for};
use super::threads::Local;
use crate::platform::Deadline;
use serde::de::DeserializeOwned;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The answer of a call that was submitted to a [`Pool`](super::Pool).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = manyhands::Pool::new(2)?;
/// let future = pool.submit(|number: u32| number + 1, 41)?;
/// assert_eq!(future.get()?, 42);
///
/// let threads = manyhands::Pool::threads(2)?;
/// let future = threads.submit(|| 6 * 7)?;
/// assert_eq!(future.get()?, 42);
/// # Ok(())
/// # }
/// ```
///
/// It is a future of the standard library, too. Its wakers are called by the thread that ran the call, or, for a pool
/// of processes, by a thread that the pool starts when the first one is needed:
///
/// ```
/// # async fn sum() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = manyhands::Pool::threads(2)?;
/// let (one, two) = (pool.submit(|| 1)?, pool.submit(|| 2)?);
/// assert_eq!(one.await? + two.await?, 3);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the future throws the call's answer away"]
pub struct Future<R> {
    number: u64,
    function: &'static str,
    origin: Origin<R>,
}

/// Where the answer comes from.
enum Origin<R> {
    Process(Remote<R>),
    Thread(Local<R>),
    /// It was read already; `None` when it was taken as well.
    Read(Option<Result<R, CallError>>),
}

impl<R> Unpin for Future<R> {}

impl<R: DeserializeOwned> Future<R> {
    pub(super) fn of_process(call: RawCall, function: &'static str) -> Future<R> {
        Future { number: call.number(), function, origin: Origin::Process(Remote::new(call)) }
    }
}

impl<R> Future<R> {
    pub(super) fn of_thread(call: Local<R>, function: &'static str) -> Future<R> {
        Future { number: call.number(), function, origin: Origin::Thread(call) }
    }

    /// The number of the call, counted in its pool from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the answer is there.
    pub fn is_done(&self) -> bool {
        match &self.origin {
            Origin::Process(call) => call.call().is_done(),
            Origin::Thread(call) => call.is_done(),
            Origin::Read(_) => true,
        }
    }

    pub(super) fn function(&self) -> &'static str {
        self.function
    }

    /// Waits until the answer is there, or the deadline passes. Whether it is.
    pub(super) fn wait_until(&self, deadline: Option<Deadline>) -> bool {
        match &self.origin {
            Origin::Process(call) => wait_for(call.call(), deadline),
            Origin::Thread(call) => call.wait(deadline),
            Origin::Read(_) => true,
        }
    }

    /// Waits until the answer is there, at most for `timeout`. Whether it is.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.wait_until(Deadline::after(timeout))
    }

    /// Waits until the answer is there, however long that takes; it can be taken without waiting then.
    pub(super) fn wait_for_ever(&self) {
        self.wait_until(None);
    }

    /// Runs the call in this thread if it waits in the pool that the thread belongs to; whether it did.
    pub(super) fn run_here(&self) -> bool {
        match &self.origin {
            Origin::Thread(call) => call.run_here(),
            Origin::Process(_) | Origin::Read(_) => false,
        }
    }

    /// Cancels the call if no worker has begun with it. Whether it is cancelled.
    pub fn cancel(&self) -> bool {
        match &self.origin {
            Origin::Process(call) => call.call().cancel(),
            Origin::Thread(call) => call.cancel(),
            Origin::Read(answer) => matches!(answer, Some(Err(error)) if error.is_cancelled()),
        }
    }

    /// Cancels the call even if a worker process runs it: that worker is killed and replaced. Whether it is cancelled;
    /// it is not when the answer was there first. A thread cannot be killed, so a call that one has begun with goes on.
    pub fn abort(&mut self) -> bool {
        match &self.origin {
            Origin::Process(call) => call.abort(),
            Origin::Thread(_) | Origin::Read(_) => self.cancel(),
        }
    }

    /// Waits for the answer and takes it. In a thread of the pool that the call waits in, the call is run by that
    /// thread, so calls may wait for calls of their own pool.
    ///
    /// # Errors
    /// Why there is no value: see [`CallError`].
    ///
    /// # Panics
    /// When the answer was taken by an `.await` before.
    pub fn get(self) -> Result<R, CallError> {
        self.wait_for_ever();
        self.take()
    }

    /// As [`Future::get`], waiting at most for `timeout`; `Ok(Err(future))` when the answer was not there in time.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let pool = manyhands::Pool::threads(1)?;
    /// let gate = std::sync::Arc::new(manyhands::Event::new());
    /// let same = gate.clone();
    /// let future = pool.submit(move || same.wait())?;
    /// let future = future.get_timeout(Duration::from_millis(1))?.unwrap_err();
    /// gate.set();
    /// future.get()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Why there is no value and never will be.
    ///
    /// # Panics
    /// As [`Future::get`].
    pub fn get_timeout(self, timeout: Duration) -> Result<Result<R, Self>, CallError> {
        if self.wait(timeout) { self.take().map(Ok) } else { Ok(Err(self)) }
    }

    /// Takes the answer, which is there.
    pub(super) fn take(self) -> Result<R, CallError> {
        match self.origin {
            Origin::Process(call) => call.take(self.function),
            Origin::Thread(call) => call.take(self.function),
            Origin::Read(answer) => answer.expect("the answer was taken by an `.await` before"),
        }
    }

    /// Has `callback` run with the answer when it is there; at once, in this thread, when it is there already or the
    /// pool is gone. In a pool of threads the thread that ran the call runs it. A pool of processes has a thread for
    /// that, in this process, which runs the callbacks one after the other. The panic hook reports a panic in it, which
    /// ends nothing else.
    ///
    /// # Errors
    /// When that thread cannot be started. The call is run all the same.
    pub fn on_done(
        self,
        callback: impl FnOnce(Result<R, CallError>) + Send + 'static,
    ) -> Result<(), SubmitError>
    where
        R: 'static,
    {
        match self.origin {
            Origin::Process(call) => call.on_done(self.function, callback)?,
            Origin::Thread(call) => call.on_done(self.function, callback),
            Origin::Read(Some(answer)) => callback(answer),
            Origin::Read(None) => {}
        }
        Ok(())
    }

    /// Has `waker` woken when the answer is there, unless it is: whether it is. One waker at a time, the last.
    pub(super) fn is_done_or_wakes(&mut self, waker: &Waker) -> bool {
        let registered = match &mut self.origin {
            Origin::Process(call) => call.is_done_or_wakes(waker),
            Origin::Thread(call) => Ok(call.is_done_or_wakes(waker)),
            Origin::Read(_) => Ok(true),
        };
        registered.unwrap_or_else(|error| {
            self.origin =
                Origin::Read(Some(Err(CallError::Unwatched { number: self.number, source: error })));
            true
        })
    }

    /// Whether there is an answer and it is no value; an answer that is there is read for that, and kept.
    pub(super) fn has_failed(&mut self) -> bool {
        if !self.is_done() {
            return false;
        }
        let answer = match std::mem::replace(&mut self.origin, Origin::Read(None)) {
            Origin::Process(call) => Some(call.take(self.function)),
            Origin::Thread(call) => Some(call.take(self.function)),
            Origin::Read(answer) => answer,
        };
        let failed = matches!(answer, Some(Err(_)));
        self.origin = Origin::Read(answer);
        failed
    }
}

impl<R> std::future::Future for Future<R> {
    type Output = Result<R, CallError>;

    /// # Panics
    /// When the answer was taken before.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A thread of a pool that drives a task which awaits a call of that pool might wait for itself.
        self.run_here();
        if !self.is_done_or_wakes(context.waker()) {
            return Poll::Pending;
        }
        let (number, function) = (self.number, self.function);
        let origin = std::mem::replace(&mut self.origin, Origin::Read(None));
        Poll::Ready(Future { number, function, origin }.take())
    }
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
