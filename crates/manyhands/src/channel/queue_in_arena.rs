//! Queues in the arena: values of serde types, between threads and processes.
//!
//! A handle on such a queue is itself a value that travels. So a queue can be given to a process, or sent through
//! another queue, which keeps it alive on the way. A value that cannot be written is refused when it is put.

use super::error::{GetError, PutError};
use super::iter::iterates;
use super::message::{Buffer, Message};
use super::queue::Queue;
use super::raw_queue::RawQueue;
use super::stream::Stop;
use crate::arena::{ArenaError, Handle, collect, note};
use crate::encoding;
use crate::platform::Deadline;
use crate::sync::Blocking;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::type_name;
use std::time::Duration;

/// Why a value was not put.
enum Unput {
    Unfit(encoding::Error),
    Stop(Stop),
}

impl<T: Serialize + DeserializeOwned> Queue<T> {
    /// A queue in which at most `limit` values wait.
    ///
    /// If the taker of a value is killed while it takes it, the value comes back, if need be as one more than `limit`.
    /// That never happens when `limit` is a power of two up to 1024.
    ///
    /// # Errors
    /// When shared memory has no room for another queue.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded(limit: u64) -> Result<Queue<T>, ArenaError> {
        Ok(Queue::of(RawQueue::bounded(limit)?))
    }

    /// A queue that holds as much as shared memory does; putting never waits.
    ///
    /// # Errors
    /// As [`Queue::bounded`].
    pub fn growing() -> Result<Queue<T>, ArenaError> {
        Ok(Queue::of(RawQueue::growing()?))
    }

    /// Puts a value behind all others, waiting for room as long as it takes.
    ///
    /// # Errors
    /// When the queue is closed, the value cannot be serialised, or shared memory is full. [`PutError::Disconnected`]
    /// when the queue is full and this is the only handle on it, in a process with one thread.
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
        let mut unput = None;
        encoding::with_room(|room| {
            let (written, handles) = collect(|| room.write(value));
            if let Err(error) = written {
                unput = Some(Unput::Unfit(error));
                return;
            }
            let put = if handles.is_empty() {
                self.engine.put_or_stop(room, 0, deadline, &Blocking)
            } else {
                self.engine.put_carrying(&[room], &handles, 0, deadline, &Blocking)
            };
            if let Err(stop) = put {
                unput = Some(Unput::Stop(stop));
            }
        });
        match unput {
            None => Ok(()),
            Some(Unput::Stop(stop)) => Err(self.engine.put_error(stop)),
            Some(Unput::Unfit(error)) => Err(self.unfit(&error)),
        }
    }

    #[cold]
    fn unfit(&self, error: &encoding::Error) -> PutError {
        PutError::Encode { queue: self.engine.name(), given: type_name::<T>(), reason: error.to_string() }
    }

    /// Takes the first value, waiting for one as long as it takes.
    ///
    /// # Errors
    /// When the queue is closed and empty, or what was taken is no `T`. [`GetError::Disconnected`] when it is empty and
    /// this is the only handle on it, in a process with one thread. For more than that see [`Queue::channel`].
    pub fn get(&self) -> Result<T, GetError> {
        self.value_of(self.engine.get(&mut Buffer::new(), None, &Blocking)?)
    }

    /// [`Queue::get`], but not for longer than `time`.
    ///
    /// # Errors
    /// As [`Queue::get`], and [`GetError::Empty`] when none came in time.
    pub fn get_timeout(&self, time: Duration) -> Result<T, GetError> {
        self.value_of(self.engine.get(&mut Buffer::new(), Deadline::after(time), &Blocking)?)
    }

    /// [`Queue::get`] if there is a value now.
    ///
    /// # Errors
    /// As [`Queue::get_timeout`].
    pub fn try_get(&self) -> Result<T, GetError> {
        self.value_of(self.engine.try_get(&mut Buffer::new())?)
    }

    fn value_of(&self, message: Message<'_>) -> Result<T, GetError> {
        encoding::read(&message.content).map_err(|error| self.unreadable(&error))
    }

    #[cold]
    fn unreadable(&self, error: &encoding::Error) -> GetError {
        GetError::Decode { queue: self.engine.name(), wanted: type_name::<T>(), reason: error.to_string() }
    }
}

iterates!(Queue<T>, T: Serialize, DeserializeOwned);

impl<T> Queue<T> {
    fn of(engine: RawQueue) -> Queue<T> {
        Queue { engine: engine.giving_up_alone() }
    }

    /// What names the queue; it keeps nothing alive.
    #[doc(hidden)]
    pub fn handle(&self) -> Handle {
        self.engine.handle()
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
        RawQueue::attach(handle).map(Queue::of).map_err(D::Error::custom)
    }
}
