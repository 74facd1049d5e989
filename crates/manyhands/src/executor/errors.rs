//! Why a pool, a call or a future did not give what was asked of it.
//!
//! A type per operation. Each message says what happened, to which call of which worker, and what to do about it where
//! that is not plain. None of them leaves the pool less usable than it was, but for those that say that it is over.

use crate::arena::ArenaError;
use crate::platform::pidfd::ExitStatus;
use crate::platform::process::signal_name;
use crate::spawn::{EntryError, Failure, StartError};
use std::fmt;

/// A worker that died while it ran a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerDied {
    /// The worker's name; empty when the one who could tell died as well.
    pub worker: String,
    /// Its process's number.
    pub pid: u32,
    /// How it ended, if its parent could find out.
    pub ending: Option<ExitStatus>,
    /// Whether it ended as a worker by executing another program (`exec`), as which the process may still run.
    pub executed: bool,
    /// The number of the call, counted in its pool from 1.
    pub number: u64,
    /// What the call was, as its requester named it: a function's name, perhaps with arguments.
    pub call: String,
}

impl fmt::Display for WorkerDied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.worker.as_str() {
            "" => write!(formatter, "its worker")?,
            name => write!(formatter, "worker {name} (pid {})", self.pid)?,
        }
        match self.ending {
            Some(ExitStatus::Signaled(signal)) => {
                write!(formatter, " was killed by {}", signal_name(signal))?
            }
            Some(ExitStatus::Exited(code)) => write!(formatter, " ended with exit code {code}")?,
            None if self.executed => {
                write!(formatter, " replaced itself by another program (exec)")?;
            }
            None => write!(formatter, " died")?,
        }
        write!(formatter, " while it ran call {}", self.number)?;
        if self.call.is_empty() { Ok(()) } else { write!(formatter, ", {}", self.call) }
    }
}

impl std::error::Error for WorkerDied {}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallFailure {
    /// Its worker died, and it was not to be run again.
    #[error("{0}; the pool goes on with a new worker; ask for retries if the call may be run twice")]
    WorkerDied(WorkerDied),
    /// It was cancelled.
    #[error("call {number} was cancelled")]
    Cancelled {
        /// The number of the call.
        number: u64,
    },
    /// The pool was terminated before the call was done.
    #[error("the pool was terminated before call {number} was done")]
    Terminated {
        /// The number of the call.
        number: u64,
    },
    /// The pool's workers end before they can take a call.
    #[error("call {number} cannot be run: the pool is broken: {reason}")]
    Broken {
        /// The number of the call.
        number: u64,
        /// What is known of why.
        reason: String,
    },
    /// The result's memory was freed before it was fetched.
    #[error("the result of call {number} is gone: {reason}")]
    Lost {
        /// The number of the call.
        number: u64,
        /// What happened.
        reason: String,
    },
}

/// Why a call was not submitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The pool takes no more calls.
    #[error("the pool is closed and takes no more calls; make a new one, or submit before it is closed")]
    Closed,
    /// The pool was terminated.
    #[error("the pool was terminated and takes no more calls; make a new one")]
    Terminated,
    /// The pool's workers end before they can take a call.
    #[error("the pool is broken and takes no more calls: {reason}")]
    Broken {
        /// What is known of why.
        reason: String,
    },
    /// A process other than the one that made the pool.
    #[error("this pool belongs to the process that made it (pid {owner}); make one in this process")]
    OtherProcess {
        /// The pid of the process that made the pool; 0 when it is gone.
        owner: u32,
    },
    /// The function cannot run in another process.
    #[error("the call was not submitted: {0}")]
    Function(#[from] EntryError),
    /// The arguments cannot be written.
    #[error("the call was not submitted: {0}")]
    Arguments(Failure),
    /// There is no thread to be had for callbacks.
    #[error("no thread could be started to run callbacks: {0}")]
    NoThread(std::io::Error),
    /// Shared memory refused.
    #[error("the call was not submitted: {0}")]
    Arena(#[from] ArenaError),
}

/// Why a pool was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Shared memory refused.
    #[error("the pool was not made: {0}")]
    Arena(#[from] ArenaError),
    /// Its workers could not be started.
    #[error("the pool was not made: {0}")]
    Start(#[from] StartError),
    /// One of its threads could not be started; those before it have ended again.
    #[error("the pool was not made: its thread {number} of {wanted} could not be started: {source}")]
    Thread {
        /// The thread, counted from 0.
        number: usize,
        /// How many there were to be.
        wanted: usize,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a future has no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call got no answer: its worker died, or it was cancelled, or the pool is over.
    #[error(transparent)]
    Unanswered(#[from] CallFailure),
    /// The function panicked, or could not read its argument, or its result cannot be sent.
    #[error("call {number}, {call}, {failure}")]
    Failed {
        /// The number of the call.
        number: u64,
        /// The function.
        call: &'static str,
        /// What happened.
        failure: Failure,
    },
    /// The call runs, but there was no thread or memory to be had to tell of its end.
    #[error("nobody can be told when call {number} is done, which runs all the same: {source}")]
    Unwatched {
        /// The number of the call.
        number: u64,
        /// What was not to be had.
        source: SubmitError,
    },
    /// The call, one of a map's, was never submitted.
    #[error(transparent)]
    NotSubmitted(#[from] SubmitError),
}

impl CallError {
    /// The worker that died over the call, if that is what happened.
    pub fn worker_died(&self) -> Option<&WorkerDied> {
        match self {
            CallError::Unanswered(CallFailure::WorkerDied(died)) => Some(died),
            _ => None,
        }
    }

    /// The function's panic, if that is what happened: what it said, and where (`file:line:column`).
    pub fn panic(&self) -> Option<(&str, &str)> {
        match self {
            CallError::Failed { failure: Failure::Panicked { message, location }, .. } => {
                Some((message, location))
            }
            _ => None,
        }
    }

    /// Whether the call was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, CallError::Unanswered(CallFailure::Cancelled { .. }))
    }
}
