//! What `threading.Barrier` is made of.
//!
//! The action is run by the last thread to come; what it raises breaks the barrier and is raised there. A wait that a
//! signal handler ends breaks nothing: its thread has not come. A subclass may have any constructor: what the barrier is
//! for comes with `__init__`.

use super::{limit, named};
use crate::errors::ended;
use crate::ffi::Patient;
use manyhands::sync::{BarrierError, RawBarrier};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::sync::OnceLock;

static BROKEN: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn broken(py: Python<'_>) -> PyErr {
    match BROKEN.import(py, "manyhands.threading", "BrokenBarrierError") {
        Ok(kind) => PyErr::from_type(kind.clone(), ()),
        Err(error) => error,
    }
}

struct Made {
    raw: RawBarrier,
    action: Option<Py<PyAny>>,
    timeout: Option<f64>,
}

/// A place that nobody leaves before all have come.
#[pyclass(frozen, subclass, module = "manyhands._engine")]
pub struct ThreadBarrier {
    made: OnceLock<Made>,
}

impl ThreadBarrier {
    fn made(&self) -> PyResult<&Made> {
        self.made.get().ok_or_else(|| PyRuntimeError::new_err("Barrier.__init__() was not called"))
    }
}

#[pymethods]
impl ThreadBarrier {
    #[new]
    #[pyo3(signature = (*_arguments, **_more), text_signature = "(parties, action=None, timeout=None)")]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadBarrier {
        ThreadBarrier { made: OnceLock::new() }
    }

    #[pyo3(signature = (parties, action = None, timeout = None))]
    fn __init__(&self, parties: i64, action: Option<Py<PyAny>>, timeout: Option<f64>) -> PyResult<()> {
        let most = RawBarrier::MOST_PARTIES;
        if parties < 1 {
            return Err(PyValueError::new_err(format!(
                "parties must be > 0: a barrier has between 1 and {most} parties, not {parties}"
            )));
        }
        let parties = u32::try_from(parties).ok().filter(|parties| *parties <= most);
        let parties =
            parties.ok_or_else(|| PyValueError::new_err(format!("a barrier has {most} parties at most")))?;
        let made = Made { raw: RawBarrier::private(parties), action, timeout };
        self.made.set(made).map_err(|_| PyRuntimeError::new_err("Barrier.__init__() was called before"))
    }

    /// Waits until all have come; gives a number from 0 on, another one to each.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<u32> {
        let py = slf.py();
        let made = slf.get().made()?;
        let until = limit(timeout.or(made.timeout));
        let patient = Patient::on(slf);
        let mut raised = None;
        let result =
            made.raw.wait(until, &patient, || match made.action.as_ref().map(|action| action.call0(py)) {
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
            Ok(arrived) => Ok(made.raw.parties() - 1 - arrived),
            Err(BarrierError::Wait(error)) => Err(ended(error, patient, || broken(py))),
            Err(_) => Err(broken(py)),
        }
    }

    /// Makes it as it was when it was new; who waits gets BrokenBarrierError.
    fn reset(&self) -> PyResult<()> {
        self.made()?.raw.reset();
        Ok(())
    }

    /// Breaks it: who waits, and who comes, gets BrokenBarrierError.
    fn abort(&self) -> PyResult<()> {
        self.made()?.raw.abort();
        Ok(())
    }

    /// How many must come.
    #[getter]
    fn parties(&self) -> PyResult<u32> {
        Ok(self.made()?.raw.parties())
    }

    /// How many have come and wait.
    #[getter]
    fn n_waiting(&self) -> PyResult<u32> {
        Ok(self.made()?.raw.statistics().waiters)
    }

    /// What the last to come runs.
    #[getter]
    fn _action(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.made()?.action.as_ref().map(|action| action.clone_ref(py)))
    }

    /// How long each waits who does not say, in seconds.
    #[getter]
    fn _timeout(&self) -> PyResult<Option<f64>> {
        Ok(self.made()?.timeout)
    }

    /// Whether it is broken.
    #[getter]
    fn broken(&self) -> PyResult<bool> {
        Ok(self.made()?.raw.statistics().broken)
    }

    /// How many must come, how many wait, and whether it is broken.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let statistics = self.made()?.raw.statistics();
        let told = PyDict::new(py);
        told.set_item("parties", statistics.parties)?;
        told.set_item("waiters", statistics.waiters)?;
        told.set_item("broken", statistics.broken)?;
        Ok(told)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.made.get().map_or(Ok(()), |made| visit.call(&made.action))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let statistics = slf.get().made()?.raw.statistics();
        let tells = match statistics.broken {
            true => "broken".to_owned(),
            false => format!("waiters={}/{}", statistics.waiters, statistics.parties),
        };
        named(slf, &tells)
    }
}
