//! What is said between a process and its supervisor.
//!
//! A request is a head (what to do, what the child inherits) and a payload that only the child reads. Descriptors
//! travel along: those of the [`Inheritance`], then the payload's own. Each request has one reply, except
//! [`Command::Look`]. Both ends are one build, so the format has no versions.

use super::error::StartError;
use super::inherit::{Descriptors, Inheritance, Standing};
use crate::arena::{Handle, ProcessId, Role};
use crate::encoding;
use crate::platform::{message, process};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A process to be started.
#[derive(Debug)]
pub struct Order<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Which process it ends with.
    pub role: Role,
    /// What it reads to know what to do.
    pub payload: Instruction<'a>,
    /// Descriptors that it gets besides 0 to 2.
    pub descriptors: &'a [BorrowedFd<'a>],
    /// Which shared objects it keeps alive from the start.
    pub share: Share<'a>,
}

/// What a process reads to know what to do: bytes of its starter's, or a function of the program, which only the engine
/// can put there. So a program cannot be made to run made-up bytes as if they named a function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Instruction<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) is_entry: bool,
}

impl<'a> Instruction<'a> {
    /// Bytes that the program which is started knows how to read.
    pub const fn of(bytes: &'a [u8]) -> Self {
        Instruction { bytes, is_entry: false }
    }

    /// The bytes of a function and its arguments, from [`Entry::written`](super::Entry::written).
    pub(crate) const fn entry(bytes: &'a [u8]) -> Self {
        Instruction { bytes, is_entry: true }
    }
}

/// Which shared objects a child keeps alive before it has read its payload.
#[derive(Clone, Copy, Debug)]
pub enum Share<'a> {
    /// All that the starter holds; the child drops those it does not use (`Arena::drop_unused_references`).
    All,
    /// These.
    These(&'a [Handle]),
}

/// What a started process has to do.
#[derive(Debug)]
pub struct StartRequest {
    /// Its slot in the arena, which it has taken.
    pub slot: ProcessId,
    /// What its starter sent.
    pub payload: Vec<u8>,
    /// The descriptors that its starter sent, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
    /// What it inherited; taken over already.
    pub inheritance: Inheritance,
    /// Whether the payload names a function of the program.
    pub(super) is_entry: bool,
}

/// What a supervisor has left to the one that takes its place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Predecessor {
    /// How many workers were started so far.
    pub(super) hired: u64,
    /// Those that were still there, with their numbers. They stay the children of the process that started them, or of
    /// init.
    pub(super) workers: Vec<(ProcessId, u32)>,
}

impl Predecessor {
    /// One that has ended, or can be asked no more, and had started `hired` workers, of which these are there still:
    /// their slots and numbers.
    pub fn lost(hired: u64, workers: Vec<(ProcessId, u32)>) -> Predecessor {
        Predecessor { hired, workers }
    }

    /// Whether no worker was left.
    pub fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }
}

#[derive(Serialize, Deserialize)]
pub(super) enum Command {
    /// Start one process, whose slot has been claimed.
    Start {
        slot: ProcessId,
        inheritance: Inheritance,
        is_entry: bool,
        /// Whether an exec'd process answers when it has the request. A supervisor always does.
        answers: bool,
    },
    /// Keep a pool's workers alive.
    Keep {
        pool: Handle,
        shared: Vec<Handle>,
        inheritance: Inheritance,
        is_entry: bool,
        before: Option<Predecessor>,
    },
    /// Start no more workers: another supervisor will.
    StandDown,
    /// That other supervisor did not come to be.
    GoOn,
    /// Something about a pool has changed; no reply.
    Look,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Started {
        pid: u32,
    },
    Supervised,
    StoodDown(Predecessor),
    /// It was not done, since the one who was asked may not have so many descriptors open.
    Short {
        sent: usize,
        limit: u64,
    },
    /// It was not done.
    Refused {
        errno: Option<i32>,
        reason: String,
    },
}

impl Reply {
    pub(super) fn refused(error: &io::Error) -> Reply {
        Reply::Refused { errno: error.raw_os_error(), reason: error.to_string() }
    }

    /// As the error of starting `name`, over the action that was refused.
    pub(super) fn into_error(self, name: &str, action: &'static str) -> StartError {
        let error = match self {
            Reply::Short { sent, limit } => {
                return StartError::Descriptors { name: name.to_owned(), sent, limit };
            }
            Reply::Refused { errno: Some(errno), .. } => io::Error::from_raw_os_error(errno),
            Reply::Refused { errno: None, reason } => io::Error::other(reason),
            Reply::Started { .. } | Reply::Supervised | Reply::StoodDown(_) => {
                io::Error::other("the supervisor answered another question")
            }
        };
        StartError::system(name, action)(error)
    }
}

/// What the calling thread would leave to a child now.
#[derive(Debug)]
pub(super) struct Bequest {
    pub(super) inheritance: Inheritance,
    pub(super) descriptors: Descriptors,
    pub(super) standing: Standing,
}

impl Bequest {
    pub(super) fn capture() -> io::Result<Bequest> {
        let (inheritance, descriptors, standing) = Inheritance::capture()?;
        Ok(Bequest { inheritance, descriptors, standing })
    }
}

pub(super) fn send(
    socket: impl AsFd,
    command: &Command,
    payload: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut bytes = vec![0; 8];
    encoding::write_spelt_out(command, &mut bytes).map_err(io::Error::other)?;
    let length = (bytes.len() - 8) as u64;
    bytes[..8].copy_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(payload);
    message::send(socket, &bytes, descriptors)
}

/// Any process that can begin at all can have this many descriptors.
pub(super) const FEW: usize = 16;

/// Whether this process may have the descriptors open that a program needs to do anything: to import a module, say.
fn has_room() -> bool {
    const ENOUGH: usize = 8;
    let opened: io::Result<Vec<OwnedFd>> =
        (0..ENOUGH).map(|_| crate::platform::pidfd::opened(process::getpid())).collect();
    opened.is_ok()
}

pub(super) struct Received {
    pub(super) command: Command,
    pub(super) payload: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
    /// Why it cannot be done, when not all the descriptors could be had.
    pub(super) refusal: Option<Reply>,
}

/// The next request; `None` when the requester has closed its end.
pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<Received>> {
    let Some(message) = message::receive(socket)? else { return Ok(None) };
    let refusal = (message.is_short() || message.sent > FEW && !has_room())
        .then(|| Reply::Short { sent: message.sent, limit: process::most_descriptors() });
    let message::Message { mut bytes, descriptors, .. } = message;
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the request cannot be read");
    let length = bytes.first_chunk::<8>().map(|length| u64::from_ne_bytes(*length) as usize + 8);
    let length = length.filter(|length| *length <= bytes.len()).ok_or_else(malformed)?;
    let command: Command = encoding::read(&bytes[8..length]).map_err(|_| malformed())?;
    bytes.drain(..length);
    Ok(Some(Received { command, payload: bytes, descriptors, refusal }))
}

pub(super) fn reply(socket: impl AsFd, reply: &Reply) -> io::Result<()> {
    let mut bytes = Vec::new();
    encoding::write_spelt_out(reply, &mut bytes).map_err(io::Error::other)?;
    message::send(socket, &bytes, &[])
}

/// The supervisor's reply; `None` when it has ended.
pub(super) fn await_reply(socket: impl AsFd) -> io::Result<Option<Reply>> {
    let Some(message) = message::receive(socket)? else { return Ok(None) };
    encoding::read(&message.bytes).map(Some).map_err(io::Error::other)
}
