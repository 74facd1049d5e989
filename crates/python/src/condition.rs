//! Conditions and barriers between processes, as Python's classes build on them.
//!
//! A condition goes with a lock that is a Python object: it is given up and taken again by that one's own methods, as often
//! as it was held. A waiter that is killed takes no notification with it; the end of a process that waits at a barrier breaks
//! it. A negative time-out is zero.

use crate::child::deadline;
use crate::errors::{from_arena, from_wait, waited};
use crate::ffi::Patient;
use crate::lock::{Lock, RLock};
use manyhands::arena::Handle;
use manyhands::sync::{BarrierError, RawBarrier, RawCondition, WaitError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

/// What `multiprocessing.Condition` is made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct Condition {
    raw: RawCondition,
}

/// Whether no subclass has an `acquire` of its own.
fn acquires_as_ours(lock: &Bound<'_, PyAny>) -> PyResult<bool> {
    let (py, own) = (lock.py(), lock.get_type().getattr("acquire")?);
    let ours = [py.get_type::<Lock>(), py.get_type::<RLock>()];
    Ok(ours.iter().any(|kind| kind.getattr("acquire").is_ok_and(|acquire| acquire.is(&own))))
}

#[pymethods]
impl Condition {
    #[new]
    #[pyo3(signature = (*, handle = None))]
    fn new(handle: Option<u64>) -> PyResult<Condition> {
        let raw = match handle {
            Some(handle) => RawCondition::attach(Handle::from_raw(handle)),
            None => RawCondition::shared(),
        };
        Ok(Condition { raw: raw.map_err(from_arena)? })
    }

    /// Gives up `lock`, which the calling thread holds, waits to be notified, and takes the lock again; `False` when the
    /// time was over first.
    fn _wait(slf: &Bound<'_, Self>, lock: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<bool> {
        let patient = Patient::on(slf);
        let place = match slf.get().raw.enlist() {
            Ok(place) => place,
            Err(error) => return from_wait(error, patient),
        };
        let held: u32 = lock.call_method0("_count")?.extract()?;
        // As it was taken the first time: what is held by `with` is not left taken by a process that ends. A subclass
        // with an `acquire` of its own is asked for that in any case, as by the standard library's condition.
        let by_with = lock.call_method0("_is_guarded")?.is_truthy()? && acquires_as_ours(lock)?;
        for _ in 0..held {
            lock.call_method0("release")?;
        }
        let notified = waited(place.wait(deadline(timeout), &patient), patient);
        for number in 0..held {
            lock.call_method0(if by_with && number == 0 { "__enter__" } else { "acquire" })?;
        }
        // Only now: what a waiter that is killed before it has its lock was told goes to another.
        drop(place);
        notified
    }

    /// Wakes so many of those that wait, the longest waiting first; says how many.
    fn _notify(&self, count: i64) -> u32 {
        match u32::try_from(count) {
            Ok(count) => self.raw.notify(count),
            Err(_) if count < 0 => 0,
            Err(_) => self.raw.notify_all(),
        }
    }

    /// How many wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        [("waiters", self.raw.statistics().waiters)].into_py_dict(py)
    }

    #[getter]
    fn _handle(&self) -> u64 {
        self.raw.handle().expect("a shared condition has one").to_raw()
    }
}

/// What `multiprocessing.Barrier` is made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct Barrier {
    raw: RawBarrier,
}

/// How a wait at a barrier ended: the place among the parties, or why the barrier is broken.
#[derive(IntoPyObject)]
enum Place {
    Number(u32),
    Broken(String),
}

#[pymethods]
impl Barrier {
    #[new]
    #[pyo3(signature = (parties = 1, *, handle = None))]
    fn new(parties: i64, handle: Option<u64>) -> PyResult<Barrier> {
        let raw = match (handle, u32::try_from(parties)) {
            (Some(handle), _) => RawBarrier::attach(Handle::from_raw(handle)),
            (None, Ok(parties @ 1..=RawBarrier::MOST_PARTIES)) => RawBarrier::shared(parties),
            _ => {
                let most = RawBarrier::MOST_PARTIES;
                return Err(PyValueError::new_err(format!(
                    "parties must be > 0: a barrier has between 1 and {most} parties, not {parties}"
                )));
            }
        };
        Ok(Barrier { raw: raw.map_err(from_arena)? })
    }

    /// Waits until all parties have arrived. The last runs `action`; what that raises is raised here.
    fn _wait(
        slf: &Bound<'_, Self>,
        timeout: Option<f64>,
        action: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Place> {
        let patient = Patient::on(slf);
        let mut raised = None;
        // The last to arrive has not waited, so it has the interpreter lock.
        let act = || match action.map(|action| action.call0()) {
            Some(Err(error)) => {
                raised = Some(error);
                false
            }
            _ => true,
        };
        let result = slf.get().raw.wait(deadline(timeout), &patient, act);
        match (result, raised) {
            (_, Some(error)) => Err(error),
            (Ok(place), None) => Ok(Place::Number(place)),
            (Err(BarrierError::Wait(WaitError::TimedOut)), None) => {
                Ok(Place::Broken("the barrier is broken: this party waited too long".to_owned()))
            }
            (Err(BarrierError::Wait(error)), None) => {
                from_wait(error, patient).map(|_| Place::Broken("the wait was ended".to_owned()))
            }
            (Err(broken), None) => Ok(Place::Broken(broken.to_string())),
        }
    }

    /// Makes the barrier as it was when it was new; who waits fails.
    fn reset(&self) {
        self.raw.reset();
    }

    /// Breaks the barrier: who waits and who comes fails, until it is reset.
    fn abort(&self) {
        self.raw.abort();
    }

    /// How many must arrive.
    #[getter]
    fn parties(&self) -> u32 {
        self.raw.parties()
    }

    /// How many have arrived and wait for the others.
    #[getter]
    fn n_waiting(&self) -> u32 {
        self.raw.statistics().waiters
    }

    /// How many must arrive, how many have, and whether it is broken.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.raw.statistics();
        let told = [("parties", seen.parties), ("waiters", seen.waiters)].into_py_dict(py)?;
        told.set_item("broken", seen.broken)?;
        Ok(told)
    }

    /// Whether it is broken.
    #[getter]
    fn broken(&self) -> bool {
        self.raw.statistics().broken
    }

    #[getter]
    fn _handle(&self) -> u64 {
        self.raw.handle().expect("a shared barrier has one").to_raw()
    }
}
