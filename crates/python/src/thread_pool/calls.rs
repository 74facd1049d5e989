//! The calls of a pool of threads, and the loop of the threads that run them.
//!
//! A pool's handle and its workers share the queue. When it is closed, workers run what is left and end. Nothing here
//! starts a thread, and nothing says how many there are.

use crate::answer::Answered;
use crate::errors::waited;
use crate::ffi::{Patient, within};
use crate::futures::Future;
use crate::pool::AsyncResult;
use crate::process::count;
use manyhands::channel::{Inside, Monitor};
use manyhands::executor::threads::Standing;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::collections::VecDeque;
use std::sync::Arc;

/// A call that waits for a thread.
pub struct Work {
    pub goal: Goal,
    pub function: Py<PyAny>,
    pub arguments: Py<PyTuple>,
    pub named: Option<Py<PyDict>>,
}

/// Where the answer of a call goes.
pub enum Goal {
    Future(Py<Future>),
    /// A pool's result, of which this is the call with that number. The pool stays until the call is over.
    Result {
        result: Py<AsyncResult>,
        number: usize,
        pool: Py<PyAny>,
    },
}

impl Goal {
    /// The future, if it is one.
    pub fn into_future(self) -> Option<Py<Future>> {
        match self {
            Goal::Future(future) => Some(future),
            Goal::Result { .. } => None,
        }
    }

    /// Has a thread begin with the call; `false` when it was withdrawn.
    #[inline]
    fn begin(&self, py: Python<'_>) -> PyResult<bool> {
        match self {
            Goal::Future(future) => Future::begin(future.bind(py))?.map_err(unexpected),
            Goal::Result { .. } => Ok(true),
        }
    }
}

/// What stands inside the monitor.
#[derive(Default)]
pub struct Waiting {
    pub calls: VecDeque<Work>,
    /// How many threads have run a call for which no newer one has been handed in.
    pub idle: usize,
    /// How many results of a pool are not there yet.
    pub unanswered: usize,
}

/// The queue of calls.
pub struct Calls(Monitor<Waiting>);

impl Calls {
    /// An empty queue.
    pub fn new() -> Arc<Calls> {
        Arc::new(Calls(Monitor::new(Waiting::default(), 0)))
    }

    /// Enters, to look at the calls or to change them.
    #[inline]
    pub fn enter(&self, py: Python<'_>) -> PyResult<Inside<'_, Waiting>> {
        within(py, &self.0)
    }

    /// How many calls no thread has taken.
    pub fn waiting(&self) -> usize {
        self.0.items()
    }

    /// Whether calls are refused.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Takes no more calls: the workers end when all are run.
    pub fn close(&self) {
        self.0.close();
    }

    /// Takes out all calls that no thread has taken.
    pub fn take_all(&self, py: Python<'_>) -> PyResult<Vec<Work>> {
        let mut inside = self.enter(py)?;
        let calls = std::mem::take(&mut inside.calls);
        inside.set_items(0);
        drop(inside);
        Ok(calls.into())
    }

    /// The next call, waiting for one; `None` when the queue is closed and empty.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Work>> {
        loop {
            // Read before the look: a call that is refused by nobody is in the queue by then.
            let is_closed = self.is_closed();
            let mut inside = self.enter(py)?;
            if let Some(work) = inside.calls.pop_front() {
                let waiting = inside.calls.len();
                inside.leave_with_fewer(waiting);
                return Ok(Some(work));
            }
            drop(inside);
            if is_closed {
                return Ok(None);
            }
            let patient = Patient::new(py);
            waited(self.0.wait_not_empty(None, &patient, || false), patient)?;
        }
    }

    /// Runs a call and answers it.
    fn run(&self, py: Python<'_>, work: Work) -> PyResult<()> {
        let Work { goal, function, arguments, named } = work;
        if !goal.begin(py)? {
            return Ok(());
        }
        let named = named.map(|named| named.into_bound(py));
        let result = function.bind(py).call(arguments.into_bound(py), named.as_ref());
        // Before the answer is there: the thread that gets it may count on nobody else holding the arguments.
        drop((function, named));
        self.answer(py, goal, result)
    }

    /// Answers a call that was not run with the exception that `make` returns.
    pub fn fail(&self, py: Python<'_>, work: Work, make: &Bound<'_, PyAny>) -> PyResult<()> {
        let Work { goal, .. } = work;
        self.answer(py, goal, Err(PyErr::from_value(make.call0()?)))
    }

    #[inline]
    fn answer(&self, py: Python<'_>, goal: Goal, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
        match goal {
            Goal::Future(future) => Future::finish(future.bind(py), result)?.map_err(unexpected).map(drop),
            Goal::Result { result: to, number, pool } => {
                drop(pool);
                let to = to.into_bound(py);
                let Some(whole) = AsyncResult::gathered(&to, number, result) else { return Ok(()) };
                self.enter(py)?.unanswered -= 1;
                AsyncResult::come_to(&to, whole)
            }
        }
    }
}

/// Leaves after calls were put; wakes a thread, which wakes the next one while there is more than one call.
#[inline]
pub fn leave_with_more(inside: Inside<'_, Waiting>, calls: usize) {
    let waiting = inside.calls.len();
    inside.leave_with_more(waiting);
    for _ in 0..calls {
        count(|counters| &counters.calls);
    }
}

fn unexpected(standing: Standing) -> PyErr {
    PyRuntimeError::new_err(format!("a call that a thread of the pool was to run was {standing:?} already"))
}

/// A thread's way to the calls of its pool.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct ThreadWorker {
    pub(super) calls: Arc<Calls>,
}

#[pymethods]
impl ThreadWorker {
    /// Runs calls until the pool takes no more and all are run.
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        while let Some(work) = self.calls.next(py)? {
            self.calls.run(py, work)?;
            self.calls.enter(py)?.idle += 1;
        }
        Ok(())
    }

    /// The same for a pool that cannot run calls: answers each with the exception that `make` returns.
    fn fail(&self, py: Python<'_>, make: &Bound<'_, PyAny>) -> PyResult<()> {
        while let Some(work) = self.calls.next(py)? {
            self.calls.fail(py, work, make)?;
        }
        Ok(())
    }

    /// The pool takes no more calls.
    fn close(&self) {
        self.calls.close();
    }
}
