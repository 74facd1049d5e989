//! What `threading.Semaphore` and `BoundedSemaphore` are made of.
//!
//! A class says by `_manyhands_bounded` whether its semaphores may get more permits than they began with. A subclass may have any
//! constructor: the value comes with `__init__`.

use super::{limit, named};
use crate::errors::waited;
use crate::ffi::Patient;
use crate::value::truth;
use manyhands::sync::{MOST_PERMITS, RawSemaphore};
use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::OnceLock;

/// A number of permits.
#[pyclass(frozen, subclass, module = "manyhands._engine")]
pub struct ThreadSemaphore {
    raw: OnceLock<RawSemaphore>,
}

impl ThreadSemaphore {
    #[inline]
    fn raw(&self) -> PyResult<&RawSemaphore> {
        self.raw.get().ok_or_else(|| PyRuntimeError::new_err("Semaphore.__init__() was not called"))
    }
}

#[pymethods]
impl ThreadSemaphore {
    #[new]
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadSemaphore {
        ThreadSemaphore { raw: OnceLock::new() }
    }

    #[pyo3(signature = (value = 1))]
    fn __init__(slf: &Bound<'_, Self>, value: i64) -> PyResult<()> {
        if value < 0 {
            return Err(PyValueError::new_err("semaphore initial value must be >= 0"));
        }
        let permits =
            u32::try_from(value).ok().filter(|permits| *permits <= MOST_PERMITS).ok_or_else(|| {
                PyOverflowError::new_err(format!(
                    "a semaphore has {MOST_PERMITS} permits at most, not {value}"
                ))
            })?;
        let bounded = slf.getattr("_manyhands_bounded")?.is_truthy()?;
        let raw = RawSemaphore::private(permits, if bounded { permits } else { MOST_PERMITS });
        slf.get().raw.set(raw).map_err(|_| PyRuntimeError::new_err("Semaphore.__init__() was called before"))
    }

    /// Takes a permit; False when none could be had in time.
    #[pyo3(signature = (blocking = true, timeout = None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = truth)] blocking: bool,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        if !blocking && timeout.is_some() {
            return Err(PyValueError::new_err("can't specify timeout for non-blocking acquire"));
        }
        let raw = slf.get().raw()?;
        if raw.try_acquire() {
            return Ok(true);
        }
        if !blocking {
            return Ok(false);
        }
        let until = limit(timeout);
        let patient = Patient::on(slf);
        waited(raw.acquire(until, &patient), patient)
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        ThreadSemaphore::acquire(slf, true, None)
    }

    /// Gives permits back, or adds as many.
    #[pyo3(signature = (n = 1))]
    fn release(slf: &Bound<'_, Self>, n: i64) -> PyResult<()> {
        if n < 1 {
            return Err(PyValueError::new_err("n must be one or more"));
        }
        let raw = slf.get().raw()?;
        let given = u32::try_from(n).ok().map(|count| raw.release(count).is_ok());
        if given == Some(true) {
            return Ok(());
        }
        if raw.statistics().maximum < MOST_PERMITS {
            let text = format!("Semaphore released too many times: {}", slf.repr()?);
            return Err(PyValueError::new_err(text));
        }
        Err(PyOverflowError::new_err(format!("a semaphore has {MOST_PERMITS} permits at most")))
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        Self::release(slf, 1)
    }

    #[getter]
    fn _value(&self) -> PyResult<u32> {
        Ok(self.raw()?.value())
    }

    /// How many permits are free, and how many wait for one.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let statistics = self.raw()?.statistics();
        let told = PyDict::new(py);
        told.set_item("free", statistics.free)?;
        told.set_item("waiters", statistics.waiters)?;
        Ok(told)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let statistics = slf.get().raw()?.statistics();
        let bound = if statistics.maximum < MOST_PERMITS {
            format!("/{}", statistics.maximum)
        } else {
            String::new()
        };
        named(slf, &format!("value={}{bound}", statistics.free))
    }
}
