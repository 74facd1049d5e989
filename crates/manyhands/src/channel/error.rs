//! Why a message was not put or not taken.
//!
//! One type per direction. Each message names the queue by the number of its object and says what to do; the queue is
//! as it was before the attempt.

use super::stream::Stop;
use crate::arena::ArenaError;

/// Why a message was not put.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// There was no room until the time was over.
    #[error(
        "queue {queue} is full: {limit} messages wait, as many as may; take some out, or allow more time"
    )]
    Full {
        /// The number of the queue's object.
        queue: u32,
        /// How many messages may wait.
        limit: u64,
    },
    /// The queue was closed.
    #[error("queue {queue} is closed: nothing can be put into it any more")]
    Closed {
        /// The number of the queue's object.
        queue: u32,
    },
    /// A signal handler ended the wait for room.
    #[error("a signal handler ended the wait for room in queue {queue}; the message was not put")]
    Interrupted {
        /// The number of the queue's object.
        queue: u32,
    },
    /// The arena has no memory, or no owner's slot, for it.
    #[error("the message was not put into queue {queue}: {source}")]
    Arena {
        /// The number of the queue's object.
        queue: u32,
        /// What the arena said.
        source: ArenaError,
    },
    /// The value could not be serialised.
    #[error("a value put into queue {queue} cannot be serialised: {reason}")]
    Encode {
        /// The number of the queue's object.
        queue: u32,
        /// What the serialiser said.
        reason: String,
    },
}

/// Why no message was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// There was none until the time was over.
    #[error("queue {queue} is empty; allow more time, or close it when nothing more comes")]
    Empty {
        /// The number of the queue's object.
        queue: u32,
    },
    /// The queue was closed, and everything in it was taken.
    #[error("queue {queue} is closed and empty: nothing more will come")]
    Closed {
        /// The number of the queue's object.
        queue: u32,
    },
    /// A signal handler ended the wait for a message.
    #[error("a signal handler ended the wait for a message from queue {queue}; none was taken")]
    Interrupted {
        /// The number of the queue's object.
        queue: u32,
    },
    /// The arena gave this process no owner's slot, or the message's block is gone.
    #[error("no message could be taken from queue {queue}: {source}")]
    Arena {
        /// The number of the queue's object.
        queue: u32,
        /// What the arena said.
        source: ArenaError,
    },
    /// The message is no value of the type asked for; it was taken and is dropped.
    #[error("a message of queue {queue} is no value of the type asked for, and was dropped: {reason}")]
    Decode {
        /// The number of the queue's object.
        queue: u32,
        /// What the deserialiser said.
        reason: String,
    },
}

impl PutError {
    pub(super) fn new(queue: u32, limit: u64, stop: Stop) -> PutError {
        match stop {
            Stop::TimedOut => PutError::Full { queue, limit },
            Stop::Closed => PutError::Closed { queue },
            Stop::Interrupted => PutError::Interrupted { queue },
            Stop::Arena(source) => PutError::Arena { queue, source: *source },
        }
    }
}

impl GetError {
    pub(super) fn new(queue: u32, stop: Stop) -> GetError {
        match stop {
            Stop::TimedOut => GetError::Empty { queue },
            Stop::Closed => GetError::Closed { queue },
            Stop::Interrupted => GetError::Interrupted { queue },
            Stop::Arena(source) => GetError::Arena { queue, source: *source },
        }
    }
}
