//! Bankers and the claims on them, as Python's classes build on them.
//!
//! Units are passed in lists, in the order of the resources; the Python package knows the names. A wait releases the
//! interpreter lock and lets signal handlers run. A claim is closed when the last reference to it goes.

use crate::child::deadline;
use crate::errors::{ended, from_arena, from_wait};
use crate::ffi::Patient;
use crate::value::kept_name;
use manyhands::arena::Handle;
use manyhands::sync::{BankerError, RawBanker, RawClaim, Verdict};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;

/// Name, pid, and three lists of units: declared, held, waited for.
type ClaimantRow = (String, u32, Vec<u64>, Vec<u64>, Option<Vec<u64>>);

fn from_banker(error: BankerError) -> PyErr {
    let text = error.to_string();
    match error {
        BankerError::Arena(error) => from_arena(error),
        BankerError::Busy { .. } => PyRuntimeError::new_err(text),
        BankerError::TooManyClaimants { .. } | BankerError::Wait(_) => {
            PyOSError::new_err((libc::EAGAIN, text))
        }
        _ => PyValueError::new_err(text),
    }
}

/// Looks at the books, which may have to wait for its turn, and returns what the look found.
fn looked<T>(patient: Patient<'_>, look: impl FnOnce(&Patient<'_>) -> Result<T, BankerError>) -> PyResult<T> {
    look(&patient).map_err(|error| match error {
        BankerError::Wait(error) => ended(error, patient, || unreachable!("no deadline was set")),
        error => from_banker(error),
    })
}

/// The compiled half of `manyhands.Banker`.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct Banker {
    raw: Arc<RawBanker>,
}

#[pymethods]
impl Banker {
    #[new]
    #[pyo3(signature = (resources, shared = false, *, handle = None))]
    fn new(resources: Vec<(String, u64)>, shared: bool, handle: Option<u64>) -> PyResult<Banker> {
        let resources: Vec<(&str, u64)> =
            resources.iter().map(|(name, units)| (name.as_str(), *units)).collect();
        let raw = match handle {
            Some(handle) => RawBanker::attach(Handle::from_raw(handle)).map_err(from_arena)?,
            None if shared => RawBanker::shared(&resources).map_err(from_banker)?,
            None => RawBanker::private(&resources).map_err(from_banker)?,
        };
        Ok(Banker { raw: Arc::new(raw) })
    }

    fn _claim(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = kept_name)] name: String,
        units: Vec<u64>,
    ) -> PyResult<Claim> {
        let raw = looked(Patient::new(py), |patient| self.raw.claim(&name, &units, patient))?;
        Ok(Claim { banker: self.raw.clone(), raw })
    }

    fn _admits(&self, name: &str, units: Vec<u64>) -> PyResult<()> {
        self.raw.admits(name, &units).map_err(from_banker)
    }

    /// Name and total of each resource.
    fn _resources(&self) -> Vec<(String, u64)> {
        self.raw.resources().iter().cloned().zip(self.raw.totals()).collect()
    }

    fn _safe_order(&self, py: Python<'_>) -> PyResult<Option<Vec<String>>> {
        looked(Patient::new(py), |patient| self.raw.safe_order(patient).map_err(BankerError::Wait))
    }

    /// The free units of each resource, and the claimants.
    fn _statistics(&self, py: Python<'_>) -> PyResult<(Vec<u64>, Vec<ClaimantRow>)> {
        let statistics =
            looked(Patient::new(py), |patient| self.raw.statistics(patient).map_err(BankerError::Wait))?;
        let free = statistics.resources.iter().map(|resource| resource.free).collect();
        let claimants = statistics.claimants.into_iter();
        let rows = claimants.map(|one| (one.name, one.pid, one.claimed, one.held, one.waits_for));
        Ok((free, rows.collect()))
    }

    /// `None` for a banker of threads.
    #[getter]
    fn _handle(&self) -> Option<u64> {
        self.raw.handle().map(Handle::to_raw)
    }
}

/// The compiled half of `manyhands.Claim`.
#[pyclass(frozen, weakref, module = "manyhands._engine")]
pub struct Claim {
    banker: Arc<RawBanker>,
    raw: RawClaim,
}

#[pymethods]
impl Claim {
    /// The claimant's name.
    #[getter]
    fn name(&self) -> &str {
        self.raw.name()
    }

    /// Takes units as soon as that is safe; `False` when the time was over first. `claim` is the object that reports
    /// name as the one waited for.
    #[pyo3(signature = (units, timeout = None, claim = None))]
    fn _request(
        slf: &Bound<'_, Self>,
        units: Vec<u64>,
        timeout: Option<f64>,
        claim: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let (this, patient) = (slf.get(), Patient::on(claim.unwrap_or(slf)).for_caller());
        match this.banker.request(&this.raw, &units, deadline(timeout), &patient) {
            Ok(()) => Ok(true),
            Err(BankerError::Wait(error)) => from_wait(error, patient),
            Err(error) => Err(from_banker(error)),
        }
    }

    fn _try_request(&self, py: Python<'_>, units: Vec<u64>) -> PyResult<bool> {
        looked(Patient::new(py), |patient| self.banker.try_request(&self.raw, &units, patient))
    }

    fn _release(&self, py: Python<'_>, units: Vec<u64>) -> PyResult<()> {
        looked(Patient::new(py), |patient| self.banker.release(&self.raw, &units, patient))
    }

    fn _held(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        looked(Patient::new(py), |patient| self.banker.held(&self.raw, patient))
    }

    /// Whether a request would be granted, with the order that was found, or the resource of which there is not enough.
    fn _foresee(
        &self,
        py: Python<'_>,
        units: Vec<u64>,
    ) -> PyResult<(bool, Option<Vec<String>>, Option<String>)> {
        match looked(Patient::new(py), |patient| self.banker.foresee(&self.raw, &units, patient))? {
            Verdict::Safe(order) => Ok((true, Some(order), None)),
            Verdict::NotFree(resource) => Ok((false, None, Some(resource))),
            _ => Ok((false, None, None)),
        }
    }

    /// Gives back all that the claim has, and ends the claim.
    fn close(&self) {
        self.banker.close(&self.raw);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.banker.close(&self.raw);
    }
}
