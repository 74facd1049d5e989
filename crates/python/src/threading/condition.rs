//! What `threading.Condition` is made of.
//!
//! A condition may stand on any lock. On the engine's own a wait gives the lock up and takes it again without a call into
//! Python; on others it does what the lock offers (`_release_save`, `_acquire_restore`, `_is_owned`), or `release` and
//! `acquire`, as the standard library does.

use super::limit;
use super::lock::{ThreadLock, ThreadRLock, refused, restore};
use crate::errors::{from_wait, waited};
use crate::ffi::{Guarding, Patient, here};
use manyhands::platform::Deadline;
use manyhands::sync::{RawCondition, Taking, WaitError};
use pyo3::exceptions::{PyAttributeError, PyRuntimeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::OnceLock;

/// The lock of a condition.
enum Held {
    Lock(Py<ThreadLock>),
    RLock(Py<ThreadRLock>),
    Other(Py<PyAny>),
}

/// What is kept of a lock while it is given up.
enum Saved {
    /// One of ours, and whether it was taken by a `with` that only its thread can leave.
    Lock(bool),
    Once,
    Depth(u32),
    Other(Py<PyAny>),
}

/// A place where threads wait to be told that something has changed.
#[pyclass(frozen, subclass, module = "manyhands._engine")]
pub struct ThreadCondition {
    raw: RawCondition,
    held: OnceLock<Held>,
}

impl Held {
    fn of(lock: Bound<'_, PyAny>) -> Held {
        // Exactly these: a subclass may do something of its own.
        if let Ok(lock) = lock.cast_exact::<ThreadLock>() {
            return Held::Lock(lock.clone().unbind());
        }
        if let Ok(lock) = lock.cast_exact::<ThreadRLock>() {
            return Held::RLock(lock.clone().unbind());
        }
        Held::Other(lock.unbind())
    }

    fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        match self {
            Held::Lock(lock) => lock.bind(py).as_any(),
            Held::RLock(lock) => lock.bind(py).as_any(),
            Held::Other(lock) => lock.bind(py),
        }
    }
}

fn offered<'py>(lock: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match lock.getattr(name) {
        Ok(method) => Ok(Some(method)),
        Err(error) if error.is_instance_of::<PyAttributeError>(lock.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

impl ThreadCondition {
    fn held(&self) -> PyResult<&Held> {
        self.held.get().ok_or_else(|| PyRuntimeError::new_err("Condition.__init__() was not called"))
    }

    fn owned(&self, py: Python<'_>) -> PyResult<bool> {
        match self.held()? {
            Held::Lock(lock) => Ok(lock.get().raw.is_held()),
            Held::RLock(lock) => Ok(lock.get().raw.depth() > 0),
            Held::Other(lock) => {
                let lock = lock.bind(py);
                if let Some(method) = offered(lock, "_is_owned")? {
                    return method.call0()?.is_truthy();
                }
                if lock.call_method1("acquire", (false,))?.is_truthy()? {
                    lock.call_method0("release")?;
                    return Ok(false);
                }
                Ok(true)
            }
        }
    }

    fn save(&self, py: Python<'_>) -> PyResult<Saved> {
        match self.held()? {
            Held::Lock(lock) => {
                let guarded = lock.get().raw.is_guarded();
                let released = lock.get().raw.release().map(|()| Saved::Lock(guarded));
                released.map_err(|error| ThreadLock::refusal(lock.bind(py), error))
            }
            Held::RLock(lock) => {
                let released = lock.get().raw.release_save().map(Saved::Depth);
                released.map_err(|error| ThreadRLock::refusal(lock.bind(py), error))
            }
            Held::Other(lock) => {
                let lock = lock.bind(py);
                match offered(lock, "_release_save")? {
                    Some(method) => Ok(Saved::Other(method.call0()?.unbind())),
                    None => lock.call_method0("release").map(|_| Saved::Once),
                }
            }
        }
    }

    fn restore(&self, py: Python<'_>, saved: &Saved) -> PyResult<()> {
        match (self.held()?, saved) {
            (Held::RLock(lock), Saved::Depth(depth)) => restore(lock.bind(py), *depth),
            (Held::Lock(lock), saved) => {
                let (lock, guarded) = (lock.bind(py), matches!(saved, Saved::Lock(true)));
                let mut raised = None;
                loop {
                    let patient = Patient::on(lock);
                    let taking = Taking { site: here(py), guarded };
                    match lock.get().raw.acquire_as(None, &patient, taking) {
                        Ok(_) => return raised.map_or(Ok(()), Err),
                        Err(WaitError::Interrupted) => raised = patient.raised().or(raised),
                        Err(error) => return from_wait(error, patient).map(drop),
                    }
                }
            }
            (held, saved) => {
                let lock = held.object(py);
                match (offered(lock, "_acquire_restore")?, saved) {
                    (Some(method), Saved::Other(state)) => method.call1((state,)).map(drop),
                    _ => lock.call_method0("acquire").map(drop),
                }
            }
        }
    }

    fn wait_until(slf: &Bound<'_, Self>, until: Option<Deadline>) -> PyResult<bool> {
        let (py, this) = (slf.py(), slf.get());
        if !this.owned(py)? {
            return Err(refused("cannot wait on un-acquired lock", slf));
        }
        let enlisted = match this.raw.enlist() {
            Ok(enlisted) => enlisted,
            Err(error) => return from_wait(error, Patient::new(py)),
        };
        let saved = this.save(py)?;
        let patient = Patient::on(slf);
        let result = enlisted.wait(until, &patient);
        drop(enlisted);
        let result = waited(result, patient);
        // The lock first: whoever handles what was raised relies on it.
        this.restore(py, &saved)?;
        result
    }

    fn check_owned(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().owned(slf.py())? {
            return Ok(());
        }
        Err(refused("cannot notify on un-acquired lock", slf))
    }
}

#[pymethods]
impl ThreadCondition {
    #[new]
    #[pyo3(signature = (*_arguments, **_more), text_signature = "(lock=None)")]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadCondition {
        ThreadCondition { raw: RawCondition::private(), held: OnceLock::new() }
    }

    #[pyo3(signature = (lock = None))]
    fn __init__(slf: &Bound<'_, Self>, lock: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let lock = match lock {
            Some(lock) => lock,
            None => slf.py().get_type::<ThreadRLock>().call0()?,
        };
        // What is not a lock is found out here.
        lock.getattr("acquire")?;
        lock.getattr("release")?;
        let refused = |_| PyRuntimeError::new_err("Condition.__init__() was called before");
        slf.get().held.set(Held::of(lock)).map_err(refused)
    }

    /// The lock's own method.
    #[getter]
    fn acquire<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.held()?.object(py).getattr("acquire")
    }

    /// The lock's own method.
    #[getter]
    fn release<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.held()?.object(py).getattr("release")
    }

    #[getter]
    fn _lock<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.held()?.object(py).clone())
    }

    fn _is_owned(&self, py: Python<'_>) -> PyResult<bool> {
        self.owned(py)
    }

    fn _release_save(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        Ok(match self.save(py)? {
            Saved::Once | Saved::Lock(_) => None,
            Saved::Depth(depth) => Some((depth, 0).into_pyobject(py)?.into_any().unbind()),
            Saved::Other(state) => Some(state),
        })
    }

    #[pyo3(signature = (state, /))]
    fn _acquire_restore(&self, py: Python<'_>, state: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let saved = match (self.held()?, state) {
            (Held::RLock(_), Some(state)) => Saved::Depth(state.get_item(0)?.extract()?),
            (_, Some(state)) => Saved::Other(state.unbind()),
            (_, None) => Saved::Once,
        };
        self.restore(py, &saved)
    }

    fn __enter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.held()?.object(py).call_method0("__enter__")
    }

    #[pyo3(signature = (*args))]
    fn __exit__<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.held()?.object(py).call_method1("__exit__", args)
    }

    /// Gives the lock up, waits to be notified, takes the lock again; False when the time was over first.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<bool> {
        ThreadCondition::wait_until(slf, limit(timeout))
    }

    /// Waits until `predicate()` is true; gives what it gave last.
    #[pyo3(signature = (predicate, timeout = None))]
    fn wait_for<'py>(
        slf: &Bound<'py, Self>,
        predicate: &Bound<'py, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut result = predicate.call0()?;
        let until = limit(timeout);
        // The first wait gets the time as it was given, even if that is none: it also checks that the lock is held.
        let mut left = timeout;
        while !result.is_truthy()? {
            // A subclass may wait in a way of its own.
            slf.call_method1("wait", (left,))?;
            result = predicate.call0()?;
            left = until.map(|until| until.remaining().as_secs_f64());
            if left == Some(0.0) {
                break;
            }
        }
        Ok(result)
    }

    /// Wakes `n` of the threads that wait.
    #[pyo3(signature = (n = 1))]
    fn notify(slf: &Bound<'_, Self>, n: i64) -> PyResult<()> {
        Self::check_owned(slf)?;
        slf.get().raw.notify(u32::try_from(n.max(0)).unwrap_or(u32::MAX));
        Ok(())
    }

    /// Wakes all threads that wait.
    fn notify_all(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::check_owned(slf)?;
        slf.get().raw.notify_all();
        Ok(())
    }

    /// How many wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let told = PyDict::new(py);
        told.set_item("waiters", self.raw.statistics().waiters)?;
        Ok(told)
    }

    fn _at_fork_reinit(&self, py: Python<'_>) -> PyResult<()> {
        self.raw.notify_all();
        self.held()?.object(py).call_method0("_at_fork_reinit").map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.held.get() {
            Some(Held::Lock(lock)) => visit.call(lock),
            Some(Held::RLock(lock)) => visit.call(lock),
            Some(Held::Other(lock)) => visit.call(lock),
            None => Ok(()),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let lock = self.held()?.object(py).str()?;
        Ok(format!("<Condition({lock}, {})>", self.raw.statistics().waiters))
    }
}
