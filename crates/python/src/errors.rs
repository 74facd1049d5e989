//! The engine's errors as Python's exceptions.
//!
//! When something has run out, the exception is an `OSError` with the errno for it, or `MemoryError`. A stale handle is
//! a `ValueError`, and an arena that does not fit this program is a `RuntimeError`. The text is the engine's, unless
//! the standard library has one: then it is that, the same for all objects. A note of the exception says which object
//! it was.

use crate::ffi::Patient;
use manyhands::arena::ArenaError;
use manyhands::spawn::StartError;
use manyhands::sync::{Deadlock, WaitError};
use pyo3::exceptions::{PyMemoryError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// The exception for an arena's refusal.
pub fn from_arena(error: ArenaError) -> PyErr {
    let text = error.to_string();
    match error {
        ArenaError::Stale { .. } | ArenaError::WrongKind { .. } | ArenaError::StaleBlock => {
            PyValueError::new_err(text)
        }
        ArenaError::OutOfSlots { .. } => PyOSError::new_err((libc::EAGAIN, text)),
        ArenaError::FileSize { .. } => PyOSError::new_err((libc::EFBIG, text)),
        ArenaError::OutOfMemory { .. } | ArenaError::AddressSpace { .. } => PyMemoryError::new_err(text),
        ArenaError::System { ref source, .. } if source.raw_os_error() == Some(libc::ENOMEM) => {
            PyMemoryError::new_err(text)
        }
        ArenaError::System { source, .. } | ArenaError::Missing { source, .. } => match source.raw_os_error()
        {
            Some(code) => PyOSError::new_err((code, text)),
            None => PyOSError::new_err(text),
        },
        _ => PyRuntimeError::new_err(text),
    }
}

/// The exception for a process that was not started, in the words of Python's users.
pub fn from_start(error: StartError) -> PyErr {
    let text = match &error {
        StartError::ZygoteLost { name, times } => format!(
            "cannot start process {name}: the fork server ended {times} times in a row before it answered; the start \
             method 'spawn' or 'fork' does without one"
        ),
        StartError::ForeignSupervisor { name, owner } => format!(
            "cannot start process {name}: its fork server was made by process {owner}, and only that one can use it"
        ),
        StartError::System { name, action, source } => {
            format!("cannot start process {name}: {} failed: {source}", in_python(action))
        }
        other => other.to_string(),
    };
    match error {
        StartError::Descriptors { .. } => PyOSError::new_err((libc::EMFILE, text)),
        StartError::Arena { source, .. } => from_arena(source),
        StartError::System { source, .. } => match source.raw_os_error() {
            Some(code) => PyOSError::new_err((code, text)),
            None => PyOSError::new_err(text),
        },
        _ => PyRuntimeError::new_err(text),
    }
}

/// The engine's name of an action, in the words of Python's users.
fn in_python(action: &str) -> String {
    action.replace("its supervisor", "the fork server").replace("a zygote", "the fork server")
}

/// The outcome of a wait that did not get what it wanted: `False` for a time-out. An exception of a signal handler is
/// raised, and so is the reason why this thread cannot wait.
pub fn from_wait(error: WaitError, patient: Patient<'_>) -> PyResult<bool> {
    match error {
        WaitError::TimedOut => Ok(false),
        WaitError::Interrupted => match patient.raised() {
            Some(raised) => Err(raised),
            None => Ok(false),
        },
        WaitError::Deadlock(deadlock) => Err(from_deadlock(patient.py(), &deadlock)),
        error => Err(PyOSError::new_err((libc::EAGAIN, error.to_string()))),
    }
}

/// Whether a wait got what it wanted: `false` for a time-out. Any other end of the wait is raised.
pub fn waited<T>(result: Result<T, WaitError>, patient: Patient<'_>) -> PyResult<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) => from_wait(error, patient),
    }
}

/// The exception for a wait that did not get what it wanted: the one that `late` makes if the time was over.
pub fn ended(error: WaitError, patient: Patient<'_>, late: impl FnOnce() -> PyErr) -> PyErr {
    from_wait(error, patient).map_or_else(|raised| raised, |_| late())
}

/// A deadlock, or a suspicion of one, as text: a line for each thread in it.
pub fn deadlock_text(deadlock: &Deadlock) -> String {
    deadlock.steps.iter().map(|step| format!("\n  {step}")).collect::<Vec<_>>().join(";")
}

/// `DeadlockError`, with what each thread in the cycle wants and has.
pub fn from_deadlock(py: Python<'_>, deadlock: &Deadlock) -> PyErr {
    let steps = deadlock.steps.iter().map(|step| {
        let (wanted_at, taken_at) = (step.wanted_at.to_string(), step.taken_at.to_string());
        (&*step.thread, &*step.object, wanted_at, &*step.holder, taken_at)
    });
    let made = py.import("manyhands._deadlock").and_then(|module| {
        module.call_method1("deadlock_error", (deadlock_text(deadlock), steps.collect::<Vec<_>>()))
    });
    made.map_or_else(|error| error, PyErr::from_value)
}

/// The object's class, and its name if it has one. No code of the program runs for it, as its `__repr__` would.
fn description(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let kind = object.get_type().name()?;
    let attributes = object.getattr("__dict__").ok().and_then(|found| found.cast_into::<PyDict>().ok());
    let name = attributes.map(|found| found.get_item("_name")).transpose()?.flatten();
    Ok(match name.filter(PyAnyMethods::is_exact_instance_of::<PyString>) {
        Some(name) => format!("{kind} {}", name.repr()?),
        None => kind.to_string(),
    })
}

/// The error, with a note of the object that refused. Its text is the same for all objects, so that logs and warnings
/// count it as one. The note is shown when the program does not catch the error (`_refusals.py`).
pub fn refused_by(error: PyErr, object: &Bound<'_, PyAny>) -> PyErr {
    let noted = description(object)
        .and_then(|description| error.value(object.py()).setattr("_manyhands_refused_by", description));
    noted.map_or_else(|otherwise| otherwise, |()| error)
}

/// The same, for errors that the Python package raises.
#[pyfunction(name = "refused_by")]
pub fn raised_refused_by<'py>(error: Bound<'py, PyAny>, object: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    refused_by(PyErr::from_value(error), object).into_value(object.py()).into_bound(object.py()).into_any()
}
