//! What `ThreadPoolExecutor` is made of: the handle of a queue of calls.
//!
//! When the handle goes, workers run what is there and end. Once a program has looked inside the pool, it has a queue
//! of Python's, and takes its calls in Python.

use super::calls::{Calls, Goal, ThreadWorker, Work, leave_with_more};
use crate::futures::Future;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::Arc;

/// What `ThreadPoolExecutor` is made of: the handle, whose end is the pool's.
#[pyclass(subclass, frozen, weakref, name = "ThreadPoolExecutor", module = "manyhands._engine")]
pub struct ThreadPool {
    calls: Arc<Calls>,
}

/// A call as Python has it.
type Parts = (Py<Future>, Py<PyAny>, Py<PyTuple>, Option<Py<PyDict>>);

#[pymethods]
impl ThreadPool {
    #[new]
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadPool {
        ThreadPool { calls: Calls::new() }
    }

    /// Has `fn(*args, **kwargs)` called in one of the threads. Returns the call's `Future` at once.
    ///
    /// Raises RuntimeError after a `shutdown` or at the interpreter's end; as a BrokenThreadPool when an initializer
    /// has failed.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn submit<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Future>> {
        let (py, calls) = (slf.py(), &slf.get().calls);
        let future = Future::new_for_a_call(py)?;
        let mut inside = calls.enter(py)?;
        if calls.is_closed() {
            drop(inside);
            let future = slf.call_method1("_manyhands_submit_otherwise", (r#fn, args, kwargs))?;
            return Ok(future.cast_into()?);
        }
        inside.calls.push_back(Work {
            goal: Goal::Future(future.clone().unbind()),
            function: r#fn.unbind(),
            arguments: args.unbind(),
            named: kwargs.map(Bound::unbind),
        });
        let is_awaited = inside.idle > 0;
        inside.idle -= usize::from(is_awaited);
        leave_with_more(inside, 1);
        if !is_awaited {
            slf.call_method0("_adjust_thread_count")?;
        }
        Ok(future)
    }

    /// What a thread of the pool runs.
    #[pyo3(name = "_manyhands_worker")]
    fn worker(&self) -> ThreadWorker {
        ThreadWorker { calls: Arc::clone(&self.calls) }
    }

    /// Takes no more calls.
    #[pyo3(name = "_manyhands_close")]
    fn close(&self) {
        self.calls.close();
    }

    /// Takes no more calls, and gives out those that no thread has taken, and how many threads are idle.
    #[pyo3(name = "_manyhands_hand_over")]
    fn hand_over(&self, py: Python<'_>) -> PyResult<(Vec<Parts>, usize)> {
        self.calls.close();
        let calls = self.calls.take_all(py)?.into_iter();
        let parts = |work: Work| Some((work.goal.into_future()?, work.function, work.arguments, work.named));
        Ok((calls.filter_map(parts).collect(), self.calls.enter(py)?.idle))
    }

    /// How many calls no thread has taken.
    #[getter]
    #[pyo3(name = "_manyhands_waiting")]
    fn waiting(&self) -> usize {
        self.calls.waiting()
    }

    /// The futures of all calls that no thread has taken, which none will take now.
    #[pyo3(name = "_manyhands_withdraw")]
    fn withdraw(&self, py: Python<'_>) -> PyResult<Vec<Py<Future>>> {
        Ok(self.calls.take_all(py)?.into_iter().filter_map(|work| work.goal.into_future()).collect())
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.calls.close();
    }
}
