//! Waiting for several descriptors at once.
//!
//! A supervisor waits here for requests and for the ends of its workers, the reaper for the ends of all processes. Both
//! are processes that do nothing else: a thread of the program waits through `sync::wait`. Nothing is allocated here,
//! since the reaper may not.

use super::Deadline;
use rustix::time::Timespec;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// A descriptor that is waited for until it can be read, which for a process's means that the process has ended.
#[repr(transparent)]
pub struct Polled<'fd>(libc::pollfd, PhantomData<BorrowedFd<'fd>>);

impl<'fd> Polled<'fd> {
    /// A place in a list in which no descriptor stands: it never becomes ready.
    pub const NONE: Polled<'static> =
        Polled(libc::pollfd { fd: -1, events: libc::POLLIN, revents: 0 }, PhantomData);

    /// Waits for this one.
    pub fn new(descriptor: &'fd impl AsFd) -> Polled<'fd> {
        let fd = descriptor.as_fd().as_raw_fd();
        Polled(libc::pollfd { fd, events: libc::POLLIN, revents: 0 }, PhantomData)
    }

    /// Whether it was readable, at its end or broken when it was last looked at.
    pub fn is_ready(&self) -> bool {
        self.0.revents != 0
    }
}

/// Waits until one of them is ready, at most until `deadline`. Returns how many are.
///
/// # Errors
/// `Interrupted` when a signal handler ran meanwhile; EINVAL or ENOMEM when there are more than the system looks at.
pub fn poll(polled: &mut [Polled<'_>], deadline: Option<Deadline>) -> io::Result<usize> {
    let timeout = deadline.map(|deadline| {
        let left = deadline.remaining();
        Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), |timeout| std::ptr::from_ref(timeout).cast());
    let entries = polled.as_mut_ptr().cast::<libc::pollfd>();
    // SAFETY: that many entries, each laid out as the kernel's; the time-out is null or a record that lives here.
    let ready = unsafe { libc::ppoll(entries, polled.len() as libc::nfds_t, timeout, std::ptr::null()) };
    usize::try_from(ready).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::doorbell;
    use std::time::Duration;

    #[test]
    fn tells_which_are_ready_and_when_time_is_up() {
        let (silent, rung) = (doorbell::doorbell().unwrap(), doorbell::doorbell().unwrap());
        let mut polled = [Polled::NONE, Polled::new(&silent), Polled::new(&rung)];
        assert_eq!(poll(&mut polled, Deadline::after(Duration::from_millis(1))).unwrap(), 0);
        doorbell::ring(&rung);
        assert_eq!(poll(&mut polled, None).unwrap(), 1);
        assert_eq!(polled.each_ref().map(Polled::is_ready), [false, false, true]);
    }
}
