//! A growing queue of small numbers: indices of records that stand elsewhere in the arena.
//!
//! The same stream as the byte queue's, with 16 bytes per slot. A put never waits; it fails only at the arena's end.
//! A number that a killed taker had claimed comes again, so whoever acts on one must be able to bear it twice.

use super::error::{GetError, PutError};
use super::stream::Stream;
use crate::arena::{ArenaError, Handle};
use crate::platform::Deadline;
use crate::platform::atomic::Ordering;
use crate::sync::Waiting;

/// Words of a payload.
pub(super) const WORDS: usize = 1;

/// A growing queue of numbers. A clone is another reference to the same queue.
#[derive(Clone)]
pub struct IndexQueue {
    stream: Stream<WORDS>,
}

impl IndexQueue {
    /// An empty queue.
    ///
    /// # Errors
    /// When the arena has no room for another one.
    pub fn create() -> Result<IndexQueue, ArenaError> {
        Ok(IndexQueue { stream: Stream::create(None)? })
    }

    /// A reference to a queue that somebody else's reference keeps alive.
    ///
    /// # Errors
    /// When the queue is gone, or the handle names something else.
    pub fn attach(handle: Handle) -> Result<IndexQueue, ArenaError> {
        Ok(IndexQueue { stream: Stream::attach(handle)? })
    }

    /// What names the queue to other processes; it keeps nothing alive.
    pub fn handle(&self) -> Handle {
        self.stream.handle()
    }

    /// Puts a number behind all others. Never waits.
    ///
    /// # Errors
    /// When the queue is closed or the arena full.
    #[inline]
    pub fn put(&self, number: u64) -> Result<(), PutError> {
        self.stream
            .try_put(|payload| payload[0].store(number, Ordering::Relaxed))
            .map_err(|stop| PutError::new(self.handle().index(), 0, stop))
    }

    /// Takes the first number, waiting for one until `deadline`.
    ///
    /// # Errors
    /// [`GetError`]: none came in time, the queue is closed and empty, or the wait was interrupted.
    #[inline]
    pub fn take(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<u64, GetError> {
        self.stream
            .take(deadline, waiting, |payload| payload[0].load(Ordering::Relaxed))
            .map_err(|stop| GetError::new(self.handle().index(), stop))
    }

    /// Takes the first number if there is one now.
    ///
    /// # Errors
    /// As [`IndexQueue::take`].
    #[inline]
    pub fn try_take(&self) -> Result<u64, GetError> {
        self.stream
            .try_take(|payload| payload[0].load(Ordering::Relaxed))
            .map_err(|stop| GetError::new(self.handle().index(), stop))
    }

    /// Refuses all further puts; takers get what is there and then [`GetError::Closed`].
    pub fn close(&self) {
        self.stream.close();
    }

    /// How many numbers wait.
    pub fn len(&self) -> u64 {
        self.stream.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for IndexQueue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IndexQueue").field("number", &self.handle().index()).finish_non_exhaustive()
    }
}
