//! A queue of values between threads and processes.
//!
//! Any serde type goes through, in order, each value to one taker. A handle on a queue is itself such a value, so a
//! queue can be given to a process, or sent through another queue, which keeps it alive on the way. Postcard's encoding;
//! sender and receiver are one build, so it carries no schema.

use super::error::{GetError, PutError};
use super::message::{Buffer, INLINE, Message};
use super::raw_queue::{QueueStatistics, RawQueue};
use crate::arena::{ArenaError, Handle, collect, note};
use crate::platform::Deadline;
use crate::sync::Blocking;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::marker::PhantomData;
use std::time::Duration;

/// A queue of `T`, bounded or growing, for any number of producers and consumers in threads and processes.
///
/// A clone is another reference to the same queue; the queue goes with the last reference in any process. Whoever is
/// killed while it puts or takes costs the others at most that one value.
///
/// ```
/// let queue = manyhands::Queue::bounded(8)?;
/// queue.put(&("answer".to_owned(), 42))?;
/// queue.close();
/// assert_eq!(queue.get()?, ("answer".to_owned(), 42));
/// assert!(matches!(queue.get(), Err(manyhands::GetError::Closed { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Queue<T> {
    raw: RawQueue,
    values: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> Queue<T> {
    /// A queue in which at most `limit` values wait.
    ///
    /// A value whose taker was killed in the midst of it comes back, if need be as one more than `limit`; never so when
    /// `limit` is a power of two up to 1024.
    ///
    /// # Errors
    /// When shared memory has no room for another queue.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded(limit: u64) -> Result<Queue<T>, ArenaError> {
        Ok(Queue::from_raw(RawQueue::bounded(limit)?))
    }

    /// A queue that holds as much as shared memory does; putting never waits.
    ///
    /// # Errors
    /// As [`Queue::bounded`].
    pub fn growing() -> Result<Queue<T>, ArenaError> {
        Ok(Queue::from_raw(RawQueue::growing()?))
    }

    /// Puts a value behind all others, waiting for room as long as it takes.
    ///
    /// # Errors
    /// When the queue is closed, the value cannot be serialised, or shared memory is full.
    pub fn put(&self, value: &T) -> Result<(), PutError> {
        self.put_until(value, None)
    }

    /// [`Queue::put`], but not for longer than `time`.
    ///
    /// # Errors
    /// As [`Queue::put`], and [`PutError::Full`] when there was no room in time.
    pub fn put_timeout(&self, value: &T, time: Duration) -> Result<(), PutError> {
        self.put_until(value, Deadline::after(time))
    }

    /// [`Queue::put`] if there is room now.
    ///
    /// # Errors
    /// As [`Queue::put_timeout`].
    pub fn try_put(&self, value: &T) -> Result<(), PutError> {
        self.put_timeout(value, Duration::ZERO)
    }

    fn put_until(&self, value: &T, deadline: Option<Deadline>) -> Result<(), PutError> {
        let mut small = [0; INLINE];
        let (result, handles) = collect(|| postcard::to_slice(value, &mut small).map(|bytes| bytes.len()));
        match result {
            Ok(length) if handles.is_empty() => self.raw.put(&small[..length], 0, deadline, &Blocking),
            Ok(length) => self.raw.put_carrying(&[&small[..length]], &handles, 0, deadline, &Blocking),
            Err(postcard::Error::SerializeBufferFull) => {
                let (bytes, handles) = collect(|| postcard::to_allocvec(value));
                let bytes = bytes.map_err(|error| self.unfit(error))?;
                if handles.is_empty() {
                    self.raw.put(&bytes, 0, deadline, &Blocking)
                } else {
                    self.raw.put_carrying(&[&bytes], &handles, 0, deadline, &Blocking)
                }
            }
            Err(error) => Err(self.unfit(error)),
        }
    }

    #[cold]
    fn unfit(&self, error: postcard::Error) -> PutError {
        PutError::Encode { queue: self.raw.handle().index(), reason: error.to_string() }
    }

    /// Takes the first value, waiting for one as long as it takes.
    ///
    /// # Errors
    /// When the queue is closed and empty, or what was taken is no `T`.
    pub fn get(&self) -> Result<T, GetError> {
        self.value_of(self.raw.get(&mut Buffer::new(), None, &Blocking)?)
    }

    /// [`Queue::get`], but not for longer than `time`.
    ///
    /// # Errors
    /// As [`Queue::get`], and [`GetError::Empty`] when none came in time.
    pub fn get_timeout(&self, time: Duration) -> Result<T, GetError> {
        self.value_of(self.raw.get(&mut Buffer::new(), Deadline::after(time), &Blocking)?)
    }

    /// [`Queue::get`] if there is a value now.
    ///
    /// # Errors
    /// As [`Queue::get_timeout`].
    pub fn try_get(&self) -> Result<T, GetError> {
        self.value_of(self.raw.try_get(&mut Buffer::new())?)
    }

    fn value_of(&self, message: Message<'_>) -> Result<T, GetError> {
        postcard::from_bytes(&message.content)
            .map_err(|error| GetError::Decode { queue: self.raw.handle().index(), reason: error.to_string() })
    }

    /// The values as they come, until the queue is closed and empty. Ends, too, where [`Queue::get`] fails otherwise.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.get().ok())
    }
}

impl<T> Queue<T> {
    fn from_raw(raw: RawQueue) -> Queue<T> {
        Queue { raw, values: PhantomData }
    }

    /// Refuses all further puts, by any process. What is in the queue can still be taken; then takers are told that
    /// nothing more will come.
    pub fn close(&self) {
        self.raw.close();
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// How many values wait: exact while nobody else puts or takes.
    pub fn len(&self) -> usize {
        self.raw.len() as usize
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether as many values wait as may.
    pub fn is_full(&self) -> bool {
        self.raw.is_full()
    }

    /// What the queue did so far and holds now.
    pub fn statistics(&self) -> QueueStatistics {
        self.raw.statistics()
    }

    /// What names the queue; it keeps nothing alive.
    #[doc(hidden)]
    pub fn handle(&self) -> Handle {
        self.raw.handle()
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue::from_raw(self.raw.clone())
    }
}

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Queue")
            .field("number", &self.handle().index())
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

impl<T> Serialize for Queue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        note(self.handle());
        self.handle().serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let handle = Handle::deserialize(deserializer)?;
        RawQueue::attach(handle).map(Queue::from_raw).map_err(D::Error::custom)
    }
}
