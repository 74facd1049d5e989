//! Conditions between processes, as Python's classes build on them.
//!
//! A condition is used with a lock, which is a Python object. One of the engine's locks is given up and taken again
//! without a call into Python. Any other lock, such as one of a subclass with methods of its own, is released and
//! acquired through its methods, as often as it was held. A waiter that is killed takes no notification with it. A
//! negative time-out is zero.

use crate::errors::{from_wait, waited};
use crate::ffi::Patient;
use crate::later::{Later, shared_class};
use crate::lock::{Lock, RLock};
use crate::patience::limit_of_semaphore;
use crate::value::{Arguments, Named};
use manyhands::sync::{Hold, RawCondition};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::type_object::PyTypeInfo;
use pyo3::types::{IntoPyDict, PyDict};

/// A lock that is given up for a wait.
enum GivenUp<'a, 'py> {
    /// One of the engine's, none of whose methods was replaced.
    Lock(&'a Bound<'py, Lock>, Hold),
    RLock(&'a Bound<'py, RLock>, Hold),
    /// Any other, used by its own methods: how often it was held, and whether a `with` took it first.
    Other(&'a Bound<'py, PyAny>, u32, bool),
}

impl<'a, 'py> GivenUp<'a, 'py> {
    fn of(lock: &'a Bound<'py, PyAny>) -> PyResult<GivenUp<'a, 'py>> {
        if let Ok(own) = lock.cast::<Lock>()
            && is_unchanged::<Lock>(lock)?
            && let Some(hold) = Lock::give_up_for_wait(own)?
        {
            return Ok(GivenUp::Lock(own, hold));
        }
        if let Ok(own) = lock.cast::<RLock>()
            && is_unchanged::<RLock>(lock)?
            && let Some(hold) = RLock::give_up_for_wait(own)?
        {
            return Ok(GivenUp::RLock(own, hold));
        }
        let depth: u32 = lock.call_method0("_manyhands_count")?.extract()?;
        // The first hold is taken again in the way it was taken before: a process that ends releases what a `with`
        // holds, and leaves what an `acquire` holds. A subclass with an `acquire` of its own gets `acquire` in any
        // case, as from the standard library's condition.
        let by_with = lock.call_method0("_manyhands_is_guarded")?.is_truthy()? && acquires_as_ours(lock)?;
        for _ in 0..depth {
            lock.call_method0("release")?;
        }
        Ok(GivenUp::Other(lock, depth, by_with))
    }

    fn regain(self) -> PyResult<()> {
        match self {
            GivenUp::Lock(lock, hold) => Lock::regain(lock, hold),
            GivenUp::RLock(lock, hold) => RLock::regain(lock, hold),
            GivenUp::Other(lock, depth, by_with) => (0..depth).try_for_each(|number| {
                let method = if by_with && number == 0 { "__enter__" } else { "acquire" };
                lock.call_method0(method).map(drop)
            }),
        }
    }
}

/// Whether the lock still has our `acquire` and `release`: no subclass and no attribute of the object replaces them.
fn is_unchanged<L: PyTypeInfo>(lock: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = lock.py();
    let (kind, ours) = (lock.get_type(), py.get_type::<L>());
    let own = lock.getattr(intern!(py, "__dict__")).and_then(|own| Ok(own.cast_into::<PyDict>()?)).ok();
    for name in [intern!(py, "acquire"), intern!(py, "release")] {
        let is_own = own.as_ref().map_or(Ok(false), |own| own.contains(name))?;
        if is_own || !kind.getattr(name)?.is(&ours.getattr(name)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether no subclass has an `acquire` of its own.
fn acquires_as_ours(lock: &Bound<'_, PyAny>) -> PyResult<bool> {
    let (py, own) = (lock.py(), lock.get_type().getattr("acquire")?);
    let ours = [py.get_type::<Lock>(), py.get_type::<RLock>()];
    Ok(ours.iter().any(|kind| kind.getattr("acquire").is_ok_and(|acquire| acquire.is(&own))))
}

shared_class! {
    /// The base class of `multiprocessing.Condition`.
    Condition { raw: RawCondition }:

    /// Makes the condition in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (handle = None))]
    fn open(&self, handle: Option<u64>) -> PyResult<()> {
        self.raw.open(handle, RawCondition::attach, RawCondition::shared)
    }

    /// Gives up `lock`, which the calling thread holds, waits to be notified, and takes the lock again. `False` when
    /// the time was over first.
    #[pyo3(name = "_manyhands_wait")]
    fn wait(slf: &Bound<'_, Self>, lock: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<bool> {
        let until = limit_of_semaphore(timeout)?;
        let patient = Patient::on(slf).tied_to(slf.get().raw.lease());
        let place = match slf.get().raw.get()?.enlist() {
            Ok(place) => place,
            Err(error) => return from_wait(error, patient),
        };
        let given_up = GivenUp::of(lock)?;
        let notified = waited(place.wait(until, &patient), patient);
        given_up.regain()?;
        // Only now does the waiter leave the list. If its process is killed before it has the lock again, the sweep
        // finds it there, notified, and notifies another in its place. Had it left earlier, that notification would be
        // lost.
        drop(place);
        notified
    }

    /// Wakes up to `count` waiters, those that have waited longest first, and says how many.
    #[pyo3(name = "_manyhands_notify")]
    fn notify(&self, count: i64) -> PyResult<u32> {
        let raw = self.raw.get()?;
        Ok(match u32::try_from(count) {
            Ok(count) => raw.notify(count),
            Err(_) if count < 0 => 0,
            Err(_) => raw.notify_all(),
        })
    }

    /// How many threads wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        [("waiters", self.raw.get()?.statistics().waiters)].into_py_dict(py)
    }
}
