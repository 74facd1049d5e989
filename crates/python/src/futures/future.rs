//! The answer of one call: what `concurrent.futures.Future` is made of.
//!
//! Waits sleep on the call's own word; there is no condition and no lock of Python's. Functions of the standard library
//! look at the inside of a future (`wait`, `as_completed`), and find its condition and its list of waiters all the
//! same. The first look at them *opens* the future: from then on it changes only while that condition is held.

use super::change::{After, Change};
use crate::answer::{Answer, Answered, Outcome, Source};
use crate::as_made::FUTURE_CLASS;
use crate::errors::refused_by;
use crate::ffi::{track, untrack};
use crate::patience::limit;
use crate::pool::{emptied, locked};
use crate::thread_queue::ThreadSimpleQueue;
use crate::value::{Arguments, Named, error_of, leave_to_init};
use manyhands::executor::threads::Standing;
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::sync::{Mutex, MutexGuard, OnceLock};

/// What `concurrent.futures.Future` is made of.
#[pyclass(subclass, frozen, weakref, name = "Future", module = "manyhands._engine")]
pub struct Future {
    pub(super) answer: Answer<OnceLock<Box<Source>>>,
    after: Mutex<After>,
}

pub static FUTURE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The module that the exceptions of futures are from.
const FUTURES: &str = "manyhands.futures._base";

fn cancelled(future: &Bound<'_, PyAny>) -> PyErr {
    static KIND: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    refused_by(error_of(future.py(), &KIND, (FUTURES, "CancelledError"), ()), future)
}

fn invalid(future: &Bound<'_, PyAny>, standing: Standing) -> PyErr {
    static KIND: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let kind = (FUTURES, "InvalidStateError");
    let error = |shown| error_of(future.py(), &KIND, kind, format!("{}: {shown}", name_of(standing)));
    future.repr().map_or_else(|error| error, error)
}

fn name_of(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "PENDING",
        Standing::Running | Standing::Answering => "RUNNING",
        Standing::Answered => "FINISHED",
        Standing::Cancelled => "CANCELLED",
        Standing::Skipped => "CANCELLED_AND_NOTIFIED",
    }
}

impl Future {
    pub(super) fn after(&self) -> MutexGuard<'_, After> {
        locked(&self.after)
    }

    /// A future as programs know it, of a call that is yet to be handed in.
    #[inline]
    pub fn new_for_a_call(py: Python<'_>) -> PyResult<Bound<'_, Future>> {
        let kind = FUTURE.import(py, FUTURES, "Future")?;
        let future = kind.call0()?.cast_into::<Future>()?;
        // Until there is something that a cycle could go through; see `Future::watch_for_cycles`.
        untrack(future.as_any());
        Ok(future)
    }

    /// The future of a call that a worker process runs.
    pub fn of_call(py: Python<'_>, source: Source) -> PyResult<Bound<'_, Future>> {
        let future = Self::new_for_a_call(py)?;
        if source.keeps_an_object() {
            track(future.as_any());
        }
        future.get().answer.comes_from(source);
        if !FUTURE_CLASS.holds(py) {
            Self::fetch_unasked(&future)?;
        }
        Ok(future)
    }

    /// The future of a call that could not be handed in.
    pub fn failed(py: Python<'_>, error: PyErr) -> PyResult<Bound<'_, Future>> {
        let future = Self::new_for_a_call(py)?;
        Self::come_to(&future, Err(error))?;
        Ok(future)
    }

    /// Answers the call for the program.
    #[inline]
    fn set(slf: &Bound<'_, Self>, outcome: Outcome) -> PyResult<()> {
        track(slf.as_any());
        let answered = Self::change(slf, Change::Answer(outcome))?;
        answered.map(drop).map_err(|standing| invalid(slf, standing))
    }

    /// Waits until the call is over, and looks at what it came to.
    #[inline]
    fn look<R>(
        slf: &Bound<'_, Self>,
        timeout: Option<f64>,
        look: impl FnOnce(&Outcome) -> R,
    ) -> PyResult<Option<R>> {
        match Self::wait_until_over(slf, || limit(timeout))? {
            Some(Standing::Answered) => Ok(slf.get().answer.call.with_answer(look)),
            Some(_) => Err(cancelled(slf)),
            None => Err(PyTimeoutError::new_err(())),
        }
    }
}

#[pymethods]
impl Future {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **more), text_signature = "()")]
    fn new(cls: &Bound<'_, PyType>, args: &Arguments<'_>, more: Option<&Named<'_>>) -> PyResult<Future> {
        leave_to_init(cls, args, more)
            .map(|()| Future { answer: Answer::new(OnceLock::new()), after: Mutex::default() })
    }

    /// Withdraws the call if it has not begun, and says whether it is withdrawn now, or was before.
    ///
    /// A call that runs or is over stays as it is, and the result is False.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<bool> {
        if !Self::settle(slf)?.is_over()
            && let Some(source) = slf.get().answer.source()
        {
            let withdrawn = source.cancel();
            if withdrawn {
                Self::withdraw(slf)?;
            }
            return Ok(withdrawn);
        }
        Ok(match Self::change(slf, Change::Cancel)? {
            Ok(_) | Err(Standing::Cancelled | Standing::Skipped) => true,
            Err(_) => false,
        })
    }

    /// Whether the call was withdrawn, by `cancel`.
    fn cancelled(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(matches!(Self::settle(slf)?, Standing::Cancelled | Standing::Skipped))
    }

    /// Whether the call has begun and is not over.
    fn running(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(matches!(Self::settle(slf)?, Standing::Running | Standing::Answering))
    }

    /// Whether the call is over: it has returned, raised, or was withdrawn.
    fn done(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(Self::settle(slf)?.is_over())
    }

    /// Waits until the call is over, and returns what it returned or raises what it raised.
    ///
    /// Raises TimeoutError when it is not over after `timeout` seconds (`None` is no limit), and CancelledError when it
    /// was withdrawn.
    #[pyo3(signature = (timeout = None))]
    fn result<'py>(slf: &Bound<'py, Self>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let seen = Self::look(slf, timeout, |outcome| match outcome {
            Outcome::Value(value) => Ok(value.bind(py).clone()),
            Outcome::Error(error) => Err(error.bind(py).clone()),
        });
        match seen? {
            Some(Ok(value)) => Ok(value),
            // The standard class asks for the truth of what it was given: `set_exception(None)` is a result of `None`.
            Some(Err(error)) if error.is_truthy()? => Err(PyErr::from_value(error)),
            _ => Ok(py.None().into_bound(py)),
        }
    }

    /// Waits until the call is over, and gives the exception that it raised; `None` if it returned.
    ///
    /// Raises TimeoutError when it is not over after `timeout` seconds (`None` is no limit), and CancelledError when it
    /// was withdrawn.
    #[pyo3(signature = (timeout = None))]
    fn exception<'py>(slf: &Bound<'py, Self>, timeout: Option<f64>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let raised = Self::look(slf, timeout, |outcome| match outcome {
            Outcome::Value(_) => None,
            Outcome::Error(error) => Some(error.bind(slf.py()).clone()),
        });
        Ok(raised?.flatten())
    }

    /// Has `fn(future)` called when the call is over or withdrawn; at once, in this thread, if it is so already.
    ///
    /// Several are called in the order in which they were added, by some thread of this process. An exception of one is
    /// logged, and the next is called all the same.
    fn add_done_callback(slf: &Bound<'_, Self>, r#fn: Bound<'_, PyAny>) -> PyResult<()> {
        Self::settle(slf)?;
        let this = slf.get();
        let mut after = this.after();
        if after.listed {
            drop(after);
            return slf.call_method1("_manyhands_list_callback", (r#fn,)).map(drop);
        }
        if !this.answer.call.state().standing().is_over() {
            after.callbacks.push(r#fn.unbind());
            drop(after);
            return Self::fetch_unasked(slf);
        }
        drop(after);
        Self::call_back(slf, &r#fn)
    }

    /// Says that the call is about to be run, for executors and tests.
    ///
    /// Returns True, and the call counts as running; or False when it was withdrawn, and must not be run: those that
    /// wait for the future are then notified. Raises RuntimeError when the call had begun or was over.
    fn set_running_or_notify_cancel(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::change(slf, Change::Begin)?.map_err(|standing| {
            match slf.call_method1("_manyhands_unexpected", (name_of(standing),)) {
                Ok(_) => PyRuntimeError::new_err("Future in unexpected state"),
                Err(error) => error,
            }
        })
    }

    /// Answers the call with the value that it returned, for executors and tests.
    ///
    /// Raises InvalidStateError when the call is over.
    fn set_result(slf: &Bound<'_, Self>, result: Bound<'_, PyAny>) -> PyResult<()> {
        Self::set(slf, Outcome::Value(result.unbind()))
    }

    /// Answers the call with the exception that it raised, for executors and tests.
    ///
    /// Raises InvalidStateError when the call is over.
    fn set_exception(slf: &Bound<'_, Self>, exception: Bound<'_, PyAny>) -> PyResult<()> {
        Self::set(slf, Outcome::Error(exception.unbind()))
    }

    /// The standard library's word for where the call stands.
    #[getter]
    fn _state(slf: &Bound<'_, Self>) -> PyResult<&'static str> {
        Self::settle(slf).map(name_of)
    }

    /// For programs that decide on their own what becomes of the future, as a subclass may that ends itself.
    #[setter(_state)]
    fn set_state(slf: &Bound<'_, Self>, state: &str) -> PyResult<()> {
        use Standing::{Answered, Cancelled, Pending, Running, Skipped};
        let all = [Pending, Running, Cancelled, Skipped, Answered];
        match all.into_iter().find(|standing| name_of(*standing) == state) {
            Some(to) => Self::declare(slf, to),
            None => {
                let what = format!("no state of a future: {state:?}, for {}", slf.repr()?);
                Err(PyValueError::new_err(what))
            }
        }
    }

    /// Runs the callbacks, after a change. A subclass that ends itself calls this, too.
    fn _invoke_callbacks(slf: &Bound<'_, Self>) -> PyResult<()> {
        let mut after = slf.get().after();
        if after.listed {
            drop(after);
            return slf.call_method0("_manyhands_invoke_listed").map(drop);
        }
        let callbacks = std::mem::take(&mut after.callbacks);
        drop(after);
        Self::call_back_all(slf, &callbacks)
    }

    /// The callbacks, which stand in a list of Python's from now on.
    #[pyo3(name = "_manyhands_list_callbacks")]
    fn list_callbacks(&self) -> Vec<Py<PyAny>> {
        let mut after = self.after();
        after.listed = true;
        std::mem::take(&mut after.callbacks)
    }

    /// Has the call come to something else than it did.
    #[pyo3(name = "_manyhands_replace")]
    fn replace(&self, outcome: Py<PyAny>, is_error: bool) {
        let outcome = if is_error { Outcome::Error(outcome) } else { Outcome::Value(outcome) };
        drop(self.answer.call.replace_answer(outcome));
    }

    /// What was set as the result or as the exception, wherever the call stands; whether it is the exception comes
    /// first.
    #[pyo3(name = "_manyhands_answer")]
    fn answer(&self, py: Python<'_>) -> (bool, Py<PyAny>) {
        let look = |outcome: &Outcome| (matches!(outcome, Outcome::Error(_)), outcome.object().clone_ref(py));
        self.answer.call.with_answer(look).unwrap_or_else(|| (false, py.None()))
    }

    /// The collector of cycles is to look at it: it may be part of one. A million futures that cannot be are passed
    /// over.
    #[pyo3(name = "_manyhands_watch_for_cycles")]
    fn watch_for_cycles(slf: &Bound<'_, Self>) {
        track(slf.as_any());
    }

    /// From now on the future changes only while `_condition` is held.
    #[pyo3(name = "_manyhands_open")]
    fn open(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::settle(slf)?;
        slf.get().after().opened = true;
        Self::fetch_unasked(slf)
    }

    /// Has the future put into a queue once it is over; at once if it is.
    #[pyo3(name = "_manyhands_watch")]
    fn watch(slf: &Bound<'_, Self>, queue: &Bound<'_, ThreadSimpleQueue>) -> PyResult<()> {
        Self::settle(slf)?;
        let this = slf.get();
        let mut after = this.after();
        if !matches!(this.answer.call.state().standing(), Standing::Answered | Standing::Skipped) {
            after.watchers.push(queue.clone().unbind());
            drop(after);
            return Self::fetch_unasked(slf);
        }
        drop(after);
        queue.get().push(slf.as_any())
    }

    /// Waits for a worker process to answer, or for `timeout` seconds; not at all for anything else. No thread is
    /// needed for that, as it is for `watch`.
    #[pyo3(signature = (timeout = None))]
    #[pyo3(name = "_manyhands_await_worker")]
    fn await_worker(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<()> {
        if slf.get().answer.source().is_some() {
            Self::wait_until_over(slf, || limit(timeout))?;
        }
        Ok(())
    }

    /// Undoes `watch`.
    #[pyo3(name = "_manyhands_unwatch")]
    fn unwatch(&self, queue: &Bound<'_, ThreadSimpleQueue>) {
        let mut after = self.after();
        let place = after.watchers.iter().position(|watcher| watcher.is(queue));
        let watcher = place.map(|place| after.watchers.swap_remove(place));
        drop(after);
        drop(watcher);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.answer.visit(&visit, || {
            let Ok(after) = self.after.try_lock() else { return Ok(()) };
            after.callbacks.iter().try_for_each(|callback| visit.call(callback))?;
            after.watchers.iter().try_for_each(|watcher| visit.call(watcher))
        })
    }

    fn __clear__(&self) {
        emptied(&self.after);
        self.answer.clear();
    }
}
