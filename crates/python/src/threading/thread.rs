//! The engine's knowledge of a Python thread: its number in the wait graph, whether it has ended, and what it is doing.
//!
//! Python's own thread stays as it is; this stands beside it. A join waits here first, with an edge in the wait graph,
//! and then for the interpreter's own notice of the end.

use crate::errors::waited;
use crate::ffi::{Patient, behind};
use crate::patience::limit;
use crate::value::kept_name;
use manyhands::platform::atomic::{AtomicU32, Ordering};
use manyhands::platform::stat;
use manyhands::sync::{RawEvent, Site, name_this_thread, this_thread_number};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Names the calling thread in reports, and returns its number in the engine.
#[pyfunction]
pub fn enter_thread(#[pyo3(from_py_with = kept_name)] name: String) -> u32 {
    name_this_thread(&name);
    this_thread_number()
}

/// The kernel's letter for what a thread of this process does: R runs, S and D sleep. `None` when there is no such
/// thread.
#[pyfunction]
pub fn kernel_state(tid: u32) -> Option<char> {
    stat::state_of_thread(tid).map(char::from)
}

/// A thread's life: the thread itself notes the beginning and the end, and others wait for the end.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct ThreadLife {
    number: AtomicU32,
    ended: RawEvent,
}

#[pymethods]
impl ThreadLife {
    #[new]
    fn new() -> ThreadLife {
        ThreadLife { number: AtomicU32::new(0), ended: RawEvent::private() }
    }

    /// Notes that the calling thread is the one whose life this is.
    fn begin(&self, #[pyo3(from_py_with = kept_name)] name: String) {
        self.number.store(enter_thread(name), Ordering::Release);
    }

    /// Notes that its work is done, and wakes all that wait for that.
    fn end(&self) {
        self.ended.set();
    }

    /// The number of the thread in the engine; 0 before it begins.
    #[getter]
    fn number(&self) -> u32 {
        self.number.load(Ordering::Acquire)
    }

    #[getter]
    fn has_ended(&self) -> bool {
        self.ended.is_set()
    }

    /// A copy of a thread has a life of its own.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, ()) {
        (slf.get_type(), ())
    }

    /// Waits for the end, on behalf of the code that called the caller. Reports name `thread` as what is waited for.
    #[pyo3(signature = (thread, timeout = None))]
    fn join(&self, thread: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<bool> {
        if timeout.is_some_and(f64::is_nan) {
            return Err(PyValueError::new_err("Invalid value NaN (not a number)"));
        }
        let patient = Patient::on(thread);
        let result = match (limit(timeout)?, self.number()) {
            (until, 0) => self.ended.wait(until, &patient),
            // Without a limit this wait may be part of a deadlock, so it is an edge to the thread. A thread that has
            // not begun has no number yet, and cannot hold anything.
            (until, number) => {
                let site = if until.is_none() { behind(thread.py(), 1) } else { Site::Unknown };
                self.ended.wait_for_end_of(number, until, site, &patient)
            }
        };
        waited(result, patient)
    }
}
