//! A worker's answer as an object or an exception.
//!
//! The tag of an answer is a value's, or one of these:
//!
//! ```text
//! RAISED   what `manyhands.multiprocessing._work.failure` made of an exception; `rebuild` there makes one of it
//! INTS     a list of integers, i64 each
//! ```

use crate::pickled::Arrived;
use crate::pool::{Called, unpacked_ints};
use crate::value;
use manyhands::executor::{Bytes, CallFailure, RawAnswer, RawCall, SubmitError, WorkerDied};
use manyhands::platform::pidfd::ExitStatus;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

/// The answer is an exception.
pub const RAISED: u32 = 0x100;
/// The answer is a list of integers.
pub const INTS: u32 = 0x101;
/// No answer could be written.
const NONE_WRITTEN: u32 = u32::MAX;

/// What a call came to.
pub enum Outcome {
    Value(Py<PyAny>),
    Error(Py<PyAny>),
}

impl Outcome {
    /// Of what a function returned or raised.
    pub fn of(py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) -> Outcome {
        match result {
            Ok(value) => Outcome::Value(value.unbind()),
            Err(error) => Outcome::Error(error.into_value(py).into_any()),
        }
    }

    /// What it is.
    pub fn object(&self) -> &Py<PyAny> {
        let (Outcome::Value(object) | Outcome::Error(object)) = self;
        object
    }

    /// The value, or the exception as one that is raised.
    pub fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Outcome::Value(value) => Ok(value.bind(py).clone()),
            Outcome::Error(error) => Err(PyErr::from_value(error.bind(py).clone())),
        }
    }
}

/// What answers are to Python.
pub enum Read<'py, Rest> {
    Outcome(PyResult<Bound<'py, PyAny>>),
    /// The call was withdrawn.
    Withdrawn,
    /// A signal handler has raised this meanwhile; from the rest the next attempt goes on.
    Interrupted(PyErr, Rest),
}

/// Whose answers are read.
pub struct Reader {
    /// What was called.
    pub function: Called,
    /// An executor's answers say so when they cannot be read. Its calls may be withdrawn.
    pub is_executors: bool,
}

/// The answer of a call, on its way to an object.
pub enum Part {
    /// It is there.
    Call(RawCall),
    /// A pickle, which programs' code makes an object of.
    Pickle(Arrived),
    /// What `failure` made of an exception.
    Raised(Py<PyBytes>),
}

impl Part {
    /// What the call gave.
    #[inline]
    pub fn read<'py>(self, py: Python<'py>, reader: &Reader) -> Read<'py, Part> {
        match self {
            Part::Call(call) => match call.take(|| reader.function.name(py)) {
                Ok(answer) => match begin(py, answer) {
                    Ok(Begun::Made(object)) => Read::Outcome(Ok(object)),
                    Ok(Begun::Unread(part)) => part.load(py, reader),
                    Err(error) => Read::Outcome(Err(reader.unreadable(py, error))),
                },
                Err(failure) => reader.failed(py, failure),
            },
            part => part.load(py, reader),
        }
    }

    /// What programs' code makes of it.
    fn load<'py>(self, py: Python<'py>, reader: &Reader) -> Read<'py, Part> {
        let part = self;
        let error = match &part {
            Part::Call(_) => unreachable!("it was taken"),
            Part::Pickle(arrived) => match arrived.load(py) {
                Ok(object) => return Read::Outcome(Ok(object)),
                Err(error) => error,
            },
            Part::Raised(payload) => match rebuilt(py, payload) {
                Ok(raised) => return Read::Outcome(Err(PyErr::from_value(raised))),
                Err(error) => error,
            },
        };
        match part {
            part if is_by_signal(py, &error) => Read::Interrupted(error, part),
            Part::Raised(_) => Read::Outcome(Err(error)),
            _ => Read::Outcome(Err(reader.unreadable(py, error))),
        }
    }
}

fn rebuilt<'py>(py: Python<'py>, payload: &Py<PyBytes>) -> PyResult<Bound<'py, PyAny>> {
    py.import("manyhands.multiprocessing._work")?.call_method1("rebuild", (payload,))
}

enum Begun<'py> {
    Made(Bound<'py, PyAny>),
    Unread(Part),
}

/// Reads an answer as far as that runs no code of programs.
#[inline]
fn begin(py: Python<'_>, answer: RawAnswer) -> PyResult<Begun<'_>> {
    Ok(Begun::Unread(match answer.tag {
        RAISED => Part::Raised(crate::ffi::bytes(py, &answer.bytes)?.unbind()),
        INTS => return Ok(Begun::Made(PyList::new(py, unpacked_ints(&answer.bytes))?.into_any())),
        NONE_WRITTEN => {
            return Err(PyMemoryError::new_err(
                "the call ran, but there was no shared memory left for its result",
            ));
        }
        tag => match value::object(py, tag, &answer.bytes)? {
            Some(object) => return Ok(Begun::Made(object)),
            None => Part::Pickle(match answer.bytes {
                Bytes::Block(block) if tag == value::PICKLE_WITH_BUFFERS => Arrived::with_buffers(py, block)?,
                bytes => Arrived::new(py, bytes)?,
            }),
        },
    }))
}

/// Whether a signal's handler has raised it, and not what ran when the signal came.
fn is_by_signal(py: Python<'_>, error: &PyErr) -> bool {
    let asked = py.import("manyhands._signals").and_then(|signals| {
        signals.call_method1("raised_by_handler", (error.value(py), error.traceback(py)))
    });
    asked.and_then(|answer| answer.extract()).unwrap_or(false)
}

impl Reader {
    /// The exception for a result that cannot be made of what the worker sent.
    fn unreadable(&self, py: Python<'_>, error: PyErr) -> PyErr {
        if !self.is_executors {
            return error;
        }
        made_by(py, "unreadable", (error.into_value(py),), None)
    }

    fn failed<'py>(&self, py: Python<'py>, failure: CallFailure) -> Read<'py, Part> {
        Read::Outcome(Err(match failure {
            CallFailure::Cancelled { .. } if self.is_executors => return Read::Withdrawn,
            // An executor's workers are ended on demand alone.
            CallFailure::Terminated { .. } if self.is_executors => broken(py, &failure.to_string(), ""),
            failure => of_failure(py, failure),
        }))
    }
}

/// The exception for a call that has no answer.
fn of_failure(py: Python<'_>, failure: CallFailure) -> PyErr {
    let text = failure.to_string();
    match failure {
        CallFailure::WorkerDied(died) => worker_died(py, &text, &died).unwrap_or_else(|error| error),
        CallFailure::Broken { reason, .. } => broken(py, &text, &reason),
        CallFailure::Lost { .. } => PyMemoryError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

fn worker_died(py: Python<'_>, text: &str, died: &WorkerDied) -> PyResult<PyErr> {
    let exitcode = died.ending.map(|ending| match ending {
        ExitStatus::Exited(code) => code,
        ExitStatus::Signaled(signal) => -signal,
    });
    let details = PyDict::new(py);
    details.set_item("pid", died.pid)?;
    details.set_item("worker", &died.worker)?;
    details.set_item("call", &died.call)?;
    details.set_item("exitcode", exitcode)?;
    Ok(made_by(py, "WorkerDied", (text,), Some(&details)))
}

/// The exception for a pool whose workers cannot work.
fn broken(py: Python<'_>, text: &str, reason: &str) -> PyErr {
    made_by(py, "broken_pool", (text, reason), None)
}

/// The exception that a class or a function of `manyhands.errors` makes.
fn made_by<'py>(
    py: Python<'py>,
    name: &str,
    arguments: impl PyCallArgs<'py>,
    more: Option<&Bound<'py, PyDict>>,
) -> PyErr {
    let maker = py.import("manyhands.errors").and_then(|errors| errors.getattr(name));
    maker.and_then(|maker| maker.call(arguments, more)).map_or_else(|error| error, PyErr::from_value)
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
