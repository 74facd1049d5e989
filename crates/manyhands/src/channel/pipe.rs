//! `Pipe`: a conversation between two sides, each of which puts for the other and takes what the other put.
//!
//! It is two queues in halves, so all that holds for a [`Sender`] and a [`Receiver`] holds here. A side travels. When
//! it is dropped, or its process has ended, the other one gets what was put and then learns that it is alone.

use super::error::{GetError, PutError};
use super::halves::{Receiver, Sender};
use super::queue::Queue;
use crate::arena::ArenaError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One side of a pipe: it puts values of type `S` and takes values of type `R`. A clone is the same side once more.
///
/// ```
/// use manyhands::{GetError, Pipe, Process};
///
/// fn answer(asker: Pipe<u32, (u32, u32)>) {
///     while let Ok((a, b)) = asker.get() {
///         asker.put(&(a * b)).unwrap();
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (asker, answerer) = Pipe::new()?;
///     let process = Process::spawn(answer, answerer)?;
///     asker.put(&(6, 7))?;
///     assert_eq!(asker.get()?, 42);
///     drop(asker);
///     process.join()?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Pipe<S, R = S> {
    sender: Sender<S>,
    receiver: Receiver<R>,
}

/// Both sides of a pipe.
pub type Sides<S, R> = (Pipe<S, R>, Pipe<R, S>);

impl<S, R> Pipe<S, R> {
    pub(super) fn receiver(&self) -> &Receiver<R> {
        &self.receiver
    }
}

impl<S, R> Pipe<S, R>
where
    S: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    /// Both sides of a pipe that holds as much as shared memory does; putting never waits.
    ///
    /// # Errors
    /// When shared memory has no room for another pipe.
    pub fn new() -> Result<Sides<S, R>, ArenaError> {
        Ok(Pipe::of(Queue::channel()?, Queue::channel()?))
    }

    /// Both sides of a pipe in each direction of which at most `limit` values wait.
    ///
    /// # Errors
    /// As [`Pipe::new`].
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded(limit: u64) -> Result<Sides<S, R>, ArenaError> {
        Ok(Pipe::of(Queue::bounded_channel(limit)?, Queue::bounded_channel(limit)?))
    }

    fn of(there: (Sender<S>, Receiver<S>), back: (Sender<R>, Receiver<R>)) -> Sides<S, R> {
        (Pipe { sender: there.0, receiver: back.1 }, Pipe { sender: back.0, receiver: there.1 })
    }

    /// Puts a value for the other side. Waits for room as long as it takes, unless nobody is left there.
    ///
    /// # Errors
    /// [`PutError::Disconnected`] when the other side is gone; when the value cannot be serialised, or shared memory is
    /// full.
    pub fn put(&self, value: &S) -> Result<(), PutError> {
        self.sender.put(value)
    }

    /// As `put`, but not for longer than `time`.
    ///
    /// # Errors
    /// As there, and [`PutError::Full`] when there was no room in time.
    pub fn put_timeout(&self, value: &S, time: Duration) -> Result<(), PutError> {
        self.sender.put_timeout(value, time)
    }

    /// As `put`, if there is room now.
    ///
    /// # Errors
    /// As for `put_timeout`.
    pub fn try_put(&self, value: &S) -> Result<(), PutError> {
        self.sender.try_put(value)
    }

    /// Takes the first value that the other side put. Waits for one as long as it takes, unless nobody is left there.
    ///
    /// # Errors
    /// [`GetError::Disconnected`] when nothing waits and the other side is gone, or what was taken is no `R`.
    pub fn get(&self) -> Result<R, GetError> {
        self.receiver.get()
    }

    /// As `get`, but not for longer than `time`.
    ///
    /// # Errors
    /// As there, and [`GetError::Empty`] when none came in time.
    pub fn get_timeout(&self, time: Duration) -> Result<R, GetError> {
        self.receiver.get_timeout(time)
    }

    /// As `get`, if there is a value now.
    ///
    /// # Errors
    /// As for `get_timeout`.
    pub fn try_get(&self) -> Result<R, GetError> {
        self.receiver.try_get()
    }

    /// How many values wait to be taken at this side.
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether nothing waits to be taken at this side.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// The side as its two halves, for two threads or two processes.
    pub fn split(self) -> (Sender<S>, Receiver<R>) {
        (self.sender, self.receiver)
    }
}

impl<S, R> Clone for Pipe<S, R> {
    fn clone(&self) -> Self {
        Pipe { sender: self.sender.clone(), receiver: self.receiver.clone() }
    }
}
