//! One side of a pipe of bytes with a tag: a queue in each direction, between two that learn of each other's end.
//!
//! When a side is closed, or its process ends, however, the other side gets what was put and then learns that nothing
//! more will come. Copies of a side that forks make count as the side.

use super::error::{GetError, PutError};
use super::message::{Buffer, Message};
use super::raw_halves::{RawReceiver, RawSender, raw_channel};
use super::raw_queue::RawQueue;
use crate::arena::{ArenaError, Handle};
use crate::platform::Deadline;
use crate::sync::Waiting;
use serde::{Deserialize, Serialize};

/// One side of a pipe. The side is closed when its last clone is dropped.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RawPipe {
    sender: RawSender,
    receiver: RawReceiver,
}

impl RawPipe {
    /// Both sides of a pipe, in each direction of which at most `limit` messages wait.
    ///
    /// # Errors
    /// When the arena has no room for another pipe.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn pair(limit: u64) -> Result<(RawPipe, RawPipe), ArenaError> {
        RawPipe::both(Some(limit))
    }

    /// Both sides of a pipe that holds as much as the arena does.
    ///
    /// # Errors
    /// As for [`RawPipe::pair`].
    pub fn growing_pair() -> Result<(RawPipe, RawPipe), ArenaError> {
        RawPipe::both(None)
    }

    fn both(limit: Option<u64>) -> Result<(RawPipe, RawPipe), ArenaError> {
        let (there, at_the_other) = raw_channel(limit)?;
        let (back, at_the_one) = raw_channel(limit)?;
        Ok((
            RawPipe { sender: there, receiver: at_the_one },
            RawPipe { sender: back, receiver: at_the_other },
        ))
    }

    /// A reference to a side that another reference keeps alive.
    ///
    /// # Errors
    /// When the side is gone, or a handle names something else.
    pub fn attach([sender, receiver]: [Handle; 2]) -> Result<RawPipe, ArenaError> {
        Ok(RawPipe { sender: RawSender::attach(sender)?, receiver: RawReceiver::attach(receiver)? })
    }

    /// What names this side to other processes; it keeps nothing alive.
    pub fn handles(&self) -> [Handle; 2] {
        [self.sender.handle(), self.receiver.handle()]
    }

    /// What this side takes from.
    pub(super) fn incoming(&self) -> &RawQueue {
        self.receiver.queue()
    }

    /// Puts one message: see [`RawSender::put`].
    ///
    /// # Errors
    /// As there.
    pub fn put(
        &self,
        parts: &[&[u8]],
        objects: &[Handle],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), PutError> {
        self.sender.put(parts, objects, tag, deadline, waiting)
    }

    /// Takes the next message of the other side: see [`RawReceiver::get`].
    ///
    /// # Errors
    /// As there.
    pub fn get<'b>(
        &self,
        buffer: &'b mut Buffer,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<Message<'b>, GetError> {
        self.receiver.get(buffer, deadline, waiting)
    }

    /// How many messages wait to be taken at this side.
    pub fn waiting(&self) -> usize {
        self.receiver.waiting()
    }
}
