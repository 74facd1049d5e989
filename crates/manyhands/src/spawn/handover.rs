//! What an exec'd process of ours is given, and how it finds it.
//!
//! A supervisor, or a process started by exec, inherits four descriptors: a socket to its starter, the arena's memory
//! and doorbell, and a pidfd of the starter. One environment variable names them; it is taken out of the environment
//! when it has been read. It counts only when the descriptor is the very socket that it speaks of, one of a pair which
//! the starter has made as the same user. Also, the starter must be the parent, or have ended. So a stale copy of the
//! variable does nothing. A program that runs with more rights than its starter never believes it, because the starter
//! writes the environment. In a shared library the variable is taken out when the library is loaded, and read when the
//! library asks.

use super::error::StartError;
use super::request::{self, Command, Reply, StartRequest};
use super::serve::Requester;
use super::supervisor::Supervisor;
use crate::arena::{Arena, ArenaError, ProcessId, Role};
use crate::platform::descriptor::{self, identity_of_socket, is_pipe};
use crate::platform::exec::{Exec, exec};
use crate::platform::pidfd::{self, PidFd, has_ended};
use crate::platform::process::{OWN_PROGRAM, end_at_once, getpid, getppid};
use crate::platform::signal::Mask;
use crate::platform::{message, privilege};
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::{Mutex, PoisonError};

/// The environment variable that names the descriptors.
pub const VARIABLE: &str = "MANYHANDS_HANDOVER";

/// Why a program that is setuid, setgid or has capabilities cannot be executed for this: it would run its `main`
/// instead.
const RAISED: &str = "an exec would give it more rights than this process's own user and group have (the program is setuid or \
                      setgid or has capabilities, or the effective user or group is not the real one), so it would not \
                      trust this process; fork instead";

/// What the variable said when the library was loaded that this code is part of.
static PUT_ASIDE: Mutex<Option<OsString>> = Mutex::new(None);

/// A program that finds its [`Inherited`] when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its file.
    pub file: CString,
    /// Its arguments, the first being its name.
    pub arguments: Vec<CString>,
    /// Whether its descriptors 0 to 2 are /dev/null instead of the caller's. (Its children get those of their
    /// requester.)
    pub detached: bool,
}

impl Program {
    /// The running program itself, with the arguments that it was started with.
    pub fn myself() -> Program {
        let arguments = std::env::args_os().filter_map(|argument| CString::new(argument.into_vec()).ok());
        Program { file: OWN_PROGRAM.to_owned(), arguments: arguments.collect(), detached: false }
    }
}

/// What an exec'd process is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A supervisor.
    Supervisor,
    /// One process, whose request comes over the socket.
    Process,
}

/// What this process was given by the one that exec'd it.
#[derive(Debug)]
pub struct Inherited {
    /// What it is to be.
    pub part: Part,
    /// The process that gave it, and the way to speak to it.
    pub requester: Requester,
}

impl Supervisor {
    /// Executes `program` as a zygote, to start the process that is called `name`. It serves as soon as it has called
    /// [`Inherited::take`] and [`super::serve`].
    ///
    /// # Errors
    /// When it cannot be executed.
    pub fn exec(name: &str, program: &Program) -> Result<Supervisor, StartError> {
        let arena = Arena::get().map_err(StartError::arena(name))?;
        let slot = arena.claim_process("zygote", Role::Supervisor).map_err(StartError::arena(name))?;
        let launched = launch(arena, slot, program, Part::Supervisor, !0)
            .and_then(|(pid, socket)| Supervisor::new(pid, slot, socket));
        launched.map_err(|error| {
            arena.abandon_slot(slot);
            StartError::system(name, "executing a zygote")(error)
        })
    }
}

/// Executes `program` with a socket to it and what it needs of the arena; its pid and the socket.
pub(super) fn launch(
    arena: &'static Arena,
    slot: ProcessId,
    program: &Program,
    part: Part,
    blocked: Mask,
) -> io::Result<(u32, OwnedFd)> {
    if privilege::would_be_raised(&program.file) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, RAISED));
    }
    let (near, far) = message::pair()?;
    let me = getpid();
    let myself = pidfd::opened(me)?;
    let starter = crate::arena::this_process().map_err(io::Error::other)?;
    // In the program 0 to 2 are other things.
    let (memory, doorbell) = (arena.memfd()?, arena.doorbell()?);
    let descriptors = [far.as_fd(), memory, doorbell, myself.as_fd()].map(descriptor::duplicate);
    let [socket, memory, doorbell, myself] = descriptors;
    let (socket, memory, doorbell, myself) = (socket?, memory?, doorbell?, myself?);
    let value = format!(
        "{}:{}:{}:{}:{}:{}:{me}:{}:{}",
        if part == Part::Supervisor { "supervisor" } else { "process" },
        identity_of_socket(&socket)?,
        socket.as_raw_fd(),
        memory.as_raw_fd(),
        doorbell.as_raw_fd(),
        myself.as_raw_fd(),
        starter.raw(),
        slot.raw(),
    );
    let mut environment: Vec<CString> = std::env::vars_os()
        .filter(|(name, _)| name != VARIABLE)
        .filter_map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok())
        .collect();
    environment.extend(CString::new(format!("{VARIABLE}={value}")));
    let pid = exec(&Exec {
        program: &program.file,
        arguments: &program.arguments,
        environment: &environment,
        descriptors: &[socket.as_fd(), memory.as_fd(), doorbell.as_fd(), myself.as_fd()],
        detached: program.detached,
        blocked,
    })?;
    Ok((pid, near))
}

/// Takes the variable out of the environment for a library that asks later, if it asks at all. Where the process has
/// several threads by now, which may be reading the environment, it is left: then it is nothing that was meant for this
/// process.
pub(super) fn put_aside() {
    if !crate::platform::thread::is_only_one() {
        return;
    }
    let value = std::env::var_os(VARIABLE);
    // SAFETY: no other thread reads the environment, since there is none.
    unsafe { std::env::remove_var(VARIABLE) };
    if !privilege::is_raised() {
        *PUT_ASIDE.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl Inherited {
    /// Takes what was given to this process, and its slot in the arena; `None` when nothing was.
    ///
    /// # Errors
    /// When the arena cannot be used (another version or container), or the starter has given this process up.
    ///
    /// # Safety
    /// No other thread of the calling process reads the environment meanwhile, which is changed.
    pub unsafe fn take() -> Result<Option<Inherited>, ArenaError> {
        let early = PUT_ASIDE.lock().unwrap_or_else(PoisonError::into_inner).take();
        let late = std::env::var_os(VARIABLE);
        if late.is_some() {
            // SAFETY: the caller's promise.
            unsafe { std::env::remove_var(VARIABLE) };
        }
        let Some(value) = early.or(late) else { return Ok(None) };
        if privilege::is_raised() {
            return Ok(None);
        }
        let Some(handed) = Handed::read(&value) else { return Ok(None) };
        for descriptor in [&handed.socket, &handed.memory, &handed.doorbell, &handed.starter_pidfd] {
            descriptor::close_at_exec(descriptor);
        }
        // SAFETY: our parent's arena, which it named over a socket that it made for us alone.
        unsafe { Arena::adopt(handed.memory, handed.doorbell, handed.slot) }?;
        let pidfd = PidFd::of(handed.starter_pidfd, handed.starter_pid)
            .map_err(ArenaError::system("a look at the starter's descriptor"))?;
        Ok(Some(Inherited {
            part: handed.part,
            requester: Requester {
                socket: handed.socket,
                pidfd,
                pid: handed.starter_pid,
                slot: handed.starter,
            },
        }))
    }

    /// What a process that was started by exec is to do.
    ///
    /// # Errors
    /// When the starter ended before it had sent everything, or sent more descriptors than this process may have open.
    pub fn request(self) -> io::Result<StartRequest> {
        let received = request::receive(&self.requester.socket)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let Command::Start { slot, inheritance, is_entry, answers } = received.command else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if answers {
            let reply = received.refusal.as_ref().unwrap_or(&Reply::Supervised);
            request::reply(&self.requester.socket, reply)?;
        }
        if received.refusal.is_some() {
            if answers {
                // The starter reports it.
                end_at_once(1);
            }
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        // It inherited what it should already; the copies go.
        let own = received.descriptors.into_iter().skip(inheritance.descriptors()).collect();
        Ok(StartRequest { slot, payload: received.payload, descriptors: own, inheritance, is_entry })
    }
}

struct Handed {
    part: Part,
    socket: OwnedFd,
    memory: OwnedFd,
    doorbell: OwnedFd,
    starter_pidfd: OwnedFd,
    starter_pid: u32,
    starter: ProcessId,
    slot: ProcessId,
}

impl Handed {
    /// Reads the variable's value; `None` when it does not speak of this process.
    fn read(value: &OsStr) -> Option<Handed> {
        let mut fields = value.to_str()?.split(':');
        let part = match fields.next()? {
            "supervisor" => Part::Supervisor,
            "process" => Part::Process,
            _ => return None,
        };
        let mut number = || fields.next()?.parse::<u64>().ok();
        let identity = number()?;
        let mut descriptor = || i32::try_from(number()?).ok();
        let raw = [descriptor()?, descriptor()?, descriptor()?, descriptor()?];
        let starter_pid = u32::try_from(number()?).ok()?;
        let starter = ProcessId::from_raw(u32::try_from(number()?).ok()?)?;
        let slot = ProcessId::from_raw(u32::try_from(number()?).ok()?)?;
        // SAFETY: only looked at; a number that is not open is an error of the look.
        let socket = unsafe { BorrowedFd::borrow_raw(raw[0]) };
        if identity_of_socket(socket).ok()? != identity {
            return None;
        }
        if !privilege::is_paired_by(socket, starter_pid).ok()? {
            return None;
        }
        // SAFETY: as above.
        let [doorbell, starter_descriptor] =
            [raw[2], raw[3]].map(|raw| unsafe { BorrowedFd::borrow_raw(raw) });
        // Of the memory file the arena sees for itself what it is.
        if !is_pipe(doorbell) || !pidfd::is_one(starter_descriptor) {
            return None;
        }
        // A starter that ended meanwhile left its child to another process; what it sent stands in the socket.
        if starter_pid != getppid() && !has_ended(starter_descriptor) {
            return None;
        }
        // SAFETY: the socket is the one that our parent made for us alone, so the variable is its word: these four are
        // ours, and nobody else here knows of them.
        let [socket, memory, doorbell, starter_pidfd] = raw.map(|raw| unsafe { OwnedFd::from_raw_fd(raw) });
        Some(Handed { part, socket, memory, doorbell, starter_pidfd, starter_pid, starter, slot })
    }
}
