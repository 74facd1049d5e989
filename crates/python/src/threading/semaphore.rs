//! The base class of `threading.Semaphore` and `BoundedSemaphore`.
//!
//! A class says in `_manyhands_bounded` whether its semaphores are limited to the permits they began with. A subclass
//! may have a constructor with any arguments, so the value comes with `__init__`.

use super::named;
use crate::errors::{refused_by, waited};
use crate::ffi::Patient;
use crate::patience::limit;
use crate::value::truth;
use manyhands::platform::atomic::{AtomicBool, AtomicU32, Ordering};
use manyhands::sync::{MOST_PERMITS, RawSemaphore};
use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::OnceLock;

/// A number of permits.
#[pyclass(frozen, subclass, module = "manyhands._engine")]
pub struct ThreadSemaphore {
    raw: OnceLock<RawSemaphore>,
    /// Whether a program has looked inside. Then the standard class's attributes and functions do the work.
    opened: AtomicBool,
    /// How many threads that waited when it was opened have still to be sent to the opened semaphore. Each gets a
    /// permit that is none, only to wake it.
    woken: AtomicU32,
}

impl ThreadSemaphore {
    #[inline]
    fn raw(&self) -> PyResult<&RawSemaphore> {
        self.raw.get().ok_or_else(|| PyRuntimeError::new_err("Semaphore.__init__() was not called"))
    }

    fn is_opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    /// Whether the calling thread waited when the semaphore was opened, and got one of the permits that only wake.
    /// Permits are alike, so it does not matter which thread keeps a true one: the count decides.
    fn goes_on_opened(&self) -> bool {
        self.is_opened()
            && self
                .woken
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
                .is_ok()
    }
}

#[pymethods]
impl ThreadSemaphore {
    #[new]
    #[pyo3(signature = (*_arguments, **_more), text_signature = "(value=1)")]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadSemaphore {
        ThreadSemaphore { raw: OnceLock::new(), opened: AtomicBool::new(false), woken: AtomicU32::new(0) }
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

    /// Takes a permit, waiting until there is one, and returns True.
    ///
    /// Returns False when there is none and `blocking` is false, or when `timeout` seconds are over first; `None` is no
    /// limit. A `timeout` with `blocking` false is a ValueError.
    #[pyo3(signature = (blocking = true, timeout = None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = truth)] blocking: bool,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        if !blocking && timeout.is_some() {
            return Err(PyValueError::new_err("can't specify timeout for non-blocking acquire"));
        }
        let this = slf.get();
        let raw = this.raw()?;
        if this.is_opened() {
            return slf.call_method1("_manyhands_acquire", (blocking, timeout))?.is_truthy();
        }
        if raw.try_acquire() {
            return Ok(true);
        }
        if !blocking {
            return Ok(false);
        }
        let until = limit(timeout)?;
        let patient = Patient::on(slf);
        let result = waited(raw.acquire(until, &patient), patient);
        if this.is_opened() {
            // The permits that only wake are passed on one at a time: each thread that was woken wakes the next.
            let _ = raw.release(1);
        }
        if this.goes_on_opened() && result.is_ok() {
            let left = until.map(|until| until.remaining().as_secs_f64());
            return slf.call_method1("_manyhands_acquire", (true, left))?.is_truthy();
        }
        result
    }

    /// Whether `__init__` has run.
    #[getter]
    fn _manyhands_is_made(&self) -> bool {
        self.raw.get().is_some()
    }

    /// Opens the semaphore: from now on the methods that the Python package adds do the work. Returns how many permits
    /// were free.
    fn _manyhands_open(&self) -> PyResult<u32> {
        let raw = self.raw()?;
        if self.opened.swap(true, Ordering::AcqRel) {
            return Ok(0);
        }
        let mut free = 0;
        while raw.try_acquire() {
            free += 1;
        }
        let waiters = raw.statistics().waiters;
        self.woken.store(u32::try_from(waiters).unwrap_or(u32::MAX), Ordering::Release);
        if waiters > 0 {
            let _ = raw.release(1);
        }
        Ok(free)
    }

    /// Takes a permit, as `acquire` does, for a `with`.
    #[pyo3(signature = (blocking = true, timeout = None))]
    fn __enter__(slf: &Bound<'_, Self>, blocking: bool, timeout: Option<f64>) -> PyResult<bool> {
        ThreadSemaphore::acquire(slf, blocking, timeout)
    }

    /// Gives `n` permits back, or adds as many, and wakes threads that wait for one.
    ///
    /// Raises ValueError when `n` is below 1, and when a bounded semaphore would have more permits than at first.
    #[pyo3(signature = (n = 1))]
    fn release(slf: &Bound<'_, Self>, n: i64) -> PyResult<()> {
        if n < 1 {
            return Err(PyValueError::new_err("n must be one or more"));
        }
        if slf.get().is_opened() {
            return slf.call_method1("_manyhands_release", (n,)).map(drop);
        }
        let raw = slf.get().raw()?;
        let given = u32::try_from(n).ok().map(|count| raw.release(count).is_ok());
        if given == Some(true) {
            return Ok(());
        }
        if raw.statistics().maximum < MOST_PERMITS {
            return Err(refused_by(PyValueError::new_err("Semaphore released too many times"), slf));
        }
        Err(PyOverflowError::new_err(format!("a semaphore has {MOST_PERMITS} permits at most")))
    }

    /// Gives the permit back, at the end of a `with`.
    fn __exit__(
        slf: &Bound<'_, Self>,
        t: &Bound<'_, PyAny>,
        v: &Bound<'_, PyAny>,
        tb: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        // An exception of the block does not matter to the semaphore.
        let _ = (t, v, tb);
        Self::release(slf, 1)
    }

    #[getter]
    fn _value(&self) -> PyResult<u32> {
        Ok(self.raw()?.value())
    }

    /// How many permits are free, and how many wait for one.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let statistics = self.raw()?.statistics();
        let fields = PyDict::new(py);
        fields.set_item("free", statistics.free)?;
        fields.set_item("waiters", statistics.waiters)?;
        Ok(fields)
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
