//! A child of the calling process: the one place where children are waited for, signalled and reaped.
//!
//! The pidfd says that a child has ended; its status is taken once, noted in its slot for the sweep, and kept. Should
//! the program have reaped the child behind our back, the kernel is asked (Linux 6.15 and later), and otherwise the
//! status is 255. Signals go through the pidfd, so they never reach another process of the same number. That the number
//! is a child's, or at least that of a process of the arena, the kernel must say: it may have been read in the arena.

use super::reaper;
use crate::arena::{Arena, Kind, ProcessId, Role};
use crate::platform::pidfd::{ExitStatus, PidFd};
use crate::platform::{Deadline, pidfd, process, stat};
use crate::sync::{Outside, Subject, WaitError, Waiting, wait_for};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

/// A process that was started by this one.
#[derive(Debug)]
pub struct Started {
    name: String,
    slot: ProcessId,
    role: Role,
    pid: u32,
    parent: u32,
    pidfd: PidFd,
    status: Mutex<Option<ExitStatus>>,
}

/// Room for the descriptor of a child that is about to be started, so that a limit is met before there is a child.
#[derive(Debug)]
pub(super) struct Room(#[expect(dead_code, reason = "it is only there")] PidFd);

impl Room {
    /// Keeps a descriptor free.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub(super) fn reserve() -> io::Result<Room> {
        PidFd::open(process::getpid()).map(Room)
    }
}

impl Started {
    /// Takes charge of the child `pid`, which runs or has not been reaped, with the room reserved for it. A child for
    /// which there is no descriptor is ended: nobody could wait for it.
    ///
    /// # Errors
    /// EMFILE and the like, should another thread have been quicker: the child has been ended then. ECHILD when the
    /// number is neither a child's nor that of a process of the arena.
    pub(super) fn new(
        name: String,
        slot: ProcessId,
        role: Role,
        pid: u32,
        room: Room,
    ) -> io::Result<Started> {
        drop(room);
        let pidfd = PidFd::open(pid).inspect_err(|_| pidfd::kill_and_reap(pid))?;
        let is_member = || Arena::current().is_some_and(|arena| arena.is_member(&pidfd));
        if pidfd::peek(pid).is_err() && !pidfd.is_dead() && !is_member() {
            return Err(io::Error::from_raw_os_error(libc::ECHILD));
        }
        Ok(Started { name, slot, role, pid, parent: process::getpid(), pidfd, status: Mutex::new(None) })
    }

    /// What it was called when it was started.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its slot in the arena, which is another's some time after its end.
    pub fn slot(&self) -> ProcessId {
        self.slot
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The number of the process that started it.
    pub fn parent(&self) -> u32 {
        self.parent
    }

    /// Polls readable when the process has ended.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Whether it has not ended yet.
    pub fn is_alive(&self) -> bool {
        !self.pidfd.is_dead()
    }

    /// How it ended; `None` while it runs. The parent's first look after the end reaps it.
    pub fn status(&self) -> Option<ExitStatus> {
        if self.parent != process::getpid() {
            return self.pidfd.is_dead().then(|| self.status_from_outside());
        }
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if status.is_none() && self.pidfd.is_dead() {
            // First into the slot, while it cannot have been reused, so that a sweep finds it there.
            let seen = pidfd::peek(self.pid).ok().flatten();
            let before = seen.or_else(|| stat::how_it_ended(self.pid, &self.pidfd));
            self.note_in_slot(before);
            let reaped = pidfd::reap(self.pid).ok().flatten();
            *status = Some(reaped.or(before).unwrap_or_else(|| self.status_from_outside()));
        }
        *status
    }

    fn status_from_outside(&self) -> ExitStatus {
        stat::how_it_ended(self.pid, &self.pidfd).unwrap_or(ExitStatus::Exited(255))
    }

    fn note_in_slot(&self, status: Option<ExitStatus>) {
        if let (Some(arena), Some(status)) = (Arena::current(), status)
            && arena.process_state(self.slot).is_some()
        {
            arena.process(self.slot).set_ending(status);
        }
    }

    /// Waits until it has ended and says how; `None` when `deadline` came first.
    ///
    /// # Errors
    /// [`WaitError::Interrupted`] when a signal handler ended the wait.
    pub fn wait(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<Option<ExitStatus>, WaitError> {
        let subject = Subject::numbered(Kind::PROCESS_END, self.pid);
        let waited = match self.is_alive() {
            true => {
                wait_for(subject, &Outside, deadline, waiting, |wait| reaper::wait_dead(&self.pidfd, wait))
            }
            false => Ok(()),
        };
        match waited {
            Ok(()) => Ok(self.status()),
            Err(WaitError::TimedOut) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends it a signal; nothing happens when it has ended.
    ///
    /// # Errors
    /// EPERM when it runs as another user, EINVAL for no signal.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        match self.pidfd.signal(signal) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            sent => sent,
        }
    }
}
