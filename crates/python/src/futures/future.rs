//! The answer of one call: what `concurrent.futures.Future` is made of.
//!
//! Waits sleep on the call's own word; there is no condition and no lock of Python's. The standard library's functions
//! that look at the inside of a future (`wait`, `as_completed`) find its condition and its list of waiters all the same:
//! the first look at them *opens* the future, and from then on it changes only while that condition is held.

use crate::child::deadline;
use crate::ffi::Patient;
use crate::thread_queue::ThreadSimpleQueue;
use manyhands::executor::threads::{Call, Refused, Standing};
use manyhands::sync::WaitError;
use pyo3::exceptions::{PyException, PyRuntimeError, PyTimeoutError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a call came to.
enum Outcome {
    Value(Py<PyAny>),
    Error(Py<PyAny>),
}

/// What is to be done once the call is over.
#[derive(Default)]
struct After {
    callbacks: Vec<Py<PyAny>>,
    /// Each is given the future.
    watchers: Vec<Py<ThreadSimpleQueue>>,
    /// The future changes only while its condition is held.
    opened: bool,
}

/// What `concurrent.futures.Future` is made of.
#[pyclass(subclass, frozen, weakref, name = "Future", module = "manyhands._engine")]
#[derive(Default)]
pub struct Future {
    call: Call<Outcome>,
    after: Mutex<After>,
}

fn standard_error(py: Python<'_>, cell: &'static PyOnceLock<Py<PyType>>, name: &str, text: &str) -> PyErr {
    match cell.import(py, "concurrent.futures._base", name) {
        Ok(kind) if text.is_empty() => PyErr::from_type(kind.clone(), ()),
        Ok(kind) => PyErr::from_type(kind.clone(), (text.to_owned(),)),
        Err(error) => error,
    }
}

fn cancelled(py: Python<'_>) -> PyErr {
    static KIND: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    standard_error(py, &KIND, "CancelledError", "")
}

fn invalid(py: Python<'_>, standing: Standing, future: &Bound<'_, PyAny>) -> PyErr {
    static KIND: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    match future.repr() {
        Ok(shown) => {
            standard_error(py, &KIND, "InvalidStateError", &format!("{}: {shown}", name_of(standing)))
        }
        Err(error) => error,
    }
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

/// How a future changes.
enum Change {
    Answer(Outcome),
    Cancel,
    Begin,
}

/// What a change came to.
enum Changed {
    /// It did not apply; an answer is dropped.
    Not(Standing),
    /// Nobody is to be told.
    Quietly,
    Over(After),
    Skipped(Vec<Py<ThreadSimpleQueue>>),
}

impl Future {
    fn after(&self) -> MutexGuard<'_, After> {
        self.after.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, after: &mut After, change: Change) -> (Changed, Option<Outcome>) {
        let over = |after: &mut After| Changed::Over(std::mem::take(after));
        let changed = match change {
            Change::Answer(outcome) => match self.call.answer(outcome) {
                Ok(()) => over(after),
                Err(Refused { answer, standing }) => return (Changed::Not(standing), Some(answer)),
            },
            Change::Cancel if self.call.state().cancel() => {
                // Watchers are told when whoever would have run it has seen that.
                let watchers = std::mem::take(&mut after.watchers);
                let over = over(after);
                after.watchers = watchers;
                over
            }
            Change::Cancel => Changed::Not(self.call.state().standing()),
            Change::Begin => match self.call.state().begin() {
                Ok(true) => Changed::Quietly,
                Ok(false) => Changed::Skipped(std::mem::take(&mut after.watchers)),
                Err(standing) => Changed::Not(standing),
            },
        };
        (changed, None)
    }

    /// Changes the future and tells whoever is to be told.
    #[inline]
    fn change(slf: &Bound<'_, Self>, change: Change) -> PyResult<Result<(), Standing>> {
        let this = slf.get();
        let mut after = this.after();
        if after.opened {
            drop(after);
            return Self::change_opened(slf, change);
        }
        let (changed, dropped) = this.apply(&mut after, change);
        drop(after);
        drop(dropped);
        Self::tell(slf, changed)
    }

    #[cold]
    fn change_opened(slf: &Bound<'_, Self>, change: Change) -> PyResult<Result<(), Standing>> {
        let condition = slf.getattr("_condition")?;
        condition.call_method0("acquire")?;
        let mut after = slf.get().after();
        let (changed, dropped) = slf.get().apply(&mut after, change);
        // A future that is over is told of once; it stays open.
        after.opened = true;
        drop(after);
        drop(dropped);
        let told = match changed {
            Changed::Not(_) | Changed::Quietly => Ok(()),
            Changed::Over(_) | Changed::Skipped(_) => slf.call_method0("_tell_waiters").map(drop),
        };
        condition.call_method0("release")?;
        told?;
        Self::tell(slf, changed)
    }

    #[inline]
    fn tell(slf: &Bound<'_, Self>, changed: Changed) -> PyResult<Result<(), Standing>> {
        match changed {
            Changed::Not(standing) => return Ok(Err(standing)),
            Changed::Quietly => {}
            Changed::Skipped(watchers) => Self::tell_watchers(slf, &watchers)?,
            Changed::Over(after) => {
                Self::tell_watchers(slf, &after.watchers)?;
                for callback in &after.callbacks {
                    Self::call_back(slf, callback.bind(slf.py()))?;
                }
            }
        }
        Ok(Ok(()))
    }

    fn tell_watchers(slf: &Bound<'_, Self>, watchers: &[Py<ThreadSimpleQueue>]) -> PyResult<()> {
        watchers.iter().try_for_each(|watcher| watcher.get().push(slf.as_any()))
    }

    /// Runs a callback; what it raises is logged, and stops nothing.
    fn call_back(slf: &Bound<'_, Self>, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        match callback.call1((slf,)) {
            Err(error) if error.is_instance_of::<PyException>(slf.py()) => {
                slf.call_method1("_report", (error.into_value(slf.py()),)).map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Waits until the call is over.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Standing> {
        let standing = self.call.state().standing();
        if standing.is_over() {
            return Ok(standing);
        }
        let patient = Patient::new(py);
        match self.call.wait(deadline(timeout), &patient) {
            Ok(standing) => Ok(standing),
            Err(WaitError::TimedOut) => Err(PyTimeoutError::new_err(())),
            Err(WaitError::Interrupted) => Err(patient.raised().expect("a handler raised")),
            Err(error) => Err(PyRuntimeError::new_err(error.to_string())),
        }
    }

    /// Has a thread begin with the call; `false` when it was withdrawn.
    pub fn begin(slf: &Bound<'_, Self>) -> PyResult<Result<bool, Standing>> {
        let begun = Self::change(slf, Change::Begin)?;
        Ok(begun.map(|()| slf.get().call.state().standing() != Standing::Skipped))
    }

    /// Answers with what a function returned or raised.
    pub fn finish(
        slf: &Bound<'_, Self>,
        result: PyResult<Bound<'_, PyAny>>,
    ) -> PyResult<Result<(), Standing>> {
        let outcome = match result {
            Ok(value) => Outcome::Value(value.unbind()),
            Err(error) => Outcome::Error(error.into_value(slf.py()).into_any()),
        };
        Self::change(slf, Change::Answer(outcome))
    }
}

#[pymethods]
impl Future {
    #[new]
    fn new() -> Future {
        Future::default()
    }

    /// Withdraws the call if nobody has begun with it; whether it is withdrawn.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(match Self::change(slf, Change::Cancel)? {
            Ok(()) | Err(Standing::Cancelled | Standing::Skipped) => true,
            Err(_) => false,
        })
    }

    /// Whether it was withdrawn.
    fn cancelled(&self) -> bool {
        matches!(self.call.state().standing(), Standing::Cancelled | Standing::Skipped)
    }

    /// Whether somebody runs the call.
    fn running(&self) -> bool {
        matches!(self.call.state().standing(), Standing::Running | Standing::Answering)
    }

    /// Whether the call is over.
    fn done(&self) -> bool {
        self.call.state().standing().is_over()
    }

    /// Waits for the call and gives what it returned, or raises what it raised.
    #[pyo3(signature = (timeout = None))]
    fn result<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        if self.wait(py, timeout)? != Standing::Answered {
            return Err(cancelled(py));
        }
        let answer = self.call.with_answer(|outcome| match outcome {
            Outcome::Value(value) => Ok(value.clone_ref(py)),
            Outcome::Error(error) => Err(error.clone_ref(py)),
        });
        match answer {
            Some(Ok(value)) => Ok(value.into_bound(py)),
            Some(Err(error)) => Err(PyErr::from_value(error.into_bound(py))),
            None => Ok(py.None().into_bound(py)),
        }
    }

    /// Waits for the call and gives what it raised, or `None`.
    #[pyo3(signature = (timeout = None))]
    fn exception<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.wait(py, timeout)? != Standing::Answered {
            return Err(cancelled(py));
        }
        let raised = self.call.with_answer(|outcome| match outcome {
            Outcome::Value(_) => None,
            Outcome::Error(error) => Some(error.clone_ref(py)),
        });
        Ok(raised.flatten().map(|error| error.into_bound(py)))
    }

    /// Has a function called with the future once the call is over; at once if it is.
    fn add_done_callback(slf: &Bound<'_, Self>, r#fn: Bound<'_, PyAny>) -> PyResult<()> {
        let this = slf.get();
        let mut after = this.after();
        if !this.call.state().standing().is_over() {
            after.callbacks.push(r#fn.unbind());
            return Ok(());
        }
        drop(after);
        Self::call_back(slf, &r#fn)
    }

    /// Says that the call is about to be run; `False` when it was withdrawn and must not be.
    fn set_running_or_notify_cancel(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::begin(slf)?.map_err(|standing| match slf.call_method1("_unexpected", (name_of(standing),)) {
            Ok(_) => PyRuntimeError::new_err("Future in unexpected state"),
            Err(error) => error,
        })
    }

    /// Answers the call with a value.
    fn set_result(slf: &Bound<'_, Self>, result: Bound<'_, PyAny>) -> PyResult<()> {
        let answered = Self::change(slf, Change::Answer(Outcome::Value(result.unbind())))?;
        answered.map_err(|standing| invalid(slf.py(), standing, slf))
    }

    /// Answers the call with an exception.
    fn set_exception(slf: &Bound<'_, Self>, exception: Bound<'_, PyAny>) -> PyResult<()> {
        let answered = Self::change(slf, Change::Answer(Outcome::Error(exception.unbind())))?;
        answered.map_err(|standing| invalid(slf.py(), standing, slf))
    }

    /// The standard library's word for where the call stands.
    #[getter]
    fn _state(&self) -> &'static str {
        name_of(self.call.state().standing())
    }

    /// For programs that make a future in the standing that they need: a new one is brought there.
    #[setter(_state)]
    fn set_state(slf: &Bound<'_, Self>, state: &str) -> PyResult<()> {
        let changes = match state {
            "PENDING" => Vec::new(),
            "RUNNING" => vec![Change::Begin],
            "CANCELLED" => vec![Change::Cancel],
            "CANCELLED_AND_NOTIFIED" => vec![Change::Cancel, Change::Begin],
            _ => vec![Change::Answer(Outcome::Value(slf.py().None()))],
        };
        changes.into_iter().try_for_each(|change| Self::change(slf, change).map(drop))
    }

    /// Has the call come to something else than it did.
    fn _replace(&self, outcome: Py<PyAny>, is_error: bool) {
        let outcome = if is_error { Outcome::Error(outcome) } else { Outcome::Value(outcome) };
        drop(self.call.replace_answer(outcome));
    }

    /// From now on the future changes only while `_condition` is held.
    fn _open(&self) {
        self.after().opened = true;
    }

    /// Has the future put into a queue once it is over; at once if it is.
    fn _watch(slf: &Bound<'_, Self>, queue: &Bound<'_, ThreadSimpleQueue>) -> PyResult<()> {
        let this = slf.get();
        let mut after = this.after();
        if !matches!(this.call.state().standing(), Standing::Answered | Standing::Skipped) {
            after.watchers.push(queue.clone().unbind());
            return Ok(());
        }
        drop(after);
        queue.get().push(slf.as_any())
    }

    /// Undoes `_watch`.
    fn _unwatch(&self, queue: &Bound<'_, ThreadSimpleQueue>) {
        let mut after = self.after();
        let place = after.watchers.iter().position(|watcher| watcher.is(queue));
        let watcher = place.map(|place| after.watchers.swap_remove(place));
        drop(after);
        drop(watcher);
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        cls: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        cls.py().import("types")?.getattr("GenericAlias")?.call1((cls, item))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(after) = self.after.try_lock() {
            after.callbacks.iter().try_for_each(|callback| visit.call(callback))?;
            after.watchers.iter().try_for_each(|watcher| visit.call(watcher))?;
        }
        let seen = self.call.try_with_answer(|outcome| match outcome {
            Outcome::Value(object) | Outcome::Error(object) => visit.call(object),
        });
        seen.unwrap_or(Ok(()))
    }

    fn __clear__(&self) {
        let after = self.after.try_lock().map(|mut after| std::mem::take(&mut *after));
        drop(after);
        drop(self.call.take_answer());
    }
}
