//! Messages over the descriptor of a pipe or a socket: whole, and without the interpreter lock meanwhile.
//!
//! A message's head and body are written together, and read into memory that is made once and is as large as the
//! message. Signal handlers run when a signal interrupts; what they raise ends the call, as with `os.read` and
//! `os.write`.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyEOFError, PyMemoryError, PyOSError, PyOverflowError};
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

/// The longest message whose length stands in four bytes.
const SHORT: usize = i32::MAX as usize;

/// How much is made room for before any of it has come: what is said to come may be a stranger's first bytes.
const BELIEVED: usize = 64 << 20;

/// The bytes of any buffer in which they stand one after the other. BufferError where they do not.
fn bytes_of(body: &Bound<'_, PyAny>) -> PyResult<PyBuffer<u8>> {
    let bytes = PyBuffer::get(body).or_else(|_| PyBuffer::get(&body.call_method1("cast", ("B",))?))?;
    if !bytes.is_c_contiguous() {
        return Err(PyBufferError::new_err("the bytes of the message do not stand one after the other"));
    }
    Ok(bytes)
}

/// Writes a message: its length, and then its bytes. BufferError, and nothing written, for bytes with gaps.
#[pyfunction]
pub fn write_message(py: Python<'_>, descriptor: i32, body: &Bound<'_, PyAny>) -> PyResult<()> {
    let body = bytes_of(body)?;
    let length = body.len_bytes();
    let mut head = [0; 12];
    let head_length = if length <= SHORT {
        head[..4].copy_from_slice(&(length as u32).to_be_bytes());
        4
    } else {
        head[..4].copy_from_slice(&(-1_i32).to_be_bytes());
        head[4..].copy_from_slice(&(length as u64).to_be_bytes());
        head.len()
    };
    // Addresses, since the program may write to the body meanwhile, as it may while `os.write` reads it.
    let parts = [(head.as_ptr() as usize, head_length), (body.buf_ptr() as usize, length)];
    let (mut written, all) = (0, head_length + length);
    while written < all {
        written += uninterrupted(py, || write_some(descriptor, parts, written))?;
        if written < all {
            // A signal ends a write that has written something as a short one.
            py.check_signals()?;
        }
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

/// Reads until `bytes` are full. Raises EOFError when the other side is closed before the first, OSError when it is
/// closed before the last.
fn read_exactly(py: Python<'_>, file: &File, bytes: &mut [u8]) -> PyResult<()> {
    let mut read = 0;
    while read < bytes.len() {
        read += match uninterrupted(py, || (&*file).read(&mut bytes[read..]))? {
            0 if read == 0 => return Err(PyEOFError::new_err(())),
            0 => return Err(cut_off()),
            more => more,
        };
        if read < bytes.len() {
            // As with writes.
            py.check_signals()?;
        }
    }
    Ok(())
}

/// Reads a message. None when it is longer than `longest` bytes: then its bytes have not been read.
#[pyfunction]
#[pyo3(signature = (descriptor, longest))]
pub fn read_message<'py>(
    py: Python<'py>,
    descriptor: i32,
    longest: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let file = file(descriptor)?;
    let mut short = [0; 4];
    read_exactly(py, &file, &mut short)?;
    let length = match i32::from_be_bytes(short) {
        -1 => {
            let mut long = [0; 8];
            read_exactly(py, &file, &mut long)?;
            u64::from_be_bytes(long)
        }
        // What is below zero means nothing, as it always did.
        length => u64::try_from(length).unwrap_or(0),
    };
    if let Some(longest) = longest
        && longest.lt(length)?
    {
        return Ok(None);
    }
    let length = isize::try_from(length)
        .map_err(|_| PyOverflowError::new_err("the message is said to be longer than any memory"))?
        as usize;
    if length <= BELIEVED {
        return PyBytes::new_with(py, length, |bytes| read_exactly(py, &file, bytes)).map(Some);
    }
    let mut all = Vec::new();
    while all.len() < length {
        let before = all.len();
        let more = (length - before).min(before.max(BELIEVED));
        all.try_reserve_exact(more).map_err(|_| PyMemoryError::new_err(()))?;
        all.resize(before + more, 0);
        // What is cut off at its end is no end before the first byte.
        read_exactly(py, &file, &mut all[before..]).map_err(|error| match before {
            0 => error,
            _ if error.is_instance_of::<PyEOFError>(py) => cut_off(),
            _ => error,
        })?;
    }
    Ok(Some(PyBytes::new(py, &all)))
}

fn cut_off() -> PyErr {
    PyOSError::new_err("got end of file during message")
}
