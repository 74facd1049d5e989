//! One side of a pipe of bytes with a tag: a queue in each direction, between two that learn of each other's end.
//!
//! When a side is closed, or its process ends, however, the other side gets what was put and then learns that nothing
//! more will come. Copies of a side that forks make count as the side.

use super::ends::{End, Side};
use super::error::{GetError, PutError};
use super::message::{Buffer, Message};
use super::raw_queue::RawQueue;
use crate::arena::{ArenaError, Handle};
use crate::platform::Deadline;
use crate::sync::Waiting;

/// One side of a pipe. The side is closed when its last clone is dropped.
#[derive(Clone)]
pub struct RawPipe {
    // Go first: while they notify the other side, the queues are there.
    sender: End,
    receiver: End,
    outgoing: RawQueue,
    incoming: RawQueue,
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
        let (there, back) = (RawQueue::bounded(limit)?, RawQueue::bounded(limit)?);
        let side = |outgoing: &RawQueue, incoming: &RawQueue| -> Result<RawPipe, ArenaError> {
            Ok(RawPipe {
                sender: End::new(outgoing, Side::Senders)?,
                receiver: End::new(incoming, Side::Receivers)?,
                outgoing: outgoing.clone(),
                incoming: incoming.clone(),
            })
        };
        Ok((side(&there, &back)?, side(&back, &there)?))
    }

    /// A reference to a side that another reference keeps alive.
    ///
    /// # Errors
    /// When the side is gone, or a handle names something else.
    pub fn attach([sender, receiver]: [Handle; 2]) -> Result<RawPipe, ArenaError> {
        let (sender, outgoing) = End::attach(sender, Side::Senders)?;
        let (receiver, incoming) = End::attach(receiver, Side::Receivers)?;
        Ok(RawPipe { sender, receiver, outgoing, incoming })
    }

    /// What names this side to other processes; it keeps nothing alive.
    pub fn handles(&self) -> [Handle; 2] {
        [self.sender.handle(), self.receiver.handle()]
    }

    /// Puts one message that consists of `parts`, one after the other. Waits for room until `deadline` (`None`: as long
    /// as it takes).
    ///
    /// # Errors
    /// [`PutError::Disconnected`] when the other side is closed; the others of [`RawQueue::put`].
    pub fn put_parts(
        &self,
        parts: &[&[u8]],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), PutError> {
        self.outgoing.put_parts(parts, tag, deadline, waiting)
    }

    /// The same, of a message that names the objects of `handles`, as [`RawQueue::put_parts_naming`].
    ///
    /// # Errors
    /// As [`RawPipe::put_parts`].
    pub fn put_parts_naming(
        &self,
        parts: &[&[u8]],
        handles: &[Handle],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), PutError> {
        self.outgoing.put_parts_naming(parts, handles, tag, deadline, waiting)
    }

    /// Takes the next message of the other side. Waits for it until `deadline` (`None`: as long as it takes).
    ///
    /// # Errors
    /// [`GetError::Disconnected`] when the other side is closed and all that it put was taken; the others of
    /// [`RawQueue::get`].
    pub fn get<'b>(
        &self,
        buffer: &'b mut Buffer,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<Message<'b>, GetError> {
        self.incoming.get(buffer, deadline, waiting)
    }
}

impl std::fmt::Debug for RawPipe {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RawPipe")
            .field("outgoing", &self.outgoing)
            .field("incoming", &self.incoming)
            .finish()
    }
}
