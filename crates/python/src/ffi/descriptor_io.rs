//! Messages over the descriptor of a pipe or a socket: whole, and without the interpreter lock meanwhile.
//!
//! A message's head and body are written together, and read into memory that is made once and is as large as the
//! message. Signal handlers run when a signal interrupts; what they raise ends the call, as with `os.read` and
//! `os.write`.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyEOFError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;

/// The exception for an error of the system, as `os.read` raises it.
fn from_system(py: Python<'_>, error: &io::Error) -> PyErr {
    let code = error.raw_os_error().unwrap_or(libc::EIO);
    let text = py.import("os").and_then(|os| os.call_method1("strerror", (code,))?.extract::<String>());
    text.map_or_else(|error| error, |text| PyOSError::new_err((code, text)))
}

/// Calls the system without the interpreter lock, until no signal interrupts.
fn uninterrupted<R: Send>(py: Python<'_>, mut call: impl FnMut() -> io::Result<R> + Send) -> PyResult<R> {
    loop {
        match py.detach(&mut call) {
            Err(error) if error.kind() == ErrorKind::Interrupted => py.check_signals()?,
            Err(error) => return Err(from_system(py, &error)),
            Ok(result) => return Ok(result),
        }
    }
}

/// The file of a descriptor, which stays the caller's.
fn file(descriptor: i32) -> PyResult<ManuallyDrop<File>> {
    if descriptor < 0 {
        return Err(PyOSError::new_err((libc::EBADF, "Bad file descriptor")));
    }
    // SAFETY: the value is never dropped, so the descriptor is not closed. Whether it is open the system says at each
    // call, as it does for any number in Python.
    Ok(ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) }))
}

/// Writes the head of a message and then its body.
#[pyfunction]
pub fn write_message(py: Python<'_>, descriptor: i32, head: &[u8], body: PyBuffer<u8>) -> PyResult<()> {
    // Addresses, since the program may write to the body meanwhile, as it may while `os.write` reads it.
    let parts = [(head.as_ptr() as usize, head.len()), (body.buf_ptr() as usize, body.len_bytes())];
    let (mut written, all) = (0, head.len() + body.len_bytes());
    while written < all {
        written += uninterrupted(py, || write_some(descriptor, parts, written))?;
    }
    Ok(())
}

/// Writes what is left of two parts after so many bytes, or a beginning of it, and says how much that was.
fn write_some(descriptor: i32, parts: [(usize, usize); 2], written: usize) -> io::Result<usize> {
    let mut before = 0;
    let rest = parts.map(|(address, length)| {
        let done = written.saturating_sub(before).min(length);
        before += length;
        libc::iovec { iov_base: (address + done) as *mut libc::c_void, iov_len: length - done }
    });
    // SAFETY: the caller of `write_message` keeps the head, and its buffer the body, in place. The system only reads
    // there; it says itself whether the descriptor is open.
    let count = unsafe { libc::writev(descriptor, rest.as_ptr(), rest.len() as libc::c_int) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Reads so many bytes. Raises EOFError when the other side is closed before the first, OSError when it is closed
/// before the last.
#[pyfunction]
pub fn read_exactly(py: Python<'_>, descriptor: i32, count: usize) -> PyResult<Bound<'_, PyBytes>> {
    let file = file(descriptor)?;
    PyBytes::new_with(py, count, |bytes| {
        let mut read = 0;
        while read < count {
            read += match uninterrupted(py, || (&*file).read(&mut bytes[read..]))? {
                0 if read == 0 => return Err(PyEOFError::new_err(())),
                0 => return Err(PyOSError::new_err("got end of file during message")),
                more => more,
            };
        }
        Ok(())
    })
}
