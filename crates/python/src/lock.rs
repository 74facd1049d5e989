//! Locks between processes, as Python's classes build on them.
//!
//! `acquire` tries before it gives the interpreter lock up; a negative time-out is zero. Who takes a lock over from a
//! process that died with it is warned (`RuntimeWarning`), and finds that process in `owner_died` until the next time the
//! lock is taken.

use crate::child::deadline;
use crate::errors::{from_arena, from_wait};
use crate::ffi::Patient;
use crate::value::truth;
use manyhands::arena::Handle;
use manyhands::platform::atomic::{AtomicBool, Ordering};
use manyhands::platform::process::getpid;
use manyhands::platform::thread::gettid;
use manyhands::sync::{Acquired, DeadOwner, LockStatistics, RawLock, RawRLock};
use pyo3::exceptions::{PyAssertionError, PyRuntimeWarning, PyValueError};
use pyo3::prelude::*;
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};

/// What is remembered of the last owner that died.
#[derive(Default)]
struct LastDeath {
    known: AtomicBool,
    who: Mutex<Option<String>>,
}

impl LastDeath {
    /// Notes how the lock was got; warns when its owner had died.
    #[inline]
    fn note(&self, py: Python<'_>, acquired: Acquired, kind: &str) -> PyResult<()> {
        match acquired.owner_died {
            Some(owner) => self.warn(py, &owner, kind),
            None => {
                if self.known.load(Ordering::Relaxed) {
                    self.set(None);
                }
                Ok(())
            }
        }
    }

    #[cold]
    fn warn(&self, py: Python<'_>, owner: &DeadOwner, kind: &str) -> PyResult<()> {
        self.set(Some(owner.to_string()));
        let text =
            format!("{owner} died while it held this {kind}; what the {kind} guards may be half changed");
        let text = CString::new(text.replace('\0', " "))?;
        PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1)
    }

    fn set(&self, who: Option<String>) {
        self.known.store(who.is_some(), Ordering::Relaxed);
        *self.who.lock().unwrap_or_else(PoisonError::into_inner) = who;
    }

    fn get(&self) -> Option<String> {
        self.who.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_mine(statistics: &LockStatistics) -> bool {
    statistics.holder.as_ref().is_some_and(|holder| holder.pid == getpid() && holder.thread == gettid())
}

fn is_this_process(statistics: &LockStatistics) -> bool {
    statistics.holder.as_ref().is_some_and(|holder| holder.pid == getpid())
}

/// The methods that both kinds share; `$release` turns a refused release into Python's error.
macro_rules! lock_class {
    ($(#[$doc:meta])* $name:ident, $raw:ty, $kind:literal, $release:expr, $depth:expr) => {
        $(#[$doc])*
        #[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
        pub struct $name {
            raw: $raw,
            last_death: LastDeath,
        }

        impl $name {
            fn take(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
                let patient = Patient::new(py);
                match self.raw.acquire(deadline(timeout), &patient) {
                    Ok(acquired) => self.last_death.note(py, acquired, $kind).map(|()| true),
                    Err(error) => from_wait(error, patient),
                }
            }

            #[inline]
            fn try_take(&self, py: Python<'_>) -> PyResult<bool> {
                match self.raw.try_acquire() {
                    Ok(Some(acquired)) => self.last_death.note(py, acquired, $kind).map(|()| true),
                    Ok(None) => Ok(false),
                    Err(error) => from_wait(error, Patient::new(py)),
                }
            }
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*, ctx = None, handle = None))]
            fn new(ctx: Option<Bound<'_, PyAny>>, handle: Option<u64>) -> PyResult<Self> {
                drop(ctx);
                let raw = match handle {
                    Some(handle) => <$raw>::attach(Handle::from_raw(handle)),
                    None => <$raw>::shared(),
                };
                Ok(Self { raw: raw.map_err(from_arena)?, last_death: LastDeath::default() })
            }

            /// Takes the lock; `False` when the time was over first.
            #[pyo3(signature = (block = true, timeout = None))]
            fn acquire(
                &self,
                py: Python<'_>,
                #[pyo3(from_py_with = truth)] block: bool,
                timeout: Option<f64>,
            ) -> PyResult<bool> {
                if self.try_take(py)? {
                    return Ok(true);
                }
                if !block || timeout.is_some_and(|seconds| seconds <= 0.0) {
                    return Ok(false);
                }
                self.take(py, timeout)
            }

            /// Releases the lock.
            fn release(&self) -> PyResult<()> {
                self.raw.release().map_err($release)
            }

            fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
                Ok(self.try_take(py)? || self.take(py, None)?)
            }

            fn __exit__(
                &self,
                _kind: &Bound<'_, PyAny>,
                _error: &Bound<'_, PyAny>,
                _traceback: &Bound<'_, PyAny>,
            ) -> PyResult<()> {
                self.release()
            }

            /// Who had the lock when it died, if that is how this process got it last.
            #[getter]
            fn owner_died(&self) -> Option<String> {
                self.last_death.get()
            }

            #[getter]
            fn _handle(&self) -> u64 {
                self.raw.handle().expect("a shared lock has one").to_raw()
            }

            fn _is_mine(&self) -> bool {
                is_mine(&self.raw.statistics())
            }

            /// How often this process holds it.
            fn _count(&self) -> u32 {
                let depth: fn(&$raw) -> u32 = $depth;
                match depth(&self.raw) {
                    0 => u32::from(is_this_process(&self.raw.statistics())),
                    depth => depth,
                }
            }

            /// 1 when it is free, else 0.
            fn _get_value(&self) -> u32 {
                u32::from(self.raw.statistics().holder.is_none())
            }
        }
    };
}

lock_class! {
    /// What `multiprocessing.Lock` is made of.
    Lock, RawLock, "lock",
    |_| PyValueError::new_err("semaphore or lock released too many times"),
    |_| 0
}

lock_class! {
    /// What `multiprocessing.RLock` is made of.
    RLock, RawRLock, "lock",
    |_| PyAssertionError::new_err("attempt to release recursive lock not owned by thread"),
    RawRLock::depth
}
