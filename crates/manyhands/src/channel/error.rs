//! Why a message was not put or not taken.
//!
//! One type per direction. Each message names the queue and says what to do; the queue is as it was before the attempt.
//! A value that would have been moved into it is given back.

use super::stream::Stop;
use crate::arena::ArenaError;
use std::fmt;

/// What a queue is called: a number, and what numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueName {
    /// The number of its object in the arena.
    InArena(u32),
    /// A queue within this process, counted in it from 1.
    InProcess(u32),
}

impl fmt::Display for QueueName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueName::InArena(number) => write!(formatter, "queue {number}"),
            QueueName::InProcess(number) => write!(formatter, "queue {number} of this process"),
        }
    }
}

/// A value that was not put, and why.
#[derive(thiserror::Error)]
#[error("{reason}")]
pub struct NotPut<T> {
    value: T,
    reason: PutError,
}

impl<T> NotPut<T> {
    pub(super) fn new(value: T, reason: PutError) -> NotPut<T> {
        NotPut { value, reason }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Why it was not put.
    pub fn reason(&self) -> &PutError {
        &self.reason
    }
}

impl<T> fmt::Debug for NotPut<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NotPut").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<T> From<NotPut<T>> for PutError {
    fn from(not_put: NotPut<T>) -> PutError {
        not_put.reason
    }
}

/// Why a message was not put.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// There was no room until the time was over.
    #[error("{queue} is full: {limit} messages wait, as many as may; take some out, or allow more time")]
    Full {
        /// Which queue.
        queue: QueueName,
        /// How many messages may wait.
        limit: u64,
    },
    /// The queue was closed.
    #[error("{queue} is closed: nothing can be put into it any more")]
    Closed {
        /// Which queue.
        queue: QueueName,
    },
    /// Nobody is left who could take it. Either the last receiver is gone, dropped or dead; or this is the only handle
    /// on a full queue, in a process with one thread.
    #[error(
        "nobody is left to take anything from {queue}: its last receiver is gone, so nothing can be put into it"
    )]
    Disconnected {
        /// Which queue.
        queue: QueueName,
    },
    /// A signal handler ended the wait for room.
    #[error("a signal handler ended the wait for room in {queue}; the message was not put")]
    Interrupted {
        /// Which queue.
        queue: QueueName,
    },
    /// The arena has no memory, or no owner's slot, for it.
    #[error("the message was not put into {queue}: {source}")]
    Arena {
        /// Which queue.
        queue: QueueName,
        /// What the arena said.
        source: ArenaError,
    },
    /// The value cannot be written.
    #[error("a {given} was not put into {queue}, since it cannot be serialised: {reason}")]
    Encode {
        /// Which queue.
        queue: QueueName,
        /// The type of the value.
        given: &'static str,
        /// Why it cannot be.
        reason: String,
    },
}

/// Why no message was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// There was none until the time was over.
    #[error("{queue} is empty; allow more time, or close it when nothing more comes")]
    Empty {
        /// Which queue.
        queue: QueueName,
    },
    /// The queue was closed, and everything in it was taken.
    #[error("{queue} is closed and empty: nothing more will come")]
    Closed {
        /// Which queue.
        queue: QueueName,
    },
    /// Everything in the queue was taken, and nobody is left who could put more. Either the last sender is gone,
    /// dropped or dead; or this is the only handle on the queue, in a process with one thread.
    #[error(
        "{queue} is empty and nobody is left to put anything into it: its last sender is gone, so nothing more will come"
    )]
    Disconnected {
        /// Which queue.
        queue: QueueName,
    },
    /// A signal handler ended the wait for a message.
    #[error("a signal handler ended the wait for a message from {queue}; none was taken")]
    Interrupted {
        /// Which queue.
        queue: QueueName,
    },
    /// The arena gave this process no owner's slot, or the message's block is gone.
    #[error("no message could be taken from {queue}: {source}")]
    Arena {
        /// Which queue.
        queue: QueueName,
        /// What the arena said.
        source: ArenaError,
    },
    /// The message is no value of the type asked for; it was taken and is dropped.
    #[error("a message of {queue} cannot be read as {wanted}, and was dropped: {reason}")]
    Decode {
        /// Which queue.
        queue: QueueName,
        /// The type asked for.
        wanted: &'static str,
        /// Why it cannot be.
        reason: String,
    },
}

impl PutError {
    pub(super) fn new(queue: QueueName, limit: u64, stop: Stop) -> PutError {
        match stop {
            Stop::TimedOut => PutError::Full { queue, limit },
            Stop::Disconnected => PutError::Disconnected { queue },
            Stop::Closed => PutError::Closed { queue },
            Stop::Interrupted => PutError::Interrupted { queue },
            Stop::Arena(source) => PutError::Arena { queue, source: *source },
        }
    }
}

impl GetError {
    /// Whether nothing is there, and perhaps nothing will be.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, GetError::Empty { .. } | GetError::Closed { .. } | GetError::Disconnected { .. })
    }

    /// Whether it is about a message that was taken, so that the next may be another.
    pub(super) fn is_of_one_message(&self) -> bool {
        matches!(self, GetError::Decode { .. } | GetError::Arena { source: ArenaError::StaleBlock, .. })
    }

    pub(super) fn new(queue: QueueName, stop: Stop) -> GetError {
        match stop {
            Stop::TimedOut => GetError::Empty { queue },
            Stop::Disconnected => GetError::Disconnected { queue },
            Stop::Closed => GetError::Closed { queue },
            Stop::Interrupted => GetError::Interrupted { queue },
            Stop::Arena(source) => GetError::Arena { queue, source: *source },
        }
    }
}
