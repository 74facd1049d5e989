//! Barriers between processes, as Python's classes build on them.
//!
//! When a process ends while it waits at a barrier, the barrier breaks, for all that wait there and all that come
//! later. The action, which the last party to arrive runs, is a Python callable. A negative time-out is zero.

use crate::errors::from_wait;
use crate::ffi::Patient;
use crate::later::{Later, shared_class};
use crate::patience::limit_of_semaphore;
use crate::value::{Arguments, Named};
use manyhands::sync::{BarrierError, RawBarrier, WaitError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

/// How a wait at a barrier ended: with the number among the parties, or the reason why the barrier is broken.
#[derive(IntoPyObject)]
enum Outcome {
    Number(u32),
    Broken(String),
}

shared_class! {
    /// The base class of `multiprocessing.Barrier`.
    Barrier { raw: RawBarrier }:

    /// Makes the barrier in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (parties = 1, handle = None))]
    fn open(&self, parties: i64, handle: Option<u64>) -> PyResult<()> {
        let most = RawBarrier::MOST_PARTIES;
        match u32::try_from(parties) {
            Ok(parties) if (1..=most).contains(&parties) => {
                self.raw.open(handle, RawBarrier::attach, || RawBarrier::shared(parties))
            }
            _ => Err(PyValueError::new_err(format!(
                "parties must be > 0: a barrier has between 1 and {most} parties, not {parties}"
            ))),
        }
    }

    /// Waits until all parties have arrived. The last runs `action`; what that raises is raised here.
    #[pyo3(name = "_manyhands_wait")]
    fn wait(
        slf: &Bound<'_, Self>,
        timeout: Option<f64>,
        action: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Outcome> {
        let until = limit_of_semaphore(timeout)?;
        let patient = Patient::on(slf).tied_to(slf.get().raw.lease());
        let mut raised = None;
        // The last party to arrive has not waited, so it still has the interpreter lock and may call into Python.
        let act = || match action.map(|action| action.call0()) {
            Some(Err(error)) => {
                raised = Some(error);
                false
            }
            _ => true,
        };
        let result = slf.get().raw.get()?.wait(until, &patient, act);
        match (result, raised) {
            (_, Some(error)) => Err(error),
            (Ok(place), None) => Ok(Outcome::Number(place)),
            (Err(BarrierError::Wait(WaitError::TimedOut)), None) => Ok(Outcome::Broken(String::new())),
            (Err(BarrierError::Wait(error)), None) => {
                from_wait(error, patient).map(|_| Outcome::Broken("the wait was ended".to_owned()))
            }
            // As in the standard library the error has no text, unless a process died.
            (Err(BarrierError::Broken), None) => Ok(Outcome::Broken(String::new())),
            (Err(broken), None) => Ok(Outcome::Broken(broken.to_string())),
        }
    }

    /// Resets the barrier to the empty state; the waits of all that wait fail.
    fn reset(&self) -> PyResult<()> {
        self.raw.get().map(RawBarrier::reset)
    }

    /// Breaks the barrier: waits fail, those under way and later ones, until it is reset.
    fn abort(&self) -> PyResult<()> {
        self.raw.get().map(RawBarrier::abort)
    }

    /// How many must arrive.
    #[getter]
    fn parties(&self) -> PyResult<u32> {
        Ok(self.raw.get()?.parties())
    }

    /// How many have arrived and wait for the others.
    #[getter]
    fn n_waiting(&self) -> PyResult<u32> {
        Ok(self.raw.get()?.statistics().waiters)
    }

    /// How many must arrive, how many have, and whether it is broken.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.raw.get()?.statistics();
        let fields = [("parties", seen.parties), ("waiters", seen.waiters)].into_py_dict(py)?;
        fields.set_item("broken", seen.broken)?;
        Ok(fields)
    }

    /// Whether it is broken.
    #[getter]
    fn broken(&self) -> PyResult<bool> {
        Ok(self.raw.get()?.statistics().broken)
    }
}
