//! The core of `multiprocessing`'s `ThreadPool`: it submits single calls and maps, whose results are a pool's results.
//!
//! It has the methods that the core of a pool of processes has, so that one `Pool` in Python serves both. When it goes,
//! the workers run what is there and end.

use super::calls::{Calls, Goal, ThreadWorker, Work, leave_with_more};
use crate::answer::Answered;
use crate::pool::{AsyncResult, PoolCore, ResultCallbacks, arguments_of};
use manyhands::platform::atomic::{AtomicBool, Ordering};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PySequence, PyTuple};
use std::sync::Arc;

/// A function of `manyhands.multiprocessing._thread_pool` that runs a call which is more than a function's.
fn helper<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    cell.import(py, "manyhands.multiprocessing._thread_pool", name).cloned()
}

/// What `ThreadPool` hands its calls to.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct ThreadPoolCore {
    calls: Arc<Calls>,
    /// Whether the program's calls are refused, while what it has begun to submit still comes.
    refuses: AtomicBool,
}

impl ThreadPoolCore {
    /// Refuses a program's call once no more are to come.
    pub fn check_takes_calls(&self, pool: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.refuses.load(Ordering::Relaxed) { Err(PoolCore::refusal(pool)) } else { Ok(()) }
    }

    /// Submits the calls that one result comes from.
    fn submit(&self, pool: &Bound<'_, PyAny>, works: impl ExactSizeIterator<Item = Work>) -> PyResult<()> {
        let calls = works.len();
        let mut inside = self.calls.enter(pool.py())?;
        if self.calls.is_closed() {
            drop(inside);
            return Err(PoolCore::refusal(pool));
        }
        inside.calls.extend(works);
        inside.unanswered += 1;
        leave_with_more(inside, calls);
        Ok(())
    }

    /// Submits `func(*args, **kwds)`.
    pub fn submit_call<'py>(
        &self,
        pool: &Bound<'py, PyAny>,
        func: &Bound<'py, PyAny>,
        args: Option<&Bound<'py, PyAny>>,
        kwds: Option<&Bound<'py, PyAny>>,
        callbacks: ResultCallbacks,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        static CALL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = pool.py();
        let mut function = func.clone();
        let mut arguments = arguments_of(py, args)?;
        let named = match kwds.filter(|kwds| !kwds.is_none()).map(|kwds| (kwds, kwds.cast_exact::<PyDict>()))
        {
            None => None,
            Some((_, Ok(named))) => (!named.is_empty()).then(|| named.clone().unbind()),
            // Whatever is wrong with it, the call raises.
            Some((kwds, Err(_))) => {
                arguments = PyTuple::new(py, [func, arguments.as_any(), kwds])?;
                function = helper(py, &CALL, "call")?;
                None
            }
        };
        let result = AsyncResult::of_threads(py, callbacks, None, 1)?;
        let goal = Goal::Result { result: result.clone().unbind(), number: 0, pool: pool.clone().unbind() };
        let work = Work { goal, function: function.unbind(), arguments: arguments.unbind(), named };
        self.submit(pool, std::iter::once(work))?;
        Ok(result)
    }
}

#[pymethods]
impl ThreadPoolCore {
    #[new]
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadPoolCore {
        ThreadPoolCore { calls: Calls::new(), refuses: AtomicBool::new(false) }
    }

    /// Calls `func(*args, **kwds)` in a worker, for `pool`.
    #[pyo3(signature = (pool, func, args = None, kwds = None, callbacks = ResultCallbacks::default()))]
    fn call_one<'py>(
        &self,
        pool: &Bound<'py, PyAny>,
        func: &Bound<'py, PyAny>,
        args: Option<&Bound<'py, PyAny>>,
        kwds: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = ResultCallbacks::of_pair)] callbacks: ResultCallbacks,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        self.submit_call(pool, func, args, kwds, callbacks)
    }

    /// Calls `func` with each element of a list or range, or with each element's elements, for `pool`.
    #[pyo3(signature = (pool, func, elements, chunksize, star, callbacks = ResultCallbacks::default()))]
    fn map_elements<'py>(
        &self,
        pool: &Bound<'py, PyAny>,
        func: &Bound<'py, PyAny>,
        elements: &Bound<'py, PySequence>,
        chunksize: usize,
        star: bool,
        #[pyo3(from_py_with = ResultCallbacks::of_pair)] callbacks: ResultCallbacks,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        static CHUNKS: [PyOnceLock<Py<PyAny>>; 2] = [const { PyOnceLock::new() }; 2];
        let py = pool.py();
        let length = elements.len()?;
        let chunks = length.div_ceil(chunksize);
        if chunks == 0 {
            // As in the standard library no callback is run.
            let result = AsyncResult::of_threads(py, ResultCallbacks::default(), Some(chunksize), 0)?;
            AsyncResult::come_to(&result, Ok(PyList::empty(py).into_any()))?;
            return Ok(result);
        }
        let name = if star { "call_with_each_tuple" } else { "call_with_each" };
        let function = helper(py, &CHUNKS[usize::from(star)], name)?.unbind();
        let result = AsyncResult::of_threads(py, callbacks, Some(chunksize), chunks)?;
        // All are made before the first is put: a pool that is terminated next has hardly begun with them.
        let mut works = Vec::with_capacity(chunks);
        for number in 0..chunks {
            let start = number * chunksize;
            let chunk = elements.get_slice(start, length.min(start + chunksize))?;
            works.push(Work {
                goal: Goal::Result { result: result.clone().unbind(), number, pool: pool.clone().unbind() },
                function: function.clone_ref(py),
                arguments: PyTuple::new(py, [func, chunk.as_any()])?.unbind(),
                named: None,
            });
        }
        self.submit(pool, works.into_iter())?;
        Ok(result)
    }

    /// What a thread of the pool runs.
    fn worker(&self) -> ThreadWorker {
        ThreadWorker { calls: Arc::clone(&self.calls) }
    }

    /// Refuses the program's calls from now on; the pool itself may still submit.
    fn refuse_calls(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }

    /// Takes no more calls; the workers end when all are run.
    fn close(&self) {
        self.refuse_calls();
        self.calls.close();
    }

    /// Takes no more calls, and answers those that no thread has taken with the exception that `make` returns.
    fn fail_waiting(&self, py: Python<'_>, make: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close();
        self.calls.take_all(py)?.into_iter().try_for_each(|work| self.calls.fail(py, work, make))
    }

    /// How many calls no thread has taken.
    #[getter]
    fn waiting(&self) -> usize {
        self.calls.waiting()
    }

    /// How many results are not there yet.
    #[getter]
    fn unanswered(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.calls.enter(py)?.unanswered)
    }
}

impl Drop for ThreadPoolCore {
    fn drop(&mut self) {
        self.calls.close();
    }
}
