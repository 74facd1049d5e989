//! `BytesPipe`: a pipe whose messages are bytes, which go as they are.
//!
//! What holds for a [`Pipe`](super::pipe::Pipe) holds here. Nothing is serialised: up to [`INLINE`](super::INLINE)
//! bytes go in the queue's slot, more in a block of shared memory, copied once when they are put and once when they are
//! taken.

use super::error::{GetError, PutError};
use super::message::{Buffer, Message};
use super::raw_pipe::RawPipe;
use super::raw_queue::RawQueue;
use crate::arena::ArenaError;
use crate::platform::Deadline;
use crate::sync::Blocking;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One side of a pipe of bytes: it puts messages for the other side and takes those that the other put. Messages keep
/// their borders, and one may be empty. A clone is the same side once more.
///
/// ```
/// use manyhands::{BytesPipe, Process};
///
/// fn reverse(asker: BytesPipe) {
///     let mut bytes = Vec::new();
///     while asker.get_into(&mut bytes).is_ok() {
///         bytes.reverse();
///         asker.put(&bytes).unwrap();
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (asker, answerer) = BytesPipe::new()?;
///     let process = Process::spawn(reverse, answerer)?;
///     asker.put(b"stressed")?;
///     assert_eq!(asker.get()?, b"desserts");
///     drop(asker);
///     process.join()?;
///     Ok(())
/// }
/// ```
///
/// A side may be used from several threads and processes at once; each message goes to one taker. For values of serde
/// types there is [`Pipe`](crate::Pipe).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BytesPipe(RawPipe);

/// Messages of Rust programs carry no number.
const UNTAGGED: u32 = 0;

impl BytesPipe {
    /// Both sides of a pipe that holds as much as shared memory does; putting never waits.
    ///
    /// # Errors
    /// When shared memory has no room for another pipe.
    pub fn new() -> Result<(BytesPipe, BytesPipe), ArenaError> {
        RawPipe::growing_pair().map(BytesPipe::both)
    }

    /// Both sides of a pipe in each direction of which at most `limit` messages wait.
    ///
    /// # Errors
    /// As [`BytesPipe::new`].
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded(limit: u64) -> Result<(BytesPipe, BytesPipe), ArenaError> {
        RawPipe::pair(limit).map(BytesPipe::both)
    }

    /// What this side takes from.
    pub(super) fn incoming(&self) -> &RawQueue {
        self.0.incoming()
    }

    fn both((one, other): (RawPipe, RawPipe)) -> (BytesPipe, BytesPipe) {
        (BytesPipe(one), BytesPipe(other))
    }

    /// Puts a message for the other side. Waits for room as long as it takes, unless nobody is left there.
    ///
    /// # Errors
    /// [`PutError::Disconnected`] when the other side is gone; when shared memory is full.
    pub fn put(&self, bytes: &[u8]) -> Result<(), PutError> {
        self.put_until(bytes, None)
    }

    /// As `put`, but not for longer than `time`.
    ///
    /// # Errors
    /// As there, and [`PutError::Full`] when there was no room in time.
    pub fn put_timeout(&self, bytes: &[u8], time: Duration) -> Result<(), PutError> {
        self.put_until(bytes, Deadline::after(time))
    }

    /// As `put`, if there is room now.
    ///
    /// # Errors
    /// As for `put_timeout`.
    pub fn try_put(&self, bytes: &[u8]) -> Result<(), PutError> {
        self.put_timeout(bytes, Duration::ZERO)
    }

    fn put_until(&self, bytes: &[u8], deadline: Option<Deadline>) -> Result<(), PutError> {
        self.0.put(&[bytes], &[], UNTAGGED, deadline, &Blocking)
    }

    /// Takes the first message that the other side put. Waits for one as long as it takes, unless nobody is left there.
    ///
    /// # Errors
    /// [`GetError::Disconnected`] when nothing waits and the other side is gone; when this process has no address space
    /// left for a large message, which then stays in the pipe.
    pub fn get(&self) -> Result<Vec<u8>, GetError> {
        self.take(None, |bytes| bytes.to_vec())
    }

    /// As `get`, but not for longer than `time`.
    ///
    /// # Errors
    /// As there, and [`GetError::Empty`] when none came in time.
    pub fn get_timeout(&self, time: Duration) -> Result<Vec<u8>, GetError> {
        self.take(Deadline::after(time), |bytes| bytes.to_vec())
    }

    /// As `get`, if there is a message now.
    ///
    /// # Errors
    /// As for `get_timeout`.
    pub fn try_get(&self) -> Result<Vec<u8>, GetError> {
        self.get_timeout(Duration::ZERO)
    }

    /// As `get`, into `room`, which has the message and nothing else afterwards. Its memory is used again, so that a
    /// program which takes many large messages neither allocates nor touches fresh pages for each. After an error it is
    /// as it was.
    ///
    /// # Errors
    /// As for `get`.
    pub fn get_into(&self, room: &mut Vec<u8>) -> Result<(), GetError> {
        self.take(None, |bytes| copy(bytes, room))
    }

    /// As `get_into`, but not for longer than `time`.
    ///
    /// # Errors
    /// As for `get_timeout`.
    pub fn get_into_timeout(&self, room: &mut Vec<u8>, time: Duration) -> Result<(), GetError> {
        self.take(Deadline::after(time), |bytes| copy(bytes, room))
    }

    /// As `get_into`, if there is a message now.
    ///
    /// # Errors
    /// As for `get_timeout`.
    pub fn try_get_into(&self, room: &mut Vec<u8>) -> Result<(), GetError> {
        self.get_into_timeout(room, Duration::ZERO)
    }

    fn take<R>(&self, deadline: Option<Deadline>, read: impl FnOnce(&[u8]) -> R) -> Result<R, GetError> {
        let mut buffer = Buffer::new();
        let Message { content, .. } = self.0.get(&mut buffer, deadline, &Blocking)?;
        Ok(read(&content))
    }

    /// How many messages wait to be taken at this side.
    pub fn len(&self) -> usize {
        self.0.waiting()
    }

    /// Whether no message waits to be taken at this side.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn copy(bytes: &[u8], room: &mut Vec<u8>) {
    room.clear();
    room.extend_from_slice(bytes);
}
