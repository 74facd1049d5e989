//! What can go wrong with starting and joining processes.
//!
//! Each message names the process and says what to do where something can be done. An error of a start means that no
//! process was started: what had been claimed for it was given back.

use super::entry::{EntryError, Failure};
use crate::arena::ArenaError;
use crate::platform::pidfd::ExitStatus;
use crate::platform::process::signal_name;
use std::io;

/// Why a process was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The function cannot run in another process.
    #[error("cannot start process {name}: {source}")]
    Entry {
        /// The process that was to be started.
        name: String,
        /// Why not.
        source: EntryError,
    },
    /// The argument cannot be sent.
    #[error("cannot start process {name}: {source}")]
    Arguments {
        /// The process that was to be started.
        name: String,
        /// Why not.
        source: Failure,
    },
    /// The arena has no room, or there is none.
    #[error("cannot start process {name}: {source}")]
    Arena {
        /// The process that was to be started.
        name: String,
        /// What the arena says.
        source: ArenaError,
    },
    /// The operating system refused.
    #[error("cannot start process {name}: {action} failed: {source}")]
    System {
        /// The process that was to be started.
        name: String,
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// It is to be given more descriptors than it may have open.
    #[error(
        "cannot start process {name}: it is to be given {sent} descriptors, and with those that it needs itself these are \
         more than the {limit} that a process may have open (RLIMIT_NOFILE); raise that limit or pass fewer on"
    )]
    Descriptors {
        /// The process that was to be started.
        name: String,
        /// How many descriptors were sent to it.
        sent: usize,
        /// How many it may have open.
        limit: u64,
    },
    /// The zygote ended whenever it was asked.
    #[error(
        "cannot start process {name}: its zygote ended {times} times in a row before it answered; \
         another start method (StartMethod::Exec) does without one"
    )]
    ZygoteLost {
        /// The process that was to be started.
        name: String,
        /// How often it was tried.
        times: u32,
    },
    /// The supervisor that should start it belongs to another process.
    #[error(
        "cannot start process {name}: its supervisor was made by process {owner}, and only that one can use it"
    )]
    ForeignSupervisor {
        /// The process that was to be started.
        name: String,
        /// The pid of who made the supervisor.
        owner: u32,
    },
}

impl StartError {
    pub(super) fn system(name: &str, action: &'static str) -> impl FnOnce(io::Error) -> StartError {
        move |source| StartError::System { name: name.to_owned(), action, source }
    }

    pub(super) fn arena(name: &str) -> impl FnOnce(ArenaError) -> StartError {
        move |source| StartError::Arena { name: name.to_owned(), source }
    }
}

/// How a process ended that did not do so in good order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// Its function panicked, or was never called because its argument could not be read.
    #[error("process {name} (pid {pid}) failed: {failure}")]
    Failed {
        /// The process's name.
        name: String,
        /// Its pid.
        pid: u32,
        /// What happened in it.
        failure: Failure,
    },
    /// It ended by itself, with a code that is not 0.
    #[error("process {name} (pid {pid}) ended with exit code {code}")]
    Exited {
        /// The process's name.
        name: String,
        /// Its pid.
        pid: u32,
        /// The code.
        code: i32,
    },
    /// A signal ended it.
    #[error("process {name} (pid {pid}) was ended by {}", signal_name(*signal))]
    Signaled {
        /// The process's name.
        name: String,
        /// Its pid.
        pid: u32,
        /// The signal's number.
        signal: i32,
    },
    /// Only the process that started it can wait for it.
    #[error("process {name} (pid {pid}) was started by process {parent}; only that one can join it")]
    NotMine {
        /// The process's name.
        name: String,
        /// Its pid.
        pid: u32,
        /// The pid of its parent.
        parent: u32,
    },
}

impl ProcessError {
    pub(super) fn of(name: &str, pid: u32, status: ExitStatus) -> Result<(), ProcessError> {
        match status {
            ExitStatus::Exited(0) => Ok(()),
            ExitStatus::Exited(code) => Err(ProcessError::Exited { name: name.to_owned(), pid, code }),
            ExitStatus::Signaled(signal) => {
                Err(ProcessError::Signaled { name: name.to_owned(), pid, signal })
            }
        }
    }
}
