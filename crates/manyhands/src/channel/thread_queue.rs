//! The engine of a queue within a process: values are moved from thread to thread, first come first served.
//!
//! One list of values behind a monitor. A value that cannot be put is given back with the reason. As in the standard
//! library of Python, a thread that takes values may report them done, so that others can wait until all of them are.

use super::awaited::{Awaited, Look};
use super::ends::Side;
use super::error::{GetError, NotPut, PutError, QueueName};
use super::monitor::{DoneTooOften, Inside, Monitor};
use super::raw_queue::QueueStatistics;
use crate::platform::Deadline;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::sync::{Blocking, PlacedGate, Subject, WaitError};
use std::collections::VecDeque;
use std::sync::Arc;

/// The values of a queue, and where its threads wait.
pub struct ThreadQueue<T> {
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
    pub(super) queue: Arc<ThreadQueue<T>>,
    pub(super) side: Side,
}

impl<T> Drop for Leaves<T> {
    fn drop(&mut self) {
        self.queue.leave(self.side);
    }
}

struct Values<T> {
    waiting: VecDeque<T>,
    /// How many were ever put.
    put: u64,
}

impl<T> ThreadQueue<T> {
    pub(super) fn new(limit: usize) -> Arc<ThreadQueue<T>> {
        static QUEUES: AtomicU32 = AtomicU32::new(0);
        let number = QUEUES.fetch_add(1, Ordering::Relaxed) + 1;
        let values = Values { waiting: VecDeque::new(), put: 0 };
        Arc::new(ThreadQueue { number, monitor: Monitor::new(values, limit), gone: AtomicU32::new(OPEN) })
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
    pub(super) fn put(&self, value: T, deadline: Option<Deadline>) -> Result<(), NotPut<T>>
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
    pub(super) fn get(&self, deadline: Option<Deadline>) -> Result<T, GetError>
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

    /// Reports one value done that was taken.
    pub(super) fn task_done(&self) -> Result<(), DoneTooOften> {
        self.enter().leave_done(1)
    }

    /// Waits until all values that were put have been reported done.
    pub(super) fn wait_all_done(&self, deadline: Option<Deadline>) -> Result<(), WaitError>
    where
        T: Send,
    {
        self.monitor.wait_all_done(deadline, &Blocking, || false)
    }
}

impl<T: Send> Awaited for ThreadQueue<T> {
    fn gate(&self) -> PlacedGate<'_> {
        self.monitor.gate_of_items()
    }

    fn subject(&self) -> Subject {
        self.monitor.subject()
    }

    fn glance(&self) -> bool {
        self.monitor.items() > 0 || self.monitor.is_closed()
    }

    fn look(&self) -> Look {
        if self.glance() { Look::Something } else { Look::Nothing }
    }

    fn look_behind_the_dead(&self) -> bool {
        self.glance()
    }

    fn is_alone(&self) -> bool {
        true
    }
}
