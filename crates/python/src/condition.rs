//! Conditions and barriers between processes, as Python's classes build on them.
//!
//! A condition goes with a lock that is a Python object: it is given up and taken again by that one's own methods, as
//! often as it was held. A waiter that is killed takes no notification with it; the end of a process that waits at a
//! barrier breaks it. A negative time-out is zero.

use crate::errors::{from_arena, from_wait, waited};
use crate::ffi::Patient;
use crate::later::Later;
use crate::lock::{Lock, RLock};
use crate::patience::limit_of_semaphore;
use manyhands::arena::Handle;
use manyhands::sync::{BarrierError, RawBarrier, RawCondition, WaitError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyTuple};

/// What `multiprocessing.Condition` is made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct Condition {
    raw: Later<RawCondition>,
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
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> Condition {
        Condition { raw: Later::of("Condition") }
    }

    /// Makes the condition in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (handle = None))]
    fn open(&self, handle: Option<u64>) -> PyResult<()> {
        let raw = match handle {
            Some(handle) => RawCondition::attach(Handle::from_raw(handle)),
            None => RawCondition::shared(),
        };
        self.raw.set(raw.map_err(from_arena)?)
    }

    /// Gives up `lock`, which the calling thread holds, waits to be notified, and takes the lock again; `False` when
    /// the time was over first.
    #[pyo3(name = "_manyhands_wait")]
    fn wait(slf: &Bound<'_, Self>, lock: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<bool> {
        let until = limit_of_semaphore(timeout)?;
        let patient = Patient::on(slf);
        let place = match slf.get().raw.get()?.enlist() {
            Ok(place) => place,
            Err(error) => return from_wait(error, patient),
        };
        let held: u32 = lock.call_method0("_manyhands_count")?.extract()?;
        // As it was taken the first time: what is held by `with` is not left taken by a process that ends. A subclass
        // with an `acquire` of its own is asked for that in any case, as by the standard library's condition.
        let by_with = lock.call_method0("_manyhands_is_guarded")?.is_truthy()? && acquires_as_ours(lock)?;
        for _ in 0..held {
            lock.call_method0("release")?;
        }
        let notified = waited(place.wait(until, &patient), patient);
        for number in 0..held {
            lock.call_method0(if by_with && number == 0 { "__enter__" } else { "acquire" })?;
        }
        // Only now: what a waiter that is killed before it has its lock was told goes to another.
        drop(place);
        notified
    }

    /// Wakes so many of those that wait, the longest waiting first; says how many.
    #[pyo3(name = "_manyhands_notify")]
    fn notify(&self, count: i64) -> PyResult<u32> {
        let raw = self.raw.get()?;
        Ok(match u32::try_from(count) {
            Ok(count) => raw.notify(count),
            Err(_) if count < 0 => 0,
            Err(_) => raw.notify_all(),
        })
    }

    /// How many wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        [("waiters", self.raw.get()?.statistics().waiters)].into_py_dict(py)
    }

    #[getter(_manyhands_handle)]
    fn handle(&self) -> PyResult<u64> {
        Ok(self.raw.get()?.handle().expect("a shared condition has one").to_raw())
    }
}

/// What `multiprocessing.Barrier` is made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct Barrier {
    raw: Later<RawBarrier>,
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
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> Barrier {
        Barrier { raw: Later::of("Barrier") }
    }

    /// Makes the barrier in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (parties = 1, handle = None))]
    fn open(&self, parties: i64, handle: Option<u64>) -> PyResult<()> {
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
        self.raw.set(raw.map_err(from_arena)?)
    }

    /// Waits until all parties have arrived. The last runs `action`; what that raises is raised here.
    #[pyo3(name = "_manyhands_wait")]
    fn wait(
        slf: &Bound<'_, Self>,
        timeout: Option<f64>,
        action: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Place> {
        let until = limit_of_semaphore(timeout)?;
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
        let result = slf.get().raw.get()?.wait(until, &patient, act);
        match (result, raised) {
            (_, Some(error)) => Err(error),
            (Ok(place), None) => Ok(Place::Number(place)),
            (Err(BarrierError::Wait(WaitError::TimedOut)), None) => Ok(Place::Broken(String::new())),
            (Err(BarrierError::Wait(error)), None) => {
                from_wait(error, patient).map(|_| Place::Broken("the wait was ended".to_owned()))
            }
            // As in the standard library there is nothing to say, unless a process died.
            (Err(BarrierError::Broken), None) => Ok(Place::Broken(String::new())),
            (Err(broken), None) => Ok(Place::Broken(broken.to_string())),
        }
    }

    /// Makes the barrier as it was when it was new; who waits fails.
    fn reset(&self) -> PyResult<()> {
        self.raw.get()?.reset();
        Ok(())
    }

    /// Breaks the barrier: who waits and who comes fails, until it is reset.
    fn abort(&self) -> PyResult<()> {
        self.raw.get()?.abort();
        Ok(())
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
        let told = [("parties", seen.parties), ("waiters", seen.waiters)].into_py_dict(py)?;
        told.set_item("broken", seen.broken)?;
        Ok(told)
    }

    /// Whether it is broken.
    #[getter]
    fn broken(&self) -> PyResult<bool> {
        Ok(self.raw.get()?.statistics().broken)
    }

    #[getter(_manyhands_handle)]
    fn handle(&self) -> PyResult<u64> {
        Ok(self.raw.get()?.handle().expect("a shared barrier has one").to_raw())
    }
}
