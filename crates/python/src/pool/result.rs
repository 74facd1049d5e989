//! `AsyncResult`: the answer of one call, or of a map's calls, as a pool's users have it.
//!
//! With callbacks the callback thread makes the object when the answers are there, and runs the callback before
//! a thread that waits goes on. A callback that raises is reported as unraisable, and nothing else changes.

use super::parts::Parts;
use super::shared::{emptied, locked};
use super::submit::{Refused, Submitted, Through};
use crate::answer::{Answer, Answered, Fetched, Outcome, Read, Source};
use crate::child::deadline;
use crate::ffi::{may_refer, track, untrack};
use crate::value::error_of;
use manyhands::platform::Deadline;
use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::sync::Mutex;

/// The attributes that not every result has.
const SOMETIMES: [&str; 4] = ["_chunksize", "_number_left", "_success", "_value"];

static TIMEOUT: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn timed_out(py: Python<'_>) -> PyErr {
    error_of(py, &TIMEOUT, ("manyhands.multiprocessing.context", "TimeoutError"), ())
}

fn cleared() -> PyErr {
    PyValueError::new_err("the garbage collector has cleared this result")
}

fn no_attribute(name: &str) -> PyErr {
    PyAttributeError::new_err(format!("'ApplyResult' object has no attribute '{name}'"))
}

/// The result of `apply_async`; of `map_async` or `starmap_async` as a [`MapResult`].
#[pyclass(frozen, dict, weakref, subclass, name = "ApplyResult", module = "manyhands._engine")]
pub struct AsyncResult {
    answer: Answer<Option<Source>>,
    /// How many elements of a map go into each call.
    chunksize: Option<usize>,
    callbacks: Option<Box<Mutex<ResultCallbacks>>>,
    /// What the calls of a map have returned that threads run.
    parts: Option<Box<Mutex<Parts>>>,
}

/// The result of `map_async` or `starmap_async`, which programs know by its class.
#[pyclass(extends = AsyncResult, frozen, module = "manyhands._engine")]
pub struct MapResult;

/// What is called with a result's value, and what with its exception.
#[derive(Default)]
pub struct ResultCallbacks([Option<Py<PyAny>>; 2]);

impl ResultCallbacks {
    /// What was given, but `None`.
    pub fn new(value: Option<&Bound<'_, PyAny>>, error: Option<&Bound<'_, PyAny>>) -> ResultCallbacks {
        ResultCallbacks(
            [value, error].map(|given| Some(given.filter(|given| !given.is_none())?.clone().unbind())),
        )
    }

    /// Of a pair, which is what a pool hands on.
    pub fn of_pair(pair: &Bound<'_, PyAny>) -> PyResult<ResultCallbacks> {
        let (value, error) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        Ok(ResultCallbacks::new(Some(&value), Some(&error)))
    }

    fn are_none(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

impl Answered for AsyncResult {
    type Source = Option<Source>;

    #[inline]
    fn answer(&self) -> &Answer<Option<Source>> {
        &self.answer
    }

    fn come_to(slf: &Bound<'_, Self>, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let outcome = Outcome::of(py, result);
        if let Some(callback) = this.callback(py, matches!(outcome, Outcome::Error(_)))
            && let Err(error) = callback.call1(py, (outcome.object(),))
        {
            error.write_unraisable(py, Some(callback.bind(py)));
        }
        if may_refer(outcome.object().bind(py)) {
            track(slf.as_any());
        }
        drop(this.answer.call.answer(outcome));
        Ok(())
    }

    fn withdraw(_: &Bound<'_, Self>) -> PyResult<()> {
        Ok(())
    }

    fn keep(_: &Bound<'_, Self>, source: &Source, rest: Fetched) -> bool {
        source.keep(rest);
        true
    }
}

impl AsyncResult {
    /// The result of what was submitted, or of why it was not.
    pub fn of<'py>(
        through: Through<'_, 'py>,
        submitted: Result<Submitted, Refused>,
        callbacks: ResultCallbacks,
        chunksize: Option<usize>,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let py = through.core.py();
        let Submitted { calls, function } = match submitted {
            Ok(submitted) => submitted,
            Err(Refused::AtOnce(error)) => return Err(error),
            Err(Refused::Later(error)) => {
                let result = AsyncResult::new(py, None, callbacks, chunksize, None)?;
                Self::come_to(&result, Err(error))?;
                return Ok(result);
            }
        };
        // A map of nothing is done at once; as in the standard library no callback is run.
        let is_unasked = !callbacks.are_none() && !calls.all().is_empty();
        let source = Source::new(through.core.get().shared()?, function, calls, false);
        source.keep_alive(through.pool);
        let keeps_an_object = source.keeps_an_object();
        let callbacks = if is_unasked { callbacks } else { ResultCallbacks::default() };
        let result = AsyncResult::new(py, Some(source), callbacks, chunksize, None)?;
        if is_unasked {
            Self::fetch_unasked(&result)?;
        } else if !keeps_an_object {
            // Until there is something that a cycle could go through.
            untrack(result.as_any());
        }
        Ok(result)
    }

    /// The result of what threads will run: one call, or with a chunk size the calls of a map.
    pub fn of_threads(
        py: Python<'_>,
        callbacks: ResultCallbacks,
        chunksize: Option<usize>,
        calls: usize,
    ) -> PyResult<Bound<'_, AsyncResult>> {
        let parts = chunksize.map(|_| Parts::of(calls));
        // Until there is something that a cycle could go through.
        let is_untracked = callbacks.are_none() && parts.is_none();
        let result = AsyncResult::new(py, None, callbacks, chunksize, parts)?;
        if is_untracked {
            untrack(result.as_any());
        }
        Ok(result)
    }

    /// A thread has run the call with that number: what the whole comes to, if it was the last one.
    pub fn gathered<'py>(
        slf: &Bound<'py, Self>,
        number: usize,
        result: PyResult<Bound<'py, PyAny>>,
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        let Some(parts) = &slf.get().parts else { return Some(result) };
        let all = locked(parts).answer(number, Outcome::of(slf.py(), result))?;
        Some(all.joined(slf.py()))
    }

    /// As the object that programs have: a map's is of a class of its own.
    fn new(
        py: Python<'_>,
        source: Option<Source>,
        callbacks: ResultCallbacks,
        chunksize: Option<usize>,
        parts: Option<Parts>,
    ) -> PyResult<Bound<'_, AsyncResult>> {
        let callbacks = (!callbacks.are_none()).then(|| Box::new(Mutex::new(callbacks)));
        let parts = parts.map(|parts| Box::new(Mutex::new(parts)));
        let result = AsyncResult { answer: Answer::new(source), chunksize, callbacks, parts };
        if chunksize.is_none() {
            return Bound::new(py, result);
        }
        Ok(Bound::new(py, PyClassInitializer::from(result).add_subclass(MapResult))?.into_super())
    }

    fn callback(&self, py: Python<'_>, is_of_error: bool) -> Option<Py<PyAny>> {
        let callbacks = locked(self.callbacks.as_ref()?);
        callbacks.0[usize::from(is_of_error)].as_ref().map(|callback| callback.clone_ref(py))
    }

    /// Whether a result has this attribute, which it has once it is there.
    fn check_has(&self, attribute: &str) -> PyResult<()> {
        if self.ready() { Ok(()) } else { Err(no_attribute(attribute)) }
    }

    fn of_a_map(&self, attribute: &str) -> PyResult<usize> {
        self.chunksize.ok_or_else(|| no_attribute(attribute))
    }

    /// Looks at what the calls came to, if it is there `until` then.
    #[inline]
    fn look<R>(
        slf: &Bound<'_, Self>,
        until: impl FnOnce() -> Option<Deadline>,
        look: impl FnOnce(&Outcome) -> R,
    ) -> PyResult<R> {
        // Once the answers are there, the thread that makes the object is waited for without a limit.
        let until = || Ok(until().filter(|_| !slf.get().ready()));
        match Self::wait_until_over(slf, until)? {
            Some(_) => slf.get().answer.call.with_answer(look).ok_or_else(cleared),
            None => Err(timed_out(slf.py())),
        }
    }
}

/// What a function is called in messages.
pub fn name_of(function: &Bound<'_, PyAny>) -> String {
    let name = function.getattr("__qualname__").or_else(|_| function.repr().map(Bound::into_any));
    name.and_then(|name| name.extract()).unwrap_or_default()
}

#[pymethods]
impl AsyncResult {
    /// Waits until the call is over, and returns what it returned or raises what it raised.
    ///
    /// Raises TimeoutError, that of `multiprocessing`, when it is not over after `timeout` seconds; `None` is no limit.
    #[pyo3(signature = (timeout = None))]
    fn get<'py>(slf: &Bound<'py, Self>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(result) = Self::fetch(slf)? {
            return result;
        }
        Self::look(slf, || deadline(timeout), |outcome| outcome.get(slf.py()))?
    }

    /// `get` for a result that nobody else has or will ask for: made as the answers come.
    #[pyo3(name = "_manyhands_gather")]
    fn gather<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let fetched = slf.get().answer.source().and_then(|source| Some((source, source.fetch_early(py)?)));
        let Some((source, (fetched, _pool))) = fetched else { return Self::get(slf, None) };
        match fetched.read(py, &source.reader, |call| Source::wait_for_call(slf.as_any(), call)) {
            Read::Outcome(outcome) => outcome,
            Read::Interrupted(error, _) => Err(error),
            Read::Withdrawn => Self::get(slf, None),
        }
    }

    /// Waits until the result is there, or for `timeout` seconds; `None` is no limit. Ask `ready` which it was.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<()> {
        if slf.get().ready() { Ok(()) } else { Self::wait_until_there(slf, deadline(timeout)).map(drop) }
    }

    /// Whether the result is there.
    fn ready(&self) -> bool {
        self.answer.is_there()
    }

    /// Whether the call raised nothing; `ValueError` when the result is not there yet.
    fn successful(slf: &Bound<'_, Self>) -> PyResult<bool> {
        if !slf.get().ready() {
            return Err(PyValueError::new_err(format!("{} not ready", slf.repr()?)));
        }
        Self::look(slf, || None, |outcome| matches!(outcome, Outcome::Value(_)))
    }

    /// How many calls of a map have no answer yet.
    #[getter]
    fn _number_left(&self) -> PyResult<usize> {
        self.of_a_map("_number_left")?;
        let parts = || self.parts.as_ref().map_or(0, |parts| locked(parts).left());
        Ok(self.answer.source().map_or_else(parts, Source::left))
    }

    /// How many elements of a map go into each call.
    #[getter]
    fn _chunksize(&self) -> PyResult<usize> {
        self.of_a_map("_chunksize")
    }

    /// Whether the call raised nothing, once the result is there.
    #[getter]
    fn _success(slf: &Bound<'_, Self>) -> PyResult<bool> {
        slf.get().check_has("_success")?;
        Self::successful(slf)
    }

    /// What the call returned or raised, once that is there.
    #[getter]
    fn _value(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        slf.get().check_has("_value")?;
        Self::look(slf, || None, |outcome| outcome.object().clone_ref(slf.py()))
    }

    /// What is called with the value.
    #[getter]
    fn _callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.callback(py, false)
    }

    /// What is called with the exception.
    #[getter]
    fn _error_callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.callback(py, true)
    }

    /// The event that is set when the result is there.
    #[getter]
    fn _event<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("manyhands.multiprocessing._opened_pool")?.call_method1("ResultEvent", (slf,))
    }

    /// The names of the attributes, without those that this result has not, or not yet: a manager reads all of them.
    fn __dir__(slf: &Bound<'_, Self>) -> PyResult<Vec<String>> {
        let names: Vec<String> = slf.py().get_type::<PyAny>().call_method1("__dir__", (slf,))?.extract()?;
        let mut there = Vec::with_capacity(names.len());
        for name in names {
            if !SOMETIMES.contains(&name.as_str()) || slf.hasattr(&name)? {
                there.push(name);
            }
        }
        Ok(there)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.answer.visit(&visit, || {
            if let Some(Ok(callbacks)) = self.callbacks.as_ref().map(|callbacks| callbacks.try_lock()) {
                callbacks.0.iter().try_for_each(|callback| visit.call(callback))?;
            }
            if let Some(Ok(parts)) = self.parts.as_ref().map(|parts| parts.try_lock()) {
                parts.objects().try_for_each(|part| visit.call(part))?;
            }
            Ok(())
        })
    }

    fn __clear__(&self) {
        self.callbacks.iter().for_each(|callbacks| emptied(callbacks));
        self.parts.iter().for_each(|parts| emptied(parts));
        self.answer.clear();
    }
}
