//! How long callers wait, as the standard library's functions take it, and how many items may stand in a queue.
//!
//! A time that the standard library cannot express is an error here, too. Which one depends on what waits there: a lock
//! of threads (`limit`), a semaphore of the system (`limit_of_semaphore`), or `poll` (`limit_of_poll`). A queue between
//! threads refuses a negative time also when there is nothing to wait for; its limit is any number.

use crate::child::deadline;
use crate::ffi::LONGEST;
use manyhands::platform::Deadline;
use pyo3::exceptions::{PyOSError, PyOverflowError, PyValueError};
use pyo3::prelude::*;

/// The most seconds that `poll` takes: a C `int` of milliseconds.
const LONGEST_POLL: f64 = 2_147_483.647;

/// How far the clock of a semaphore of the system goes, in seconds.
const LONGEST_OF_SEMAPHORE: f64 = 9.2e18;

/// The error for a time that the interpreter has no room for.
pub fn too_large(py: Python<'_>) -> PyErr {
    let kind = if py.version_info() < (3, 13) { "_PyTime_t" } else { "PyTime_t" };
    PyOverflowError::new_err(format!("timestamp too large to convert to C {kind}"))
}

/// Until when a wait between threads lasts. Below zero is zero, and so is what is no number.
#[inline]
pub fn limit(timeout: Option<f64>) -> PyResult<Option<Deadline>> {
    if timeout.is_some_and(|seconds| seconds > LONGEST) {
        return Err(PyOverflowError::new_err("timestamp out of range for platform time_t"));
    }
    Ok(deadline(timeout))
}

/// Until when a wait at a lock, a semaphore, a condition or an event between processes lasts.
pub fn limit_of_semaphore(timeout: Option<f64>) -> PyResult<Option<Deadline>> {
    // What is no number is not below it, either.
    if timeout.is_some_and(|seconds| seconds.is_nan() || seconds >= LONGEST_OF_SEMAPHORE) {
        return Err(PyOSError::new_err((libc::EINVAL, "Invalid argument")));
    }
    Ok(deadline(timeout))
}

/// Until when a wait for a descriptor lasts: for a process's end, for what comes through a queue.
pub fn limit_of_poll(py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Deadline>> {
    match timeout {
        Some(seconds) if seconds.is_nan() => {
            Err(PyValueError::new_err("cannot convert float NaN to integer"))
        }
        Some(f64::INFINITY) => Err(PyOverflowError::new_err("cannot convert float infinity to integer")),
        Some(seconds) if seconds > LONGEST => Err(too_large(py)),
        Some(seconds) if seconds > LONGEST_POLL => Err(PyOverflowError::new_err("timeout is too large")),
        _ => Ok(deadline(timeout)),
    }
}

/// The limit that a program's number means: 0 for none.
pub fn limit_of(maxsize: &Bound<'_, PyAny>) -> PyResult<usize> {
    if let Ok(limit) = maxsize.extract::<i64>() {
        return Ok(usize::try_from(limit).unwrap_or(0));
    }
    // A fraction, infinity, or an integer past all memory; the conversion ends at the greatest.
    let limit = if maxsize.gt(0)? { maxsize.extract::<f64>().unwrap_or(f64::INFINITY) } else { 0.0 };
    Ok(limit.ceil() as usize)
}

/// Until when to wait, settled at the first wait.
pub struct Patience {
    block: bool,
    timeout: Option<f64>,
    until: Option<Deadline>,
    settled: bool,
}

impl Patience {
    pub fn new(block: bool, timeout: Option<f64>) -> Patience {
        Patience { block, timeout, until: None, settled: false }
    }

    /// A ValueError when there is to be a wait and its time makes no sense, also when there is nothing to wait for.
    #[inline]
    pub fn check(&self) -> PyResult<()> {
        match self.timeout {
            Some(seconds) if self.block && seconds < 0.0 => {
                Err(PyValueError::new_err("'timeout' must be a non-negative number"))
            }
            _ => Ok(()),
        }
    }

    /// A ValueError for what is no number, as a simple queue has it.
    #[inline]
    pub fn check_number(&self) -> PyResult<()> {
        match self.timeout {
            Some(seconds) if self.block && seconds.is_nan() => {
                Err(PyValueError::new_err("Invalid value NaN (not a number)"))
            }
            _ => Ok(()),
        }
    }

    /// The deadline; `late` when there is to be no wait.
    pub fn until(&mut self, late: impl FnOnce() -> PyErr) -> PyResult<Option<Deadline>> {
        if !self.settled {
            if !self.block {
                return Err(late());
            }
            self.until = limit(self.timeout)?;
            self.settled = true;
        }
        Ok(self.until)
    }
}
