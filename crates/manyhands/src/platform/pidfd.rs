//! Descriptors of processes: the only witness of a death.
//!
//! A process has ended exactly when its pidfd polls readable, whoever reaps it and whenever. Nothing here
//! looks at /proc or at the clock for that. How a process ended is known to its parent alone ([`reap`]).

use super::Deadline;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It ended by itself, with this code (0 to 255).
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
}

/// A descriptor of one process, which stays that process's even when its pid is used again.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens the process that has the number `pid` now.
    ///
    /// # Errors
    /// ESRCH when there is none, EMFILE or ENFILE when descriptors have run out.
    pub fn open(pid: u32) -> io::Result<PidFd> {
        let pid = pid_from(pid)?;
        Ok(PidFd(rustix::process::pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// Whether the process has ended.
    pub fn is_dead(&self) -> bool {
        has_ended(&self.0)
    }

    /// Waits until the process has ended; `false` when `deadline` came first.
    ///
    /// # Errors
    /// `Interrupted` when a signal handler ran meanwhile.
    pub fn wait_dead(&self, deadline: Option<Deadline>) -> io::Result<bool> {
        let timeout = deadline.map(|deadline| {
            let left = deadline.remaining();
            rustix::time::Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos() as _ }
        });
        polls_readable(self.0.as_fd(), timeout.as_ref())
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// ESRCH when it has ended and was reaped, EPERM when it belongs to somebody else, EINVAL for no signal.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        let signal = Signal::from_named_raw(signal).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(rustix::process::pidfd_send_signal(&self.0, signal)?)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<PidFd> for OwnedFd {
    fn from(pidfd: PidFd) -> OwnedFd {
        pidfd.0
    }
}

impl From<OwnedFd> for PidFd {
    fn from(descriptor: OwnedFd) -> PidFd {
        PidFd(descriptor)
    }
}

/// Whether the process that a borrowed descriptor stands for has ended.
pub fn has_ended(pidfd: impl AsFd) -> bool {
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(polls_readable(pidfd.as_fd(), Some(&now)), Ok(true))
}

fn polls_readable(pidfd: BorrowedFd<'_>, timeout: Option<&rustix::time::Timespec>) -> io::Result<bool> {
    let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
    // A number that is not open is ready as well, but not readable.
    Ok(rustix::event::poll(&mut fds, timeout)? > 0 && fds[0].revents().contains(PollFlags::IN))
}

/// How a child of the calling process ended, which has and was not reaped; it stays to be reaped.
///
/// # Errors
/// ECHILD when `pid` is no child of the caller, or somebody else has taken its status.
pub fn peek(pid: u32) -> io::Result<Option<ExitStatus>> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let status = loop {
        match rustix::process::waitid(WaitId::Pid(pid_from(pid)?), options) {
            Ok(None) => return Ok(None),
            Ok(Some(status)) => break status,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Some(ExitStatus::Exited(code)),
        (None, Some(signal)) => Some(ExitStatus::Signaled(signal)),
        (None, None) => None,
    })
}

/// Takes the exit status of a child of the calling process, without waiting; `None` while it runs.
///
/// # Errors
/// ECHILD when `pid` is no child of the caller, or somebody else has taken its status.
pub fn reap(pid: u32) -> io::Result<Option<ExitStatus>> {
    let status = loop {
        match rustix::process::waitpid(Some(pid_from(pid)?), WaitOptions::NOHANG) {
            Ok(None) => return Ok(None),
            Ok(Some((_, status))) => break status,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Some(ExitStatus::Exited(code)),
        (None, Some(signal)) => Some(ExitStatus::Signaled(signal)),
        (None, None) => None,
    })
}

fn pid_from(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
