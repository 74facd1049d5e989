//! What the engine cannot do without, asked of the operating system before anything is made.
//!
//! An old kernel, a container's filter or a bare root folder may lack it. Then making the first shared object fails
//! with an error of one sentence, and nothing is left behind. Knows nothing of what it is needed for.

use super::pidfd;
use rustix::fs::Access;
use rustix::process::PidfdFlags;
use std::io;

/// Something that is not there.
#[derive(Debug)]
pub struct Missing {
    /// What, for a message: a thing and since when there is one.
    pub what: &'static str,
    /// What the operating system said.
    pub source: io::Error,
}

const PROC: &str = "the file system /proc, mounted";
const PIDFD_OPEN: &str = "the system call pidfd_open (Linux 5.3 or newer, not forbidden by a seccomp filter)";
const PIDFD_SEND_SIGNAL: &str =
    "the system call pidfd_send_signal (Linux 5.1 or newer, not forbidden by a seccomp filter)";
const MEMFD_CREATE: &str =
    "the system call memfd_create (Linux 3.17 or newer, not forbidden by a seccomp filter)";

/// The first thing that is missing here, if one is.
pub fn missing() -> Option<Missing> {
    if let Err(error) = rustix::fs::access(c"/proc/self/status", Access::READ_OK) {
        return Some(Missing { what: PROC, source: error.into() });
    }
    let me = match rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty()) {
        Ok(me) => me,
        // Descriptors that have run out are reported where one is wanted.
        Err(error) => return refused(PIDFD_OPEN, error.into()),
    };
    pidfd::probe(&me).err().and_then(|error| refused(PIDFD_SEND_SIGNAL, error))
}

/// What is missing when a memory file could not be made; the error itself when nothing is.
pub fn missing_memory_file(error: io::Error) -> Result<Missing, io::Error> {
    if is_refusal(&error) { Ok(Missing { what: MEMFD_CREATE, source: error }) } else { Err(error) }
}

fn refused(what: &'static str, source: io::Error) -> Option<Missing> {
    is_refusal(&source).then_some(Missing { what, source })
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM | libc::EACCES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_missing_where_the_tests_run() {
        assert!(missing().is_none());
    }

    #[test]
    fn what_has_run_out_is_not_missing() {
        let of = io::Error::from_raw_os_error;
        assert!(missing_memory_file(of(libc::EMFILE)).is_err());
        assert_eq!(missing_memory_file(of(libc::ENOSYS)).unwrap().what, MEMFD_CREATE);
    }
}
