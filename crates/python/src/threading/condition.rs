//! The base class of `threading.Condition`.
//!
//! A condition may stand on any lock. A lock of the engine is given up and taken again without a call into Python. With
//! any other, a wait uses what the lock offers (`_release_save`, `_acquire_restore`, `_is_owned`). If it offers none of
//! these, the wait uses `release` and `acquire`, as in the standard library.

use super::held::{Held, Locks, offered};
use super::lock::{ThreadLock, ThreadRLock, refused, regain};
use crate::child::deadline;
use crate::errors::{from_wait, waited};
use crate::ffi::{Guarding, Patient};
use crate::patience::limit;
use manyhands::platform::Deadline;
use manyhands::platform::atomic::{AtomicBool, Ordering};
use manyhands::sync::{Hold, RawCondition, Yields};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::OnceLock;

/// The state of a lock while it is given up: with it the lock is taken again as it was held.
enum Saved {
    /// A lock of the engine, and how it was held.
    Ours(Hold),
    /// Any other lock, released once.
    Once,
    /// Any other lock, and what its `_release_save` returned.
    Other(Py<PyAny>),
}

/// A place where threads wait to be notified of a change.
#[pyclass(frozen, subclass, module = "manyhands._engine")]
pub struct ThreadCondition {
    raw: RawCondition,
    locks: OnceLock<Locks>,
    /// Whether a program has put waiters of its own in. Then the standard class's functions do the work.
    opened: AtomicBool,
}

impl ThreadCondition {
    #[inline]
    fn locks(&self) -> PyResult<&Locks> {
        self.locks.get().ok_or_else(|| PyRuntimeError::new_err("Condition.__init__() was not called"))
    }

    /// The lock that the condition stands on now.
    #[inline]
    fn held(&self) -> PyResult<&Held> {
        Ok(&self.locks()?.last().held)
    }

    /// The lock whose own methods give it up for a wait. The standard library looks for these methods when the
    /// condition is made, and keeps those it finds. For a method that the first lock does not have, it uses one of the
    /// condition, which works on the lock that the condition stands on now.
    #[inline]
    fn given_up(&self, py: Python<'_>, method: &str) -> PyResult<&Held> {
        let locks = self.locks()?;
        if locks.next.get().is_none() {
            return Ok(&locks.held);
        }
        let offers = match &locks.held {
            Held::Lock(_) => false,
            Held::RLock(_) => true,
            Held::Other(lock) => offered(lock.bind(py), method)?.is_some(),
        };
        Ok(if offers { &locks.held } else { &locks.last().held })
    }

    fn owned(&self, py: Python<'_>) -> PyResult<bool> {
        match self.given_up(py, "_is_owned")? {
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
        match self.given_up(py, "_release_save")? {
            Held::Lock(lock) => {
                let hold = lock.get().raw.give_up();
                hold.map(Saved::Ours).map_err(|error| ThreadLock::refusal(lock.bind(py), error))
            }
            Held::RLock(lock) => {
                let hold = lock.get().raw.give_up();
                hold.map(Saved::Ours).map_err(|error| ThreadRLock::refusal(lock.bind(py), error))
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
        match (self.given_up(py, "_acquire_restore")?, saved) {
            (Held::RLock(lock), Saved::Ours(hold)) => regain(lock.bind(py), &lock.get().raw, *hold),
            (Held::Lock(lock), saved) => {
                let hold =
                    if let Saved::Ours(hold) = saved { *hold } else { Hold { depth: 1, guarded: false } };
                regain(lock.bind(py), &lock.get().raw, hold)
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

    #[inline]
    fn is_opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    fn wait_until(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<bool> {
        let (py, this) = (slf.py(), slf.get());
        if !this.owned(py)? {
            return Err(refused("cannot wait on un-acquired lock", slf));
        }
        let until: Option<Deadline> = limit(timeout)?;
        // Enlisted while the lock is held. A notification that comes after `save` and before the wait finds this thread
        // in the list, and so is not lost.
        let enlisted = match this.raw.enlist() {
            Ok(enlisted) => enlisted,
            Err(error) => return from_wait(error, Patient::new(py)),
        };
        // A lock of another kind may raise here. Then `enlisted` is dropped, and this thread is in no list any more.
        let saved = this.save(py)?;
        let patient = Patient::on(slf);
        let result = enlisted.wait(until, &patient);
        drop(enlisted);
        let result = waited(result, patient);
        // The lock first, then the exception: the code that handles it relies on holding the lock.
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
        ThreadCondition {
            raw: RawCondition::private(),
            locks: OnceLock::new(),
            opened: AtomicBool::new(false),
        }
    }

    #[pyo3(signature = (lock = None))]
    fn __init__(slf: &Bound<'_, Self>, lock: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let lock = match lock {
            Some(lock) => lock,
            None => slf.py().get_type::<ThreadRLock>().call0()?,
        };
        // Anything that is not a lock fails here, not at the first wait.
        lock.getattr("acquire")?;
        lock.getattr("release")?;
        let refused = |_| PyRuntimeError::new_err("Condition.__init__() was called before");
        slf.get().locks.set(Locks::of(lock)).map_err(refused)
    }

    /// The method of the lock that the condition was made with.
    #[getter]
    fn acquire<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.locks()?.held.object(py).getattr("acquire")
    }

    /// The method of the lock that the condition was made with.
    #[getter]
    fn release<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.locks()?.held.object(py).getattr("release")
    }

    /// Whether `__init__` has run.
    #[getter]
    fn _manyhands_is_made(&self) -> bool {
        self.locks.get().is_some()
    }

    /// Makes the condition stand on another lock.
    fn _manyhands_stand_on(&self, py: Python<'_>, lock: Bound<'_, PyAny>) -> PyResult<()> {
        let mut locks = self.locks()?.last();
        if locks.held.object(py).is(&lock) {
            return Ok(());
        }
        let mut next = Box::new(Locks::of(lock));
        // Another thread may have put a lock there meanwhile: then this one goes behind it, and the last one counts.
        while let Err(refused) = locks.next.set(next) {
            next = refused;
            locks = locks.last();
        }
        Ok(())
    }

    /// Opens the condition: from now on the methods that the Python package adds do the work. Threads that wait already
    /// go on waiting here.
    fn _manyhands_open(&self) {
        self.opened.store(true, Ordering::Release);
    }

    #[getter(_manyhands_lock)]
    fn lock<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.held()?.object(py).clone())
    }

    fn _is_owned(&self, py: Python<'_>) -> PyResult<bool> {
        self.owned(py)
    }

    fn _release_save(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        Ok(match self.save(py)? {
            Saved::Ours(hold) if matches!(self.given_up(py, "_release_save")?, Held::RLock(_)) => {
                Some((hold.depth, 0).into_pyobject(py)?.into_any().unbind())
            }
            Saved::Once | Saved::Ours(_) => None,
            Saved::Other(state) => Some(state),
        })
    }

    #[pyo3(signature = (state, /))]
    fn _acquire_restore(&self, py: Python<'_>, state: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let saved = match (self.given_up(py, "_acquire_restore")?, state) {
            (Held::RLock(_), Some(state)) => {
                Saved::Ours(Hold { depth: state.get_item(0)?.extract()?, guarded: true })
            }
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

    /// Gives the lock up, waits to be notified, and takes the lock again before it returns.
    ///
    /// Returns True, or False when `timeout` seconds were over first; `None` is no limit. An `RLock` is given up
    /// altogether, and taken again as often as it was held. Raises RuntimeError when the calling thread does not hold
    /// the lock.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<bool> {
        if slf.get().is_opened() {
            return slf.call_method1("_manyhands_wait", (timeout,))?.is_truthy();
        }
        ThreadCondition::wait_until(slf, timeout)
    }

    /// Waits until `predicate()` is true, and returns what it returned last.
    ///
    /// The predicate is called first, and again after each wake-up, with the lock held. When `timeout` seconds in all
    /// are over the wait ends, and the result may be false; `None` is no limit. Raises RuntimeError when it has to wait
    /// and the calling thread does not hold the lock.
    #[pyo3(signature = (predicate, timeout = None))]
    fn wait_for<'py>(
        slf: &Bound<'py, Self>,
        predicate: &Bound<'py, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut result = predicate.call0()?;
        // A time-out that means nothing is refused by the wait below, not here: a subclass may accept any.
        let until = deadline(timeout);
        // The first wait gets the time-out as it was given, even if no time is left: it also checks that the lock is
        // held.
        let mut left = timeout;
        while !result.is_truthy()? {
            // Called by its name, since a subclass may have a `wait` of its own.
            slf.call_method1("wait", (left,))?;
            result = predicate.call0()?;
            left = until.map(|until| until.remaining().as_secs_f64());
            if left == Some(0.0) {
                break;
            }
        }
        Ok(result)
    }

    /// Wakes `n` of the threads that wait, or all if they are fewer. Each goes on when it has the lock again.
    ///
    /// Raises RuntimeError when the calling thread does not hold the lock.
    #[pyo3(signature = (n = 1))]
    fn notify(slf: &Bound<'_, Self>, n: i64) -> PyResult<()> {
        if slf.get().is_opened() {
            return slf.call_method1("_manyhands_notify", (n,)).map(drop);
        }
        Self::check_owned(slf)?;
        slf.get().raw.notify(u32::try_from(n.max(0)).unwrap_or(u32::MAX));
        Ok(())
    }

    /// Wakes all threads that wait. Each goes on when it has the lock again.
    ///
    /// Raises RuntimeError when the calling thread does not hold the lock.
    fn notify_all(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_opened() {
            return slf.call_method0("_manyhands_notify_all").map(drop);
        }
        Self::check_owned(slf)?;
        slf.get().raw.notify_all();
        Ok(())
    }

    /// How many threads wait.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let fields = PyDict::new(py);
        fields.set_item("waiters", self.raw.statistics().waiters)?;
        Ok(fields)
    }

    fn _at_fork_reinit(&self, py: Python<'_>) -> PyResult<()> {
        self.raw.notify_all();
        self.held()?.object(py).call_method0("_at_fork_reinit").map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut locks = self.locks.get();
        while let Some(each) = locks {
            match &each.held {
                Held::Lock(lock) => visit.call(lock)?,
                Held::RLock(lock) => visit.call(lock)?,
                Held::Other(lock) => visit.call(lock)?,
            }
            locks = each.next.get().map(|next| &**next);
        }
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let lock = self.held()?.object(py).str()?;
        Ok(format!("<Condition({lock}, {})>", self.raw.statistics().waiters))
    }
}
