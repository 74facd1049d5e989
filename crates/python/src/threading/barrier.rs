//! The base class of `threading.Barrier`.
//!
//! The last thread to come runs the action; an exception of it breaks the barrier and is raised in that thread. A wait
//! that a signal handler ends breaks nothing: its thread counts as not arrived. A subclass may have a constructor with
//! any arguments, so the number of parties comes with `__init__`. A subclass with steps of its own (`_enter`, `_wait`,
//! `_release`, `_exit`, `_break`) uses the standard class's functions, which call these.

use super::named;
use crate::errors::ended;
use crate::ffi::Patient;
use crate::patience::limit;
use manyhands::sync::{BarrierError, RawBarrier};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

static BROKEN: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn broken(py: Python<'_>) -> PyErr {
    match BROKEN.import(py, "manyhands.threading", "BrokenBarrierError") {
        Ok(kind) => PyErr::from_type(kind.clone(), ()),
        Err(error) => error,
    }
}

/// The action and the time-out, as the program has set them last.
#[derive(Default)]
struct Settings {
    action: Option<Py<PyAny>>,
    timeout: Option<Py<PyAny>>,
}

/// A place that no thread leaves before all have come.
#[pyclass(frozen, subclass, module = "manyhands._engine")]
pub struct ThreadBarrier {
    raw: OnceLock<RawBarrier>,
    settings: Mutex<Settings>,
}

impl ThreadBarrier {
    fn raw(&self) -> PyResult<&RawBarrier> {
        self.raw.get().ok_or_else(|| PyRuntimeError::new_err("Barrier.__init__() was not called"))
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn action_and_timeout(&self, py: Python<'_>) -> (Option<Py<PyAny>>, Option<Py<PyAny>>) {
        let settings = self.settings();
        let copy = |object: &Option<Py<PyAny>>| object.as_ref().map(|object| object.clone_ref(py));
        (copy(&settings.action), copy(&settings.timeout))
    }

    /// Uses the standard class's method or property. Raises RuntimeError where `__init__` was not called, and
    /// there is nothing to work on.
    #[cold]
    fn by_steps<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        timeout: Option<Option<f64>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match timeout {
            None => slf.call_method1("_manyhands_by_steps", (name,)),
            Some(timeout) => slf.call_method1("_manyhands_by_steps", (name, timeout)),
        }
    }
}

/// The number of parties, if a barrier can have so many.
fn checked(parties: i64) -> PyResult<u32> {
    let most = RawBarrier::MOST_PARTIES;
    if parties < 1 {
        return Err(PyValueError::new_err("parties must be > 0"));
    }
    let parties = u32::try_from(parties).ok().filter(|parties| *parties <= most);
    parties.ok_or_else(|| PyValueError::new_err(format!("a barrier has {most} parties at most")))
}

#[pymethods]
impl ThreadBarrier {
    #[new]
    #[pyo3(signature = (*_arguments, **_more), text_signature = "(parties, action=None, timeout=None)")]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadBarrier {
        ThreadBarrier { raw: OnceLock::new(), settings: Mutex::default() }
    }

    #[pyo3(signature = (parties, action = None, timeout = None))]
    fn __init__(&self, parties: i64, action: Option<Py<PyAny>>, timeout: Option<Py<PyAny>>) -> PyResult<()> {
        let raw = RawBarrier::private(checked(parties)?);
        self.raw.set(raw).map_err(|_| PyRuntimeError::new_err("Barrier.__init__() was called before"))?;
        let before = std::mem::replace(&mut *self.settings(), Settings { action, timeout });
        drop(before);
        Ok(())
    }

    /// Waits until all parties have come, and returns a number from 0 to `parties - 1`, a different one to each.
    ///
    /// The last thread to come calls the action first; what that raises is raised there, and breaks the barrier.
    /// `timeout`, in seconds, is used instead of the barrier's own. Raises BrokenBarrierError when the time is over
    /// before all have come, which breaks the barrier, and when the barrier is broken or reset.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<u32> {
        let py = slf.py();
        let Some(raw) = slf.get().raw.get() else {
            return Self::by_steps(slf, "wait", Some(timeout))?.extract();
        };
        let (action, usual) = slf.get().action_and_timeout(py);
        let timeout = match (timeout, usual) {
            (None, Some(usual)) => Some(usual.extract::<f64>(py)?),
            (timeout, _) => timeout,
        };
        let until = limit(timeout)?;
        let patient = Patient::on(slf);
        let mut raised = None;
        let result = raw.wait(until, &patient, || match action.as_ref().map(|action| action.call0(py)) {
            Some(Err(error)) => {
                raised = Some(error);
                false
            }
            _ => true,
        });
        if let Some(raised) = raised {
            return Err(raised);
        }
        match result {
            Ok(arrived) => Ok((raw.parties() - 1).saturating_sub(arrived)),
            Err(BarrierError::Wait(error)) => Err(ended(error, patient, || broken(py))),
            Err(_) => Err(broken(py)),
        }
    }

    /// Resets the barrier to the empty state; threads that wait get BrokenBarrierError.
    fn reset(slf: &Bound<'_, Self>) -> PyResult<()> {
        let Some(raw) = slf.get().raw.get() else { return Self::by_steps(slf, "reset", None).map(drop) };
        raw.reset();
        Ok(())
    }

    /// Breaks the barrier: threads that wait, and those that come, get BrokenBarrierError.
    fn abort(slf: &Bound<'_, Self>) -> PyResult<()> {
        let Some(raw) = slf.get().raw.get() else { return Self::by_steps(slf, "abort", None).map(drop) };
        raw.abort();
        Ok(())
    }

    /// How many threads must come.
    #[getter]
    fn parties(slf: &Bound<'_, Self>) -> PyResult<u32> {
        let Some(raw) = slf.get().raw.get() else { return Self::by_steps(slf, "parties", None)?.extract() };
        Ok(raw.parties())
    }

    /// How many threads have come and wait.
    #[getter]
    fn n_waiting(slf: &Bound<'_, Self>) -> PyResult<u32> {
        let Some(raw) = slf.get().raw.get() else { return Self::by_steps(slf, "n_waiting", None)?.extract() };
        Ok(raw.statistics().waiters)
    }

    /// Whether `__init__` has run.
    #[getter]
    fn _manyhands_is_made(&self) -> bool {
        self.raw.get().is_some()
    }

    /// The callable that the last thread to come runs.
    #[getter]
    fn _action(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.action_and_timeout(py).0
    }

    /// Sets what the last thread to come runs. `__init__` replaces what was set before it.
    #[setter(_action)]
    fn set_action(&self, action: Option<Py<PyAny>>) {
        let before = std::mem::replace(&mut self.settings().action, action);
        drop(before);
    }

    /// How long a thread waits that gives no time-out, in seconds.
    #[getter]
    fn _timeout(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.action_and_timeout(py).1
    }

    /// Sets how long a thread waits that gives no time-out.
    #[setter(_timeout)]
    fn set_timeout(&self, timeout: Option<Py<PyAny>>) {
        let before = std::mem::replace(&mut self.settings().timeout, timeout);
        drop(before);
    }

    /// Sets how many threads must come. Before `__init__`, which sets that anyway, it has no effect.
    fn _manyhands_set_parties(&self, parties: i64) -> PyResult<()> {
        if let Some(raw) = self.raw.get() {
            raw.set_parties(checked(parties)?);
        }
        Ok(())
    }

    /// Whether the barrier is broken.
    #[getter]
    fn broken(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let Some(raw) = slf.get().raw.get() else { return Self::by_steps(slf, "broken", None)?.extract() };
        Ok(raw.statistics().broken)
    }

    /// The state as the standard library numbers it: 0 while the barrier fills, -2 once it is broken. Its 1 (draining)
    /// and -1 (resetting) do not occur, since all that wait leave in one step.
    #[getter]
    fn _state(&self) -> PyResult<i32> {
        Ok(if self.raw()?.statistics().broken { -2 } else { 0 })
    }

    /// How many threads must come, how many wait, and whether the barrier is broken.
    fn statistics<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let fields = PyDict::new(slf.py());
        fields.set_item("parties", Self::parties(slf)?)?;
        fields.set_item("waiters", Self::n_waiting(slf)?)?;
        fields.set_item("broken", Self::broken(slf)?)?;
        Ok(fields)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.settings.try_lock() {
            Ok(settings) => visit.call(&settings.action).and_then(|()| visit.call(&settings.timeout)),
            Err(_) => Ok(()),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let state = match Self::broken(slf)? {
            true => "broken".to_owned(),
            false => format!("waiters={}/{}", Self::n_waiting(slf)?, Self::parties(slf)?),
        };
        named(slf, &state)
    }
}
