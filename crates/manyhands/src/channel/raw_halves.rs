//! The halves of a queue of bytes with a tag: who puts, who takes, and whether anybody is left on the other side.
//!
//! The rules are those of [`Sender`](super::Sender) and [`Receiver`](super::Receiver), which are the same for values.
//! A half travels by its handle; the message that names it keeps it alive.

use super::ends::{End, Side};
use super::error::{GetError, PutError};
use super::message::{Buffer, Message};
use super::raw_queue::RawQueue;
use crate::arena::{ArenaError, Handle, note};
use crate::platform::Deadline;
use crate::sync::Waiting;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! raw_half {
    ($(#[$doc:meta])* $name:ident, $side:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            // Goes first: while it notifies the other side, the queue is there.
            end: End,
            queue: RawQueue,
        }

        impl $name {
            /// A reference to a half that another reference keeps alive.
            ///
            /// # Errors
            /// When the half is gone, or the handle names something else.
            pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
                End::attach(handle, $side).map(|(end, queue)| Self { end, queue })
            }

            /// What names this half to other processes; it keeps nothing alive.
            pub fn handle(&self) -> Handle {
                self.end.handle()
            }

            /// What a message has to keep alive that names this half.
            pub fn objects(&self) -> [Handle; 2] {
                [self.end.handle(), self.queue.handle()]
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_tuple(stringify!($name)).field(&self.queue).finish()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.objects().into_iter().for_each(note);
                self.handle().serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::attach(Handle::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    };
}

raw_half! {
    /// The half that puts. A clone is one more sender.
    RawSender, Side::Senders
}

raw_half! {
    /// The half that takes. A clone is one more receiver; each message goes to one of them.
    RawReceiver, Side::Receivers
}

/// A queue in two halves, in which at most `limit` messages wait (`None`: as many as shared memory holds).
///
/// # Errors
/// When shared memory has no room for another queue.
///
/// # Panics
/// When `limit` is 0.
pub fn raw_channel(limit: Option<u64>) -> Result<(RawSender, RawReceiver), ArenaError> {
    let queue = limit.map_or_else(RawQueue::growing, RawQueue::bounded)?;
    let sender = RawSender { end: End::new(&queue, Side::Senders)?, queue: queue.clone() };
    Ok((sender, RawReceiver { end: End::new(&queue, Side::Receivers)?, queue }))
}

impl RawSender {
    /// Puts one message that consists of `parts`, one after the other, and names the objects of `objects`, which it
    /// keeps alive on its way. Waits for room until `deadline` (`None`: as long as it takes).
    ///
    /// # Errors
    /// [`PutError::Disconnected`] when the last receiver is gone; the others of [`RawQueue::put`].
    pub fn put(
        &self,
        parts: &[&[u8]],
        objects: &[Handle],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), PutError> {
        if objects.is_empty() {
            self.queue.put_parts(parts, tag, deadline, waiting)
        } else {
            self.queue.put_parts_naming(parts, objects, tag, deadline, waiting)
        }
    }
}

impl RawReceiver {
    /// What it takes from.
    pub(super) fn queue(&self) -> &RawQueue {
        &self.queue
    }

    /// Takes the next message. Waits for it until `deadline` (`None`: as long as it takes).
    ///
    /// # Errors
    /// [`GetError::Disconnected`] when nothing waits and the last sender is gone; the others of [`RawQueue::get`].
    pub fn get<'b>(
        &self,
        buffer: &'b mut Buffer,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<Message<'b>, GetError> {
        self.queue.get(buffer, deadline, waiting)
    }

    /// How many messages wait: exact while no other thread puts or takes.
    pub fn waiting(&self) -> usize {
        self.queue.len() as usize
    }
}
