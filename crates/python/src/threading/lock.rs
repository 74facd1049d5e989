//! `threading.Lock` and `threading.RLock`.
//!
//! A `with` in the frame of a function is a hold that only its own thread can end, so a cycle of such holds is
//! certainly a deadlock. Other holds may be ended by another thread. A bare `acquire` may be a signal that another
//! thread answers. A `with` in a generator or a coroutine may go on in another thread, and a program may call
//! `__enter__` itself.
//!
//! The place of each taking is noted each time, the place of the making once. The classes have the names of the
//! interpreter's own; the Python package says in which module they are found.

use crate::errors::{from_wait, refused_by, waited};
use crate::ffi::{Guarding, MadeIn, Patient, here, made_here};
use manyhands::platform::Deadline;
use manyhands::sync::{
    Hold, LockStatistics, RawLock, RawRLock, ReleaseError, Taking, WaitError, Yields, this_thread_number,
};
use pyo3::exceptions::{PyDeprecationWarning, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

/// The result of `statistics()` for a lock: the number that the holder has in the engine, and how many threads wait.
fn as_dict<'py>(py: Python<'py>, statistics: &LockStatistics) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("holder", statistics.holder.as_ref().map(|holder| holder.thread))?;
    fields.set_item("waiters", statistics.waiters)?;
    Ok(fields)
}

/// The standard library's error text; a note names the object it is about.
pub(super) fn refused(what: &str, object: &Bound<'_, PyAny>) -> PyErr {
    refused_by(PyRuntimeError::new_err(what.to_owned()), object)
}

fn is_mine(statistics: &LockStatistics) -> bool {
    statistics.holder.as_ref().is_some_and(|holder| holder.thread == this_thread_number())
}

/// A lock for the threads of this process: one at a time holds it. A `with` takes and releases it.
///
/// Any thread may release it, also one that has not taken it. A thread that takes it twice waits for itself: see
/// `RLock`.
#[pyclass(frozen, weakref, name = "lock", module = "_thread")]
pub struct ThreadLock {
    pub(super) raw: RawLock,
    _made_in: MadeIn,
}

impl Guarding for ThreadLock {
    const ONLY_BY_HOLDER: bool = false;

    #[inline]
    fn take_at_once(&self, taking: Taking) -> bool {
        matches!(self.raw.try_acquire_as(taking), Ok(Some(_)))
    }

    fn take(slf: &Bound<'_, Self>, until: Option<Deadline>, taking: Taking) -> PyResult<bool> {
        let patient = Patient::on(slf);
        waited(slf.get().raw.acquire_as(until, &patient, taking), patient)
    }

    #[inline]
    fn give_back(&self, guarded: bool) -> Result<(), ReleaseError> {
        if guarded { self.raw.release_guarded() } else { self.raw.release() }
    }

    fn refusal(slf: &Bound<'_, Self>, _error: ReleaseError) -> PyErr {
        refused("release unlocked lock", slf)
    }
}

#[pymethods]
impl ThreadLock {
    #[new]
    fn new(py: Python<'_>) -> ThreadLock {
        let (site, made_in) = made_here(py);
        ThreadLock { raw: RawLock::private_at(site), _made_in: made_in }
    }

    /// Whether a thread holds the lock.
    pub(super) fn locked(&self) -> bool {
        self.raw.is_held()
    }

    /// Whether a thread holds the lock: an old name of `locked`.
    fn locked_lock(&self) -> bool {
        self.raw.is_held()
    }

    /// The number of the thread that holds the lock, and how many wait for it.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        as_dict(py, &self.raw.statistics())
    }

    fn _at_fork_reinit(&self) {
        let _ = self.raw.release();
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let state = if slf.get().locked() { "locked" } else { "unlocked" };
        Ok(format!(
            "<{state} {} object at {:#x}>",
            slf.get_type().fully_qualified_name()?,
            slf.as_ptr() as usize
        ))
    }
}

/// A lock for the threads of this process that its holder may take again without waiting.
///
/// Only the holder may release it, and it is free when it was released as often as it was taken.
#[pyclass(frozen, weakref, subclass, name = "RLock", module = "_thread")]
pub struct ThreadRLock {
    pub(super) raw: RawRLock,
    _made_in: MadeIn,
}

impl Guarding for ThreadRLock {
    const ONLY_BY_HOLDER: bool = true;

    #[inline]
    fn take_at_once(&self, taking: Taking) -> bool {
        matches!(self.raw.try_acquire_at(taking.site), Ok(Some(_)))
    }

    fn take(slf: &Bound<'_, Self>, until: Option<Deadline>, taking: Taking) -> PyResult<bool> {
        let patient = Patient::on(slf);
        waited(slf.get().raw.acquire_at(until, &patient, taking.site), patient)
    }

    #[inline]
    fn give_back(&self, _guarded: bool) -> Result<(), ReleaseError> {
        self.raw.release()
    }

    fn refusal(slf: &Bound<'_, Self>, _error: ReleaseError) -> PyErr {
        refused("cannot release un-acquired lock", slf)
    }
}

#[pymethods]
impl ThreadRLock {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*arguments, **more))]
    fn new(
        class: &Bound<'_, PyType>,
        arguments: &Bound<'_, PyTuple>,
        more: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<ThreadRLock> {
        let py = class.py();
        let given = !arguments.is_empty() || more.is_some_and(|more| !more.is_empty());
        if given && py.version_info() >= (3, 13) && class.is(py.get_type::<ThreadRLock>()) {
            let text = c"Passing arguments to RLock is deprecated and will be removed in 3.15";
            PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), text, 1)?;
        }
        let (site, made_in) = made_here(py);
        Ok(ThreadRLock { raw: RawRLock::private_at(site), _made_in: made_in })
    }

    /// Whether a thread holds the lock.
    fn locked(&self) -> bool {
        self.raw.statistics().holder.is_some()
    }

    /// The number of the thread that holds the lock, and how many wait for it.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let statistics = self.raw.statistics();
        let fields = as_dict(py, &statistics)?;
        fields.set_item("depth", if is_mine(&statistics) { Some(self.raw.depth()) } else { None })?;
        Ok(fields)
    }

    pub(super) fn _is_owned(&self) -> bool {
        self.raw.depth() > 0
    }

    /// How often the calling thread holds the lock.
    fn _recursion_count(&self) -> u32 {
        self.raw.depth()
    }

    fn _release_save(slf: &Bound<'_, Self>) -> PyResult<(u32, u32)> {
        let hold = slf.get().raw.give_up().map_err(|error| Self::refusal(slf, error))?;
        Ok((hold.depth, this_thread_number()))
    }

    fn _acquire_restore(slf: &Bound<'_, Self>, state: (u32, u64)) -> PyResult<()> {
        regain(slf, &slf.get().raw, Hold { depth: state.0, guarded: true })
    }

    fn _at_fork_reinit(&self) {
        self.raw.free_in_child();
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let statistics = slf.get().raw.statistics();
        let (state, owner) = match &statistics.holder {
            Some(holder) => ("locked", holder.thread),
            None => ("unlocked", 0),
        };
        let (name, count) = (slf.get_type().fully_qualified_name()?, slf.get().raw.depth());
        Ok(format!("<{state} {name} object owner={owner} count={count} at {:#x}>", slf.as_ptr() as usize))
    }
}

/// Takes a lock again as it was held. A signal handler that raises ends the wait, but the caller must get the lock all
/// the same: its `finally` and `__exit__` will release it. So the wait begins again, and the last exception is raised
/// when the lock is held.
pub(super) fn regain<L>(slf: &Bound<'_, L>, lock: &dyn Yields, hold: Hold) -> PyResult<()> {
    let mut raised = None;
    loop {
        let patient = Patient::on(slf);
        match lock.regain(hold, &patient, here(slf.py())) {
            Ok(_) => return raised.map_or(Ok(()), Err),
            Err(WaitError::Interrupted) => raised = patient.raised().or(raised),
            Err(error) => return from_wait(error, patient).map(drop),
        }
    }
}
