//! Queues within a process: what a queue of values that are moved from thread to thread can do.
//!
//! The work is done by the engine, in [`thread_queue`](super::thread_queue). A value that cannot be put is given back
//! with the reason.

use super::error::{GetError, NotPut};
use super::iter::iterates;
use super::monitor::DoneTooOften;
use super::queue::{InProcess, Queue};
use super::thread_queue::ThreadQueue;
use crate::platform::Deadline;
use crate::sync::WaitError;
use std::time::Duration;

impl<T> Queue<T, InProcess> {
    /// A queue within this process in which at most `limit` values wait.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded_in_process(limit: usize) -> Queue<T, InProcess> {
        assert!(limit > 0, "a queue with room for no value can never be used");
        Queue { engine: ThreadQueue::new(limit) }
    }

    /// A queue within this process that grows as needed; putting never waits.
    pub fn in_process() -> Queue<T, InProcess> {
        Queue { engine: ThreadQueue::new(0) }
    }
}

impl<T: Send> Queue<T, InProcess> {
    /// Puts a value behind all others, waiting for room as long as it takes.
    ///
    /// # Errors
    /// When the queue is closed; the value is given back.
    #[inline]
    pub fn put(&self, value: T) -> Result<(), NotPut<T>> {
        self.engine.put(value, None)
    }

    /// As `put`, but not for longer than `time`.
    ///
    /// ```
    /// use manyhands::{PutError, Queue};
    ///
    /// let queue = Queue::bounded_in_process(1);
    /// queue.put("one".to_owned()).unwrap();
    /// let refused = queue.put_timeout("two".to_owned(), std::time::Duration::ZERO).unwrap_err();
    /// assert!(matches!(refused.reason(), PutError::Full { limit: 1, .. }));
    /// assert_eq!(refused.into_inner(), "two");
    /// ```
    ///
    /// # Errors
    /// As there, and when there was no room in time; the value is given back.
    pub fn put_timeout(&self, value: T, time: Duration) -> Result<(), NotPut<T>> {
        self.engine.put(value, Deadline::after(time))
    }

    /// As `put`, if there is room now.
    ///
    /// # Errors
    /// As for `put_timeout`.
    pub fn try_put(&self, value: T) -> Result<(), NotPut<T>> {
        self.put_timeout(value, Duration::ZERO)
    }

    /// Takes the first value, waiting for one as long as it takes.
    ///
    /// # Errors
    /// When the queue is closed and empty.
    #[inline]
    pub fn get(&self) -> Result<T, GetError> {
        self.engine.get(None)
    }

    /// As `get`, but not for longer than `time`.
    ///
    /// # Errors
    /// As there, and [`GetError::Empty`] when none came in time.
    pub fn get_timeout(&self, time: Duration) -> Result<T, GetError> {
        self.engine.get(Deadline::after(time))
    }

    /// As `get`, if there is a value now.
    ///
    /// # Errors
    /// As for `get_timeout`.
    pub fn try_get(&self) -> Result<T, GetError> {
        self.get_timeout(Duration::ZERO)
    }

    /// Reports one value done that was taken.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use manyhands::{Queue, Thread};
    ///
    /// let queue = Queue::in_process();
    /// let worker = Thread::spawn({
    ///     let queue = queue.clone();
    ///     move || for number in &queue {
    ///         let _number: u32 = number.unwrap();
    ///         queue.task_done().unwrap();
    ///     }
    /// })?;
    /// (0..10).try_for_each(|number| queue.put(number))?;
    /// queue.join();
    /// assert!(queue.is_empty());
    /// queue.close();
    /// worker.join()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When all that were put are reported done already; nothing has changed then.
    pub fn task_done(&self) -> Result<(), DoneTooOften> {
        self.engine.task_done()
    }

    /// Waits until all values that were put have been reported done.
    pub fn join(&self) {
        // Without a deadline, and with nothing to interrupt it, the wait ends only with the last one.
        while self.engine.wait_all_done(None).is_err() {}
    }

    /// As `join`, at most for `time`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`].
    pub fn join_timeout(&self, time: Duration) -> Result<(), WaitError> {
        self.engine.wait_all_done(Deadline::after(time))
    }
}

iterates!(Queue<T, InProcess>, T: Send);
