//! Queues within a process: values are moved from thread to thread, first come first served.
//!
//! One row behind a monitor. A value that cannot be put is given back with the reason. As in the standard library of
//! Python, a thread that takes values may report them done, so that others can wait until all of them are.

use super::ends::Side;
use super::error::{GetError, NotPut, PutError, QueueName};
use super::iter::iterates;
use super::monitor::{DoneTooOften, Inside, Monitor};
use super::queue::{InProcess, Queue};
use super::raw_queue::QueueStatistics;
use crate::platform::Deadline;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::sync::{Blocking, WaitError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The values of a queue, and where its threads wait.
pub struct Row<T> {
    number: u32,
    monitor: Monitor<Values<T>>,
    /// The side that is gone first, for which the queue was closed: [`OPEN`] for none.
    gone: AtomicU32,
}

const OPEN: u32 = 0;
const SENDERS: u32 = 1;
const RECEIVERS: u32 = 2;

/// One side of a queue in two halves: the drop of its last reference notifies the other.
pub struct Leaves<T> {
    pub(super) row: Arc<Row<T>>,
    pub(super) side: Side,
}

impl<T> Drop for Leaves<T> {
    fn drop(&mut self) {
        self.row.leave(self.side);
    }
}

struct Values<T> {
    waiting: VecDeque<T>,
    /// How many were ever put.
    put: u64,
}

impl<T> Row<T> {
    fn new(limit: usize) -> Arc<Row<T>> {
        static QUEUES: AtomicU32 = AtomicU32::new(0);
        let number = QUEUES.fetch_add(1, Ordering::Relaxed) + 1;
        let values = Values { waiting: VecDeque::new(), put: 0 };
        Arc::new(Row { number, monitor: Monitor::new(values, limit), gone: AtomicU32::new(OPEN) })
    }

    fn name(&self) -> QueueName {
        QueueName::InProcess(self.number)
    }

    #[inline]
    fn enter(&self) -> Inside<'_, Values<T>> {
        loop {
            // No signal handler interrupts it.
            if let Ok(inside) = self.monitor.enter(&Blocking) {
                return inside;
            }
        }
    }

    #[inline]
    fn put(&self, value: T, deadline: Option<Deadline>) -> Result<(), NotPut<T>>
    where
        T: Send,
    {
        loop {
            let mut inside = self.enter();
            if self.monitor.is_closed() {
                drop(inside);
                let queue = self.name();
                let reason = match self.gone.load(Ordering::Relaxed) {
                    OPEN => PutError::Closed { queue },
                    _ => PutError::Disconnected { queue },
                };
                return Err(NotPut::new(value, reason));
            }
            if !self.monitor.is_full() {
                inside.waiting.push_back(value);
                inside.put += 1;
                let waiting = inside.waiting.len();
                inside.leave_with_more(waiting);
                return Ok(());
            }
            drop(inside);
            if let Err(WaitError::TimedOut) = self.monitor.wait_not_full(deadline, &Blocking, || false) {
                let limit = self.monitor.limit() as u64;
                return Err(NotPut::new(value, PutError::Full { queue: self.name(), limit }));
            }
        }
    }

    #[inline]
    fn get(&self, deadline: Option<Deadline>) -> Result<T, GetError>
    where
        T: Send,
    {
        loop {
            let mut inside = self.enter();
            if let Some(value) = inside.waiting.pop_front() {
                let waiting = inside.waiting.len();
                inside.leave_with_fewer(waiting);
                return Ok(value);
            }
            let is_closed = self.monitor.is_closed();
            drop(inside);
            if is_closed {
                let queue = self.name();
                return Err(match self.gone.load(Ordering::Relaxed) {
                    OPEN => GetError::Closed { queue },
                    _ => GetError::Disconnected { queue },
                });
            }
            if let Err(WaitError::TimedOut) = self.monitor.wait_not_empty(deadline, &Blocking, || false) {
                return Err(GetError::Empty { queue: self.name() });
            }
        }
    }

    /// Closes the queue, since nobody is left on a side; values that no receiver will take are dropped.
    fn leave(&self, side: Side) {
        let mut inside = self.enter();
        let gone = if side == Side::Senders { SENDERS } else { RECEIVERS };
        if !self.monitor.is_closed() || side == Side::Receivers {
            self.gone.store(gone, Ordering::Relaxed);
        }
        self.monitor.close();
        let left = match side {
            Side::Senders => VecDeque::new(),
            Side::Receivers => std::mem::take(&mut inside.waiting),
        };
        if side == Side::Receivers {
            inside.set_items(0);
        }
        drop(inside);
        // Their drops are the program's code.
        drop(left);
    }

    pub(super) fn close(&self) {
        // Inside, so that a thread that puts has either been before or sees it.
        let inside = self.enter();
        self.monitor.close();
        drop(inside);
    }

    pub(super) fn statistics(&self) -> QueueStatistics {
        let inside = self.enter();
        QueueStatistics {
            waiting: inside.waiting.len() as u64,
            put: inside.put,
            limit: Some(self.monitor.limit() as u64).filter(|limit| *limit > 0),
            closed: self.monitor.is_closed(),
        }
    }
}

impl<T> Queue<T, InProcess> {
    /// A queue within this process in which at most `limit` values wait.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded_in_process(limit: usize) -> Queue<T, InProcess> {
        assert!(limit > 0, "a queue with room for no value can never be used");
        Queue { engine: Row::new(limit) }
    }

    /// A queue within this process that grows as needed; putting never waits.
    pub fn in_process() -> Queue<T, InProcess> {
        Queue { engine: Row::new(0) }
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
        self.engine.enter().leave_done(1)
    }

    /// Waits until all values that were put have been reported done.
    pub fn join(&self) {
        // Without a deadline, and with nothing to interrupt it, the wait ends only with the last one.
        while self.engine.monitor.wait_all_done(None, &Blocking, || false).is_err() {}
    }

    /// As `join`, at most for `time`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`].
    pub fn join_timeout(&self, time: Duration) -> Result<(), WaitError> {
        self.engine.monitor.wait_all_done(Deadline::after(time), &Blocking, || false)
    }
}

iterates!(Queue<T, InProcess>, T: Send);
