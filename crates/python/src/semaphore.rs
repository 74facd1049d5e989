//! Semaphores and events between processes, as Python's classes build on them.
//!
//! A permit taken by `acquire` is nobody's; one taken by `with` comes back when its process is killed. A negative time-out
//! is zero.

use crate::child::deadline;
use crate::errors::{from_arena, waited};
use crate::ffi::Patient;
use crate::value::truth;
use manyhands::arena::Handle;
use manyhands::sync::{MOST_PERMITS, RawEvent, RawSemaphore};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

fn too_often() -> PyErr {
    PyValueError::new_err("semaphore or lock released too many times")
}

/// What `multiprocessing.Semaphore` and `BoundedSemaphore` are made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct Semaphore {
    raw: RawSemaphore,
}

#[pymethods]
impl Semaphore {
    #[new]
    #[pyo3(signature = (value = 1, maxvalue = None, *, ctx = None, handle = None))]
    fn new(
        value: i64,
        maxvalue: Option<i64>,
        ctx: Option<Bound<'_, PyAny>>,
        handle: Option<u64>,
    ) -> PyResult<Semaphore> {
        drop(ctx);
        if let Some(handle) = handle {
            let raw = RawSemaphore::attach(Handle::from_raw(handle)).map_err(from_arena)?;
            return Ok(Semaphore { raw });
        }
        let most = i64::from(MOST_PERMITS);
        let maxvalue = maxvalue.unwrap_or(most);
        match (u32::try_from(value), u32::try_from(maxvalue)) {
            (Ok(permits), Ok(maximum)) if value <= most && maxvalue <= most => Ok(Semaphore {
                raw: RawSemaphore::shared(permits, maximum.max(permits)).map_err(from_arena)?,
            }),
            _ => Err(PyOSError::new_err((
                libc::EINVAL,
                format!("a semaphore has between 0 and {most} permits, not {value}"),
            ))),
        }
    }

    /// Takes a permit; `False` when the time was over first.
    #[pyo3(signature = (block = true, timeout = None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        if slf.get().raw.try_acquire() {
            return Ok(true);
        }
        if !block || timeout.is_some_and(|seconds| seconds <= 0.0) {
            return Ok(false);
        }
        let patient = Patient::on(slf);
        waited(slf.get().raw.acquire(deadline(timeout), &patient), patient)
    }

    /// Gives a permit back, or adds one.
    fn release(&self) -> PyResult<()> {
        self.raw.release(1).map_err(|_| too_often())
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let patient = Patient::on(slf);
        // It stands in the semaphore whose it is; `__exit__` gives one of this process's back.
        waited(slf.get().raw.acquire_owned(None, &patient), patient)
    }

    fn __exit__(
        &self,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.raw.release_owned().map_err(|_| too_often())
    }

    /// How many permits are free.
    fn get_value(&self) -> u32 {
        self.raw.value()
    }

    /// How many permits are free, how many there may be, how many `with` blocks have one, and how many wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.raw.statistics();
        let told = [("owned", seen.owned), ("waiters", seen.waiters)].into_py_dict(py)?;
        told.set_item("free", seen.free)?;
        told.set_item("maximum", seen.maximum)?;
        Ok(told)
    }

    #[getter]
    fn _max_value(&self) -> u32 {
        self.raw.statistics().maximum
    }

    #[getter]
    fn _handle(&self) -> u64 {
        self.raw.handle().expect("a shared semaphore has one").to_raw()
    }
}

/// What `multiprocessing.Event` is made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct Event {
    raw: RawEvent,
}

#[pymethods]
impl Event {
    #[new]
    #[pyo3(signature = (*, ctx = None, handle = None))]
    fn new(ctx: Option<Bound<'_, PyAny>>, handle: Option<u64>) -> PyResult<Event> {
        drop(ctx);
        let raw = match handle {
            Some(handle) => RawEvent::attach(Handle::from_raw(handle)),
            None => RawEvent::shared(),
        };
        Ok(Event { raw: raw.map_err(from_arena)? })
    }

    /// Whether the event is set.
    fn is_set(&self) -> bool {
        self.raw.is_set()
    }

    /// Sets it; everybody who waits goes on.
    fn set(&self) {
        self.raw.set();
    }

    /// Clears it.
    fn clear(&self) {
        self.raw.clear();
    }

    /// Waits until it is set; `False` when the time was over first.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<bool> {
        if slf.get().raw.is_set() {
            return Ok(true);
        }
        if timeout.is_some_and(|seconds| seconds <= 0.0) {
            return Ok(false);
        }
        let patient = Patient::on(slf);
        waited(slf.get().raw.wait(deadline(timeout), &patient), patient)
    }

    /// Whether it is set, and how many wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.raw.statistics();
        let told = [("waiters", seen.waiters)].into_py_dict(py)?;
        told.set_item("set", seen.set)?;
        Ok(told)
    }

    #[getter]
    fn _handle(&self) -> u64 {
        self.raw.handle().expect("a shared event has one").to_raw()
    }
}
