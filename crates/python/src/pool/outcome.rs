//! A worker's answer as a result or an exception.
//!
//! The tag of an answer is a value's, or one of these:
//!
//! ```text
//! RAISED   what `manyhands.multiprocessing._work.failure` made of an exception; `rebuild` there makes one of it
//! INTS     a list of integers, i64 each
//! ```

use super::call::unpacked_ints;
use crate::pickled::Arrived;
use crate::value;
use manyhands::executor::{Bytes, CallFailure, RawAnswer, SubmitError, WorkerDied};
use manyhands::platform::pidfd::ExitStatus;
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyModule};

/// The answer is an exception.
pub const RAISED: u32 = 0x100;
/// The answer is a list of integers.
pub const INTS: u32 = 0x101;
/// No answer could be written.
const NONE_WRITTEN: u32 = u32::MAX;

fn workshop(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("manyhands.multiprocessing._work")
}

/// What a call gave: its result, or the exception that it raised.
#[inline]
pub fn of_answer(py: Python<'_>, answer: RawAnswer) -> PyResult<Bound<'_, PyAny>> {
    match begin_reading(py, answer)? {
        Reading::Made(object) => Ok(object),
        Reading::Unread(unread) => match unread.read(py) {
            Ok(outcome) => outcome,
            Err(error) => Err(error),
        },
    }
}

/// An answer on its way to an object.
pub enum Reading<'py> {
    Made(Bound<'py, PyAny>),
    Unread(Unread),
}

/// An answer that programs' code makes an object of. It can be tried again, which is for attempts that a signal handler
/// ended.
pub enum Unread {
    Result(Arrived),
    /// What `failure` made of an exception.
    Raised(Py<PyBytes>),
}

impl Unread {
    /// What the call gave.
    ///
    /// # Errors
    /// What was raised while it was read.
    pub fn read<'py>(&self, py: Python<'py>) -> PyResult<PyResult<Bound<'py, PyAny>>> {
        match self {
            Unread::Result(arrived) => arrived.load(py).map(Ok),
            Unread::Raised(payload) => {
                let rebuilt = workshop(py)?.call_method1("rebuild", (payload,))?;
                Ok(Err(PyErr::from_value(rebuilt)))
            }
        }
    }
}

/// As far as an answer can be read without running a program's code.
#[inline]
pub fn begin_reading(py: Python<'_>, answer: RawAnswer) -> PyResult<Reading<'_>> {
    let unread = match answer.tag {
        RAISED => Unread::Raised(crate::ffi::bytes(py, &answer.bytes)?.unbind()),
        INTS => return Ok(Reading::Made(PyList::new(py, unpacked_ints(&answer.bytes))?.into_any())),
        NONE_WRITTEN => {
            return Err(PyMemoryError::new_err(
                "the call ran, but there was no shared memory left for its result",
            ));
        }
        tag => match value::object(py, tag, &answer.bytes)? {
            Some(object) => return Ok(Reading::Made(object)),
            None => Unread::Result(match answer.bytes {
                Bytes::Block(block) if tag == value::PICKLE_WITH_BUFFERS => Arrived::with_buffers(py, block)?,
                bytes => Arrived::new(py, &bytes)?,
            }),
        },
    };
    Ok(Reading::Unread(unread))
}

/// The exception for a call that has no answer.
pub fn of_failure(py: Python<'_>, failure: CallFailure) -> PyErr {
    let text = failure.to_string();
    match failure {
        CallFailure::WorkerDied(died) => worker_died(py, &text, &died).unwrap_or_else(|error| error),
        CallFailure::Broken { reason, .. } => broken(py, &text, &reason),
        CallFailure::Lost { .. } => PyMemoryError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

fn worker_died(py: Python<'_>, text: &str, died: &WorkerDied) -> PyResult<PyErr> {
    let details = PyDict::new(py);
    details.set_item("pid", died.pid)?;
    details.set_item("worker", &died.worker)?;
    details.set_item("call", &died.call)?;
    details.set_item(
        "exitcode",
        died.ending.map(|ending| match ending {
            ExitStatus::Exited(code) => code,
            ExitStatus::Signaled(signal) => -signal,
        }),
    )?;
    let kind = py.import("manyhands.errors")?.getattr("WorkerDied")?;
    Ok(PyErr::from_value(kind.call((text,), Some(&details))?))
}

/// The exception for a pool whose workers cannot work.
pub fn broken(py: Python<'_>, text: &str, reason: &str) -> PyErr {
    let made = py
        .import("manyhands.errors")
        .and_then(|errors| errors.call_method1("broken_pool", (text, reason)))
        .map(PyErr::from_value);
    made.unwrap_or_else(|error| error)
}

/// The exception for a call that was not submitted.
pub fn of_refusal(py: Python<'_>, error: SubmitError) -> PyErr {
    match error {
        SubmitError::Closed | SubmitError::Terminated => PyValueError::new_err("Pool not running"),
        SubmitError::Broken { ref reason } => broken(py, &error.to_string(), reason),
        SubmitError::Arena(source) => crate::errors::from_arena(source),
        error => PyRuntimeError::new_err(error.to_string()),
    }
}
