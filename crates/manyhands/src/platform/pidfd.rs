//! Descriptors of processes: the only witness of a death.
//!
//! A process has ended exactly when its pidfd polls readable, whichever process reaps it and when. Nothing here looks
//! at /proc or at the clock for that. How a process ended is known to its parent alone ([`reap`]).

use super::Deadline;
use super::lasting::Lasting;
use rustix::event::{PollFd, PollFlags};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It ended by itself, with this code (0 to 255).
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
}

/// A descriptor of one process, which stays that process's even when its pid is used again. Where the program has
/// closed it, the process that has the pid by then is taken for it: a child keeps its pid until it is reaped.
#[derive(Debug)]
pub struct PidFd {
    pid: u32,
    descriptor: Lasting,
}

impl PidFd {
    /// Opens the process that has the number `pid` now.
    ///
    /// # Errors
    /// ESRCH when there is none, EMFILE or ENFILE when descriptors have run out.
    pub fn open(pid: u32) -> io::Result<PidFd> {
        PidFd::of(opened(pid)?, pid)
    }

    /// A descriptor of the process `pid` that was opened elsewhere.
    ///
    /// # Errors
    /// None for an open one.
    pub fn of(descriptor: OwnedFd, pid: u32) -> io::Result<PidFd> {
        Ok(PidFd { pid, descriptor: Lasting::new(descriptor)? })
    }

    /// The process's number, as long as the process has not been reaped.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    fn present(&self) -> io::Result<BorrowedFd<'_>> {
        let pid = self.pid;
        let again = |_| opened(pid).ok();
        self.descriptor.renewed(again).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))
    }

    /// Whether the process has ended.
    pub fn is_dead(&self) -> bool {
        self.present().map_or(true, has_ended)
    }

    /// Waits until the process has ended; `false` when `deadline` came first.
    ///
    /// # Errors
    /// `Interrupted` when a signal handler ran meanwhile.
    pub fn wait_dead(&self, deadline: Option<Deadline>) -> io::Result<bool> {
        let timeout = timeout_until(deadline);
        self.present().map_or(Ok(true), |descriptor| polls_readable(descriptor, timeout.as_ref()))
    }

    /// Waits until this process or `other` has ended, at most until `deadline`: which of the two have.
    ///
    /// # Errors
    /// As [`PidFd::wait_dead`].
    pub fn wait_either_dead(&self, other: &PidFd, deadline: Option<Deadline>) -> io::Result<(bool, bool)> {
        let (Ok(first), Ok(second)) = (self.present(), other.present()) else {
            return Ok((self.is_dead(), other.is_dead()));
        };
        let mut fds = [PollFd::new(&first, PollFlags::IN), PollFd::new(&second, PollFlags::IN)];
        rustix::event::poll(&mut fds, timeout_until(deadline).as_ref())?;
        let [first, second] = fds.map(|polled| polled.revents().contains(PollFlags::IN));
        Ok((first, second))
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// ESRCH when it has ended and was reaped, EPERM when it belongs to another user, EINVAL for no signal.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        let signal = Signal::from_named_raw(signal).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(rustix::process::pidfd_send_signal(self.present()?, signal)?)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let _ = self.present();
        // SAFETY: open, as was just seen to; where it cannot be had again, polling that number says so.
        unsafe { BorrowedFd::borrow_raw(self.descriptor.number()) }
    }
}

/// A fresh descriptor of the process that has the number `pid` now.
///
/// # Errors
/// As [`PidFd::open`].
pub fn opened(pid: u32) -> io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(pid_from(pid)?, PidfdFlags::empty())?)
}

/// Whether the process that a borrowed descriptor stands for has ended.
pub fn has_ended(pidfd: impl AsFd) -> bool {
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(polls_readable(pidfd.as_fd(), Some(&now)), Ok(true))
}

/// Whether a borrowed descriptor stands for a process at all.
pub(crate) fn is_one(descriptor: impl AsFd) -> bool {
    match probe(descriptor) {
        Ok(()) => true,
        Err(error) => matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EPERM)),
    }
}

/// Asks the kernel whether a signal could be sent through a borrowed descriptor; none is.
///
/// # Errors
/// EBADF when it stands for no process; ESRCH, EPERM, or that there is no such system call.
pub(crate) fn probe(descriptor: impl AsFd) -> io::Result<()> {
    // SAFETY: signal 0 is not sent, and the call reads nothing of ours.
    let done = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            descriptor.as_fd().as_raw_fd(),
            0,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn timeout_until(deadline: Option<Deadline>) -> Option<rustix::time::Timespec> {
    deadline.map(|deadline| {
        let left = deadline.remaining();
        rustix::time::Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos() as _ }
    })
}

fn polls_readable(pidfd: BorrowedFd<'_>, timeout: Option<&rustix::time::Timespec>) -> io::Result<bool> {
    let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
    // A number that is not open is ready as well, but not readable.
    Ok(rustix::event::poll(&mut fds, timeout)? > 0 && fds[0].revents().contains(PollFlags::IN))
}

/// How a child of the calling process ended, which has and was not reaped; it stays to be reaped.
///
/// # Errors
/// ECHILD when `pid` is no child of the caller, or its status was already taken.
pub fn peek(pid: u32) -> io::Result<Option<ExitStatus>> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let pid = pid_from(pid)?;
    let status = retry_on_intr(|| rustix::process::waitid(WaitId::Pid(pid), options))?;
    Ok(status.and_then(|status| ended(status.exit_status(), status.terminating_signal())))
}

/// Takes the exit status of a child of the calling process, without waiting; `None` while it runs.
///
/// # Errors
/// ECHILD when `pid` is no child of the caller, or its status was already taken.
pub fn reap(pid: u32) -> io::Result<Option<ExitStatus>> {
    let pid = pid_from(pid)?;
    let status = retry_on_intr(|| rustix::process::waitpid(Some(pid), WaitOptions::NOHANG))?;
    Ok(status.and_then(|(_, status)| ended(status.exit_status(), status.terminating_signal())))
}

/// How a child ended, from what it gave or which signal ended it; nothing if it has merely stopped or gone on.
fn ended(code: Option<i32>, signal: Option<i32>) -> Option<ExitStatus> {
    code.map(ExitStatus::Exited).or(signal.map(ExitStatus::Signaled))
}

/// Ends a child of the calling process and takes its status, without a descriptor of it. Nothing happens when `pid` is
/// no child, or its status was taken.
pub fn kill_and_reap(pid: u32) {
    if peek(pid).is_err() {
        return;
    }
    // SAFETY: a child that nobody has reaped, so the number is still its; nothing is written.
    unsafe {
        libc::kill(pid as i32, libc::SIGKILL);
        libc::waitpid(pid as i32, std::ptr::null_mut(), 0);
    }
}

/// Takes the exit status of a child that was made by [`super::orphan::start_hidden`]; whether it is no child any more.
pub fn reap_hidden(pid: u32) -> bool {
    // SAFETY: reaps a child of the caller's, and writes nothing.
    let reaped = unsafe { libc::waitpid(pid as i32, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) };
    reaped == pid as i32 || reaped == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD)
}

fn pid_from(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
