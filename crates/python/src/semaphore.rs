//! Semaphores between processes, as Python's classes build on them.
//!
//! A permit taken by `acquire` belongs to no process; one taken by `with` comes back when its process is killed. A
//! negative time-out is zero.

use crate::errors::waited;
use crate::ffi::Patient;
use crate::later::{Later, shared_class};
use crate::patience::limit_of_semaphore;
use crate::value::{Arguments, Named, truth};
use manyhands::sync::{MOST_PERMITS, RawSemaphore};
use pyo3::exceptions::{PyOSError, PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

fn too_often() -> PyErr {
    PyValueError::new_err("semaphore or lock released too many times")
}

shared_class! {
    /// The base class of `multiprocessing.Semaphore` and `BoundedSemaphore`.
    Semaphore { raw: RawSemaphore }:

    /// Makes the semaphore in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (value = 1, maximum = None, handle = None))]
    fn open(&self, value: i64, maximum: Option<i64>, handle: Option<u64>) -> PyResult<()> {
        let most = i64::from(MOST_PERMITS);
        let maximum = maximum.unwrap_or(most);
        match (u32::try_from(value), u32::try_from(maximum)) {
            (Ok(permits), Ok(limit)) if value <= most && maximum <= most => {
                let make = || RawSemaphore::shared(permits, limit.max(permits));
                self.raw.open(handle, RawSemaphore::attach, make)
            }
            _ if i32::try_from(value).is_err() => {
                Err(PyOverflowError::new_err("Python int too large to convert to C int"))
            }
            _ => Err(PyOSError::new_err((libc::EINVAL, "Invalid argument"))),
        }
    }

    /// Takes a permit, waiting until there is one, and returns True.
    ///
    /// Returns False when it got none: at once with `block` false, or when `timeout` seconds are over; `None` is no
    /// limit, and below 0 is 0.
    #[pyo3(signature = (block = true, timeout = None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        if slf.get().raw.get()?.try_acquire() {
            return Ok(true);
        }
        if !block || timeout.is_some_and(|seconds| seconds <= 0.0) {
            return Ok(false);
        }
        let patient = Patient::on(slf).tied_to(slf.get().raw.lease());
        waited(slf.get().raw.get()?.acquire(limit_of_semaphore(timeout)?, &patient), patient)
    }

    /// Gives a permit back, or adds one. Raises ValueError when the semaphore would have more than it may have.
    fn release(&self) -> PyResult<()> {
        self.raw.get()?.release(1).map_err(|_| too_often())
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let patient = Patient::on(slf).tied_to(slf.get().raw.lease());
        // The semaphore notes which process has this permit, and `__exit__` gives back one that belongs to this
        // process.
        waited(slf.get().raw.get()?.acquire_owned(None, &patient), patient)
    }

    fn __exit__(
        &self,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.raw.get()?.release_owned().map_err(|_| too_often())
    }

    /// How many permits are free.
    fn get_value(&self) -> PyResult<u32> {
        Ok(self.raw.get()?.value())
    }

    /// How many permits are free, how many there may be, how many `with` blocks have one, and how many wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.raw.get()?.statistics();
        let fields = [("owned", seen.owned), ("waiters", seen.waiters)].into_py_dict(py)?;
        fields.set_item("free", seen.free)?;
        fields.set_item("maximum", seen.maximum)?;
        Ok(fields)
    }

    #[getter(_manyhands_maximum)]
    fn maximum(&self) -> PyResult<u32> {
        Ok(self.raw.get()?.statistics().maximum)
    }
}
