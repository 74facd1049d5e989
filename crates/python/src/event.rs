//! Events between processes, as Python's classes build on them.
//!
//! All threads that wait go on when the event is set, even if it is cleared at once: the event counts how often it was
//! set. A negative time-out is zero.

use crate::errors::waited;
use crate::ffi::Patient;
use crate::later::{Later, shared_class};
use crate::patience::limit_of_semaphore;
use crate::value::{Arguments, Named};
use manyhands::sync::RawEvent;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

shared_class! {
    /// The base class of `multiprocessing.Event`.
    Event { raw: RawEvent }:

    /// Makes the event in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (handle = None))]
    fn open(&self, handle: Option<u64>) -> PyResult<()> {
        self.raw.open(handle, RawEvent::attach, RawEvent::shared)
    }

    /// Whether the event is set.
    fn is_set(&self) -> PyResult<bool> {
        Ok(self.raw.get()?.is_set())
    }

    /// Sets the event. All that wait for it go on, and until it is cleared `wait` returns at once.
    fn set(&self) -> PyResult<()> {
        self.raw.get().map(RawEvent::set)
    }

    /// Clears the event: from now on `wait` waits until it is set again.
    fn clear(&self) -> PyResult<()> {
        self.raw.get().map(RawEvent::clear)
    }

    /// Waits until the event is set, or for `timeout` seconds; `None` is no limit.
    ///
    /// Returns True, or False when the time was over first.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<bool> {
        if slf.get().raw.get()?.is_set() {
            return Ok(true);
        }
        if timeout.is_some_and(|seconds| seconds <= 0.0) {
            return Ok(false);
        }
        let patient = Patient::on(slf).tied_to(slf.get().raw.lease());
        waited(slf.get().raw.get()?.wait(limit_of_semaphore(timeout)?, &patient), patient)
    }

    /// Whether it is set, and how many wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.raw.get()?.statistics();
        let fields = [("waiters", seen.waiters)].into_py_dict(py)?;
        fields.set_item("set", seen.set)?;
        Ok(fields)
    }
}
