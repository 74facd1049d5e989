//! `AsyncResult`: the answer of one call, or the answers of a map's calls, for whoever asks.
//!
//! Without callbacks nothing happens in this process until somebody asks: then the caller waits on the call's own word
//! and unpickles what it finds. With callbacks the engine's callback thread does it as the answers come, and who asks
//! waits until the callbacks have run. Threads may ask together; one of them takes the answer.

use super::calls::Calls;
use super::function::Called;
use super::shared::{Shared, ToCome};
use crate::child::deadline;
use crate::errors::waited;
use crate::ffi::{Patient, may_refer, track, untrack};
use crate::value::generic;
use manyhands::executor::RawCall;
use manyhands::platform::Deadline;
use manyhands::platform::atomic::{AtomicUsize, Ordering};
use manyhands::platform::thread::yield_now;
use manyhands::sync::{RawEvent, Wait};
use pyo3::exceptions::{PyAttributeError, PyBaseException, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The attributes that not every result has.
const SOMETIMES: [&str; 4] = ["_chunksize", "_number_left", "_success", "_value"];

static TIMEOUT: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn timed_out(py: Python<'_>) -> PyErr {
    match TIMEOUT.import(py, "manyhands.multiprocessing.context", "TimeoutError") {
        Ok(kind) => PyErr::from_type(kind.clone(), ()),
        Err(error) => error,
    }
}

enum State {
    /// Nobody has waited for the answer yet. The pool stays alive until it is there.
    Fresh {
        calls: Calls,
        pool: ToCome,
    },
    /// Somebody has waited for it, perhaps others do now.
    Waited {
        calls: Arc<Calls>,
        pool: ToCome,
    },
    /// Somebody is about to unpickle it.
    Taking,
    Value(Py<PyAny>),
    Error(Py<PyBaseException>),
}

/// What callbacks need: the event that is set when they have run.
pub struct Awaited {
    pub done: RawEvent,
    /// How many calls have no answer yet.
    left: AtomicUsize,
}

/// The result of `apply_async`; of `map_async` or `starmap_async` as a [`MapResult`].
#[pyclass(frozen, dict, weakref, subclass, name = "ApplyResult", module = "manyhands._engine")]
pub struct AsyncResult {
    state: Mutex<State>,
    /// Kept: who waits for the result needs the pool's callback thread, and somebody to start workers.
    _shared: Arc<Shared>,
    function: Option<Called>,
    awaited: Option<Arc<Awaited>>,
    /// How many elements of a map go into each call.
    chunksize: Option<usize>,
    /// Who is told of a value, and who of an error.
    told: Mutex<Told>,
}

/// The result of `map_async` or `starmap_async`, which programs know by its class.
#[pyclass(extends = AsyncResult, frozen, module = "manyhands._engine")]
pub struct MapResult;

/// The functions that are called with what a result came to.
pub type Told = [Option<Py<PyAny>>; 2];

impl AsyncResult {
    /// Of calls that were submitted; `pool` stays alive until they are answered.
    pub fn running<'py>(
        shared: &Arc<Shared>,
        calls: Calls,
        pool: &Bound<'py, PyAny>,
        function: &Bound<'_, PyAny>,
        chunksize: Option<usize>,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let state = State::Fresh { calls, pool: shared.keep_alive(pool) };
        let function = shared.functions.called(function);
        let is_object = function.is_object();
        let result =
            AsyncResult::new(shared, state, Some(function), None, chunksize).into_object(pool.py())?;
        // Until there is something that a cycle could go through.
        if !is_object {
            untrack(result.as_any());
        }
        Ok(result)
    }

    /// Of a call that could not be submitted, which is told to whoever asks.
    pub fn failed(
        py: Python<'_>,
        shared: &Arc<Shared>,
        error: PyErr,
        chunksize: Option<usize>,
    ) -> AsyncResult {
        AsyncResult::new(shared, State::Error(error.into_value(py)), None, None, chunksize)
    }

    /// Of calls that somebody else waits for, who will [`AsyncResult::set`] it.
    pub fn awaited(shared: &Arc<Shared>, calls: usize, chunksize: Option<usize>) -> AsyncResult {
        let awaited = Awaited { done: RawEvent::private(), left: AtomicUsize::new(calls) };
        AsyncResult::new(shared, State::Taking, None, Some(Arc::new(awaited)), chunksize)
    }

    /// As the object that programs have: a map's is of a class of its own.
    pub fn into_object(self, py: Python<'_>) -> PyResult<Bound<'_, AsyncResult>> {
        if self.chunksize.is_none() {
            return Bound::new(py, self);
        }
        Ok(Bound::new(py, PyClassInitializer::from(self).add_subclass(MapResult))?.into_super())
    }

    /// With those who are told of it, for programs that look.
    pub fn telling(self, told: Told) -> AsyncResult {
        AsyncResult { told: Mutex::new(told), ..self }
    }

    /// So many of the calls that somebody else waits for have no answer yet.
    pub fn leave(&self, left: usize) {
        if let Some(awaited) = &self.awaited {
            awaited.left.store(left, Ordering::Relaxed);
        }
    }

    fn new(
        shared: &Arc<Shared>,
        state: State,
        function: Option<Called>,
        awaited: Option<Arc<Awaited>>,
        chunksize: Option<usize>,
    ) -> AsyncResult {
        let (state, _shared, told) = (Mutex::new(state), Arc::clone(shared), Mutex::default());
        AsyncResult { state, _shared, function, awaited, chunksize, told }
    }

    /// Sets the outcome; those who wait go on after [`AsyncResult::announce`].
    pub fn set(slf: &Bound<'_, Self>, outcome: &PyResult<Py<PyAny>>) {
        let py = slf.py();
        let (state, refers) = match outcome {
            Ok(value) => (State::Value(value.clone_ref(py)), may_refer(value.bind(py))),
            Err(error) => (State::Error(error.clone_ref(py).into_value(py)), true),
        };
        if refers {
            track(slf.as_any());
        }
        let before = std::mem::replace(&mut *slf.get().state(), state);
        drop(before);
    }

    /// Lets those go on who wait.
    pub fn announce(&self) {
        if let Some(awaited) = &self.awaited {
            awaited.done.set();
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Never held while Python code runs or the interpreter lock is given up.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the outcome stands in the state, or the answers that make it are there.
    fn is_there(&self) -> bool {
        match &*self.state() {
            State::Fresh { calls, .. } => calls.is_done(),
            State::Waited { calls, .. } => calls.is_done(),
            State::Taking | State::Value(_) | State::Error(_) => true,
        }
    }

    /// The calls, to be waited for; `None` when there is nothing left to wait for.
    fn waited_calls(&self) -> Option<Arc<Calls>> {
        let mut state = self.state();
        if matches!(&*state, State::Fresh { .. })
            && let State::Fresh { calls, pool } = std::mem::replace(&mut *state, State::Taking)
        {
            *state = State::Waited { calls: Arc::new(calls), pool };
        }
        match &*state {
            State::Waited { calls, .. } => Some(Arc::clone(calls)),
            _ => None,
        }
    }

    /// Waits; `false` when the time was over first.
    fn wait_until(slf: &Bound<'_, Self>, until: Option<Deadline>) -> PyResult<bool> {
        let this = slf.get();
        if let Some(awaited) = &this.awaited {
            let patient = Patient::on(slf);
            return waited(awaited.done.wait(until, &patient), patient);
        }
        if this.is_there() {
            return Ok(true);
        }
        let Some(calls) = this.waited_calls() else { return Ok(true) };
        for call in calls.all() {
            if !call.is_done() && !Self::wait_for(slf, call, until)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits for a call; `false` when the time was over first.
    fn wait_for(slf: &Bound<'_, Self>, call: &RawCall, until: Option<Deadline>) -> PyResult<bool> {
        let patient = Patient::on(slf);
        waited(call.wait(&Wait::arena(until, &patient)), patient)
    }

    /// The outcome, when its answers are there and nobody has asked before.
    #[inline]
    fn fresh_outcome(slf: &Bound<'_, Self>) -> Option<PyResult<Py<PyAny>>> {
        let (py, this) = (slf.py(), slf.get());
        let (calls, pool) = {
            let mut state = this.state();
            match &*state {
                State::Fresh { calls, .. } if calls.is_done() => {
                    match std::mem::replace(&mut *state, State::Taking) {
                        State::Fresh { calls, pool } => (calls, pool),
                        _ => return None,
                    }
                }
                _ => return None,
            }
        };
        let outcome = calls.take(py, || this.describe(py)).map(Bound::unbind);
        drop(pool);
        Self::set(slf, &outcome);
        Some(outcome)
    }

    /// Makes sure that the outcome stands in the state; the answers are there.
    fn settle(slf: &Bound<'_, Self>) {
        let (py, this) = (slf.py(), slf.get());
        loop {
            let taken = {
                let mut state = this.state();
                match &*state {
                    State::Value(_) | State::Error(_) => return,
                    _ => std::mem::replace(&mut *state, State::Taking),
                }
            };
            let (calls, pool) = match taken {
                State::Fresh { calls, pool } => (calls, pool),
                State::Waited { calls, pool } => (Self::alone(py, calls), pool),
                _ => {
                    // Another thread is at it.
                    py.detach(yield_now);
                    continue;
                }
            };
            let outcome = calls.take(py, || this.describe(py)).map(Bound::unbind);
            Self::set(slf, &outcome);
            drop(pool);
            return;
        }
    }

    /// The calls, when the other threads that waited for them have let go.
    fn alone(py: Python<'_>, mut calls: Arc<Calls>) -> Calls {
        loop {
            match Arc::try_unwrap(calls) {
                Ok(calls) => return calls,
                Err(still) => calls = still,
            }
            py.detach(yield_now);
        }
    }

    fn of_a_map(&self, attribute: &str) -> PyResult<usize> {
        self.chunksize.ok_or_else(|| no_attribute(attribute))
    }

    fn describe(&self, py: Python<'_>) -> String {
        self.function.as_ref().map_or(String::new(), |function| function.name(py))
    }
}

fn no_attribute(name: &str) -> PyErr {
    PyAttributeError::new_err(format!("'ApplyResult' object has no attribute '{name}'"))
}

/// What a function is called in messages.
pub fn name_of(function: &Bound<'_, PyAny>) -> String {
    let name = function.getattr("__qualname__").or_else(|_| function.repr().map(Bound::into_any));
    name.and_then(|name| name.extract()).unwrap_or_default()
}

#[pymethods]
impl AsyncResult {
    /// The result; raises what the call raised, or `TimeoutError`.
    #[pyo3(signature = (timeout = None))]
    fn get(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let Some(outcome) = Self::fresh_outcome(slf) {
            return outcome;
        }
        if !Self::wait_until(slf, deadline(timeout))? {
            return Err(timed_out(py));
        }
        Self::settle(slf);
        match &*this.state() {
            State::Value(value) => Ok(value.clone_ref(py)),
            State::Error(error) => Err(PyErr::from_value(error.bind(py).clone().into_any())),
            _ => unreachable!("it was settled"),
        }
    }

    /// `get` for a result that nobody else has or will ask for: made as the answers come.
    #[pyo3(name = "_manyhands_gather")]
    fn gather(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let fresh = std::mem::replace(&mut *this.state(), State::Taking);
        let State::Fresh { calls, pool } = fresh else {
            *this.state() = fresh;
            return Self::get(slf, None);
        };
        let wait = |call: &RawCall| {
            if call.is_done() {
                return Ok(());
            }
            Self::wait_for(slf, call, None).map(drop)
        };
        let outcome = calls.gather(py, || this.describe(py), wait).map(Bound::unbind);
        drop(pool);
        outcome
    }

    /// Waits until the result is there, or for `timeout` seconds.
    #[pyo3(signature = (timeout = None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<()> {
        Self::wait_until(slf, deadline(timeout)).map(drop)
    }

    /// Whether the result is there.
    fn ready(&self) -> bool {
        match &self.awaited {
            Some(awaited) => awaited.done.is_set(),
            None => self.is_there(),
        }
    }

    /// Whether the call raised nothing; `ValueError` when the result is not there yet.
    fn successful(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let this = slf.get();
        if !this.ready() {
            return Err(PyValueError::new_err(format!("{} not ready", slf.repr()?)));
        }
        Self::settle(slf);
        Ok(matches!(&*this.state(), State::Value(_)))
    }

    /// How many calls of a map have no answer yet.
    #[getter]
    fn _number_left(&self) -> PyResult<usize> {
        self.of_a_map("_number_left")?;
        let waited_by_others = self.awaited.as_ref().map(|awaited| awaited.left.load(Ordering::Relaxed));
        Ok(waited_by_others.unwrap_or_else(|| match &*self.state() {
            State::Fresh { calls, .. } => calls.left(),
            State::Waited { calls, .. } => calls.left(),
            State::Taking | State::Value(_) | State::Error(_) => 0,
        }))
    }

    /// How many elements of a map go into each call.
    #[getter]
    fn _chunksize(&self) -> PyResult<usize> {
        self.of_a_map("_chunksize")
    }

    /// Whether the call raised nothing, once the result is there.
    #[getter]
    fn _success(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::successful(slf).map_err(|_| no_attribute("_success"))
    }

    /// What the call returned or raised, once that is there.
    #[getter]
    fn _value(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let this = slf.get();
        if !this.ready() {
            return Err(no_attribute("_value"));
        }
        Self::settle(slf);
        match &*this.state() {
            State::Value(value) => Ok(value.clone_ref(slf.py())),
            State::Error(error) => Ok(error.clone_ref(slf.py()).into_any()),
            _ => unreachable!("it was settled"),
        }
    }

    /// What is called with the value.
    #[getter]
    fn _callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.told()[0].as_ref().map(|callback| callback.clone_ref(py))
    }

    /// What is called with the exception.
    #[getter]
    fn _error_callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.told()[1].as_ref().map(|callback| callback.clone_ref(py))
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

    #[classmethod]
    fn __class_getitem__<'py>(
        cls: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        generic(cls, item)
    }
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(function) = &self.function {
            function.visit(&visit)?;
        }
        if let Ok(told) = self.told.try_lock() {
            told.iter().try_for_each(|callback| visit.call(callback))?;
        }
        match self.state.try_lock().as_deref() {
            Ok(State::Value(value)) => visit.call(value),
            Ok(State::Error(error)) => visit.call(error),
            _ => Ok(()),
        }
    }

    fn __clear__(&self) {
        let state = self.state.try_lock().map(|mut state| std::mem::replace(&mut *state, State::Taking));
        drop(state);
        let told = self.told.try_lock().map(|mut told| std::mem::take(&mut *told));
        drop(told);
    }
}
