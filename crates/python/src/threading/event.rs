//! What `threading.Event` is made of.
//!
//! Whoever waits goes on when it is set, also when it is cleared at once. The Python package adds the older names; a
//! subclass may have any constructor.

use super::{limit, named};
use crate::errors::waited;
use crate::ffi::Patient;
use crate::value::leave_to_init;
use manyhands::sync::RawEvent;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

/// A flag that threads wait for.
#[pyclass(frozen, subclass, module = "manyhands._engine")]
pub struct ThreadEvent {
    raw: RawEvent,
}

#[pymethods]
impl ThreadEvent {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*arguments, **more))]
    fn new(
        class: &Bound<'_, PyType>,
        arguments: &Bound<'_, PyTuple>,
        more: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<ThreadEvent> {
        leave_to_init(class, arguments, more)?;
        Ok(ThreadEvent { raw: RawEvent::private() })
    }

    /// Whether the flag is set.
    fn is_set(&self) -> bool {
        self.raw.is_set()
    }

    /// Sets the flag; everybody who waits goes on.
    fn set(&self) {
        self.raw.set();
    }

    /// Clears the flag.
    fn clear(&self) {
        self.raw.clear();
    }

    /// Waits until the flag is set; False when the time was over first.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<bool> {
        if slf.get().raw.is_set() {
            return Ok(true);
        }
        let until = limit(timeout);
        let patient = Patient::on(slf);
        waited(slf.get().raw.wait(until, &patient), patient)
    }

    /// Whether the flag is set, and how many wait for it.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let statistics = self.raw.statistics();
        let told = PyDict::new(py);
        told.set_item("set", statistics.set)?;
        told.set_item("waiters", statistics.waiters)?;
        Ok(told)
    }

    fn _at_fork_reinit(&self) {}

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        named(slf, if slf.get().raw.is_set() { "set" } else { "unset" })
    }
}
