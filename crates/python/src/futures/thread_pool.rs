//! The calls of a thread pool, and the loop of the threads that run them.
//!
//! A pool's handle and its workers share the queue; when the handle goes, workers run what is there and end. The Python
//! package starts the threads, since they are Python's. Once a program has looked inside the pool it has a queue of
//! Python's, and takes its calls in Python.

use super::future::Future;
use crate::errors::waited;
use crate::ffi::{Patient, within};
use crate::process::count;
use manyhands::channel::Monitor;
use manyhands::executor::threads::Standing;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::collections::VecDeque;
use std::sync::Arc;

/// A call that waits for a thread.
struct Work {
    future: Py<Future>,
    function: Py<PyAny>,
    arguments: Py<PyTuple>,
    named: Option<Py<PyDict>>,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<Work>,
    /// How many threads have run a call for which no newer one has been handed in.
    idle: usize,
}

type Desk = Monitor<Calls>;

/// What `ThreadPoolExecutor` is made of: the handle, whose end is the pool's.
#[pyclass(subclass, frozen, weakref, name = "ThreadPoolExecutor", module = "manyhands._engine")]
pub struct ThreadPool {
    desk: Arc<Desk>,
}

#[pymethods]
impl ThreadPool {
    #[new]
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadPool {
        ThreadPool { desk: Arc::new(Monitor::new(Calls::default(), 0)) }
    }

    /// Hands a call in; its future.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn submit<'py>(
        slf: &Bound<'py, Self>,
        r#fn: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Future>> {
        let (py, desk) = (slf.py(), &slf.get().desk);
        let future = Future::new_for_a_call(py)?;
        let work = Work {
            future: future.clone().unbind(),
            function: r#fn.unbind(),
            arguments: args.unbind(),
            named: kwargs.map(Bound::unbind),
        };
        let mut inside = within(py, desk)?;
        if desk.is_closed() {
            drop(inside);
            let Work { function, arguments, named, .. } = work;
            let future = slf.call_method1("_manyhands_submit_otherwise", (function, arguments, named))?;
            return Ok(future.cast_into()?);
        }
        inside.waiting.push_back(work);
        let is_awaited = inside.idle > 0;
        inside.idle -= usize::from(is_awaited);
        let waiting = inside.waiting.len();
        inside.leave_with_more(waiting);
        count(|counters| &counters.calls);
        if !is_awaited {
            slf.call_method0("_adjust_thread_count")?;
        }
        Ok(future)
    }

    /// What a thread of the pool runs.
    #[pyo3(name = "_manyhands_worker")]
    fn worker(&self) -> ThreadWorker {
        ThreadWorker { desk: self.desk.clone() }
    }

    /// Takes no more calls.
    #[pyo3(name = "_manyhands_close")]
    fn close(&self) {
        self.desk.close();
    }

    /// Takes no more calls, and gives out those that no thread has taken, and how many threads are idle.
    #[expect(clippy::type_complexity, reason = "four parts of a call, for Python")]
    #[pyo3(name = "_manyhands_hand_over")]
    fn hand_over(
        &self,
        py: Python<'_>,
    ) -> PyResult<(Vec<(Py<Future>, Py<PyAny>, Py<PyTuple>, Option<Py<PyDict>>)>, usize)> {
        self.desk.close();
        let mut inside = within(py, &self.desk)?;
        let waiting = std::mem::take(&mut inside.waiting);
        inside.set_items(0);
        let idle = inside.idle;
        drop(inside);
        let parts = |work: Work| (work.future, work.function, work.arguments, work.named);
        Ok((waiting.into_iter().map(parts).collect(), idle))
    }

    /// How many calls no thread has taken.
    #[getter]
    #[pyo3(name = "_manyhands_waiting")]
    fn waiting(&self) -> usize {
        self.desk.items()
    }

    /// The futures of all calls that no thread has taken, which none will take now.
    #[pyo3(name = "_manyhands_withdraw")]
    fn withdraw<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, Future>>> {
        let mut inside = within(py, &self.desk)?;
        let waiting = std::mem::take(&mut inside.waiting);
        inside.set_items(0);
        drop(inside);
        Ok(waiting.into_iter().map(|work| work.future.into_bound(py)).collect())
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.desk.close();
    }
}

/// A thread's way to the calls of its pool.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct ThreadWorker {
    desk: Arc<Desk>,
}

#[pymethods]
impl ThreadWorker {
    /// Runs calls until the pool takes no more and all are run.
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        while let Some(work) = self.next(py)? {
            run(py, work)?;
            within(py, &self.desk)?.idle += 1;
        }
        Ok(())
    }

    /// The pool takes no more calls.
    fn close(&self) {
        self.desk.close();
    }
}

impl ThreadWorker {
    fn next(&self, py: Python<'_>) -> PyResult<Option<Work>> {
        loop {
            let mut inside = within(py, &self.desk)?;
            if let Some(work) = inside.waiting.pop_front() {
                let waiting = inside.waiting.len();
                inside.leave_with_fewer(waiting);
                return Ok(Some(work));
            }
            drop(inside);
            if self.desk.is_closed() {
                return Ok(None);
            }
            let patient = Patient::new(py);
            waited(self.desk.wait_not_empty(None, &patient, || false), patient)?;
        }
    }
}

/// Runs a call and answers it.
fn run(py: Python<'_>, work: Work) -> PyResult<()> {
    let Work { future, function, arguments, named } = work;
    let future = future.into_bound(py);
    match Future::begin_call(&future)? {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(standing) => return Err(unexpected(standing)),
    }
    let named = named.map(|named| named.into_bound(py));
    let result = function.bind(py).call(arguments.into_bound(py), named.as_ref());
    // The arguments are gone before the answer is there, so that whoever gets it may find nobody else holding them.
    drop((function, named));
    Future::finish_call(&future, result)?.map_err(unexpected)
}

fn unexpected(standing: Standing) -> PyErr {
    PyRuntimeError::new_err(format!("a call that a thread of the pool was to run was {standing:?} already"))
}
