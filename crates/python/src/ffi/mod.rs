//! The raw interfaces of the interpreter and of the system, and with them all unsafe code of this crate.
//!
//! `buffer` shows received memory to Python. What is exported from
//! here is safe to call.

mod buffer;

pub use buffer::SharedBuffer;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use std::os::fd::{FromRawFd, OwnedFd};

/// Takes over a descriptor that the parent passed on by number.
pub fn take_descriptor(number: i32) -> PyResult<OwnedFd> {
    // SAFETY: F_GETFD only asks whether the number is open.
    if number <= 2 || unsafe { libc::fcntl(number, libc::F_GETFD) } == -1 {
        return Err(PyOSError::new_err((libc::EBADF, format!("descriptor {number} was not passed on"))));
    }
    // SAFETY: it is open, and the parent passed it on for this caller alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
