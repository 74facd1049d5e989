//! What `multiprocessing.Pool` and `ProcessPoolExecutor` are made of.
//!
//! An object of these classes has nothing but its workers (a `PoolCore`, or a `ThreadPoolCore`), in a slot of its own.
//! So a subclass may give its attributes and methods any names. Submitting is one call into here.

use super::core::PoolCore;
use super::result::{AsyncResult, ResultCallbacks};
use super::submit::{Through, submit_call};
use crate::futures::Future;
use crate::thread_pool::ThreadPoolCore;
use crate::value::{Arguments, Named};
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyAttributeError, PyRuntimeError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::OnceLock;

/// A pool or an executor: what has workers.
#[derive(Default)]
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct HasWorkers {
    workers: OnceLock<Py<PyAny>>,
}

impl HasWorkers {
    /// The core that takes the calls of an object.
    #[inline]
    fn core<'a, 'py>(slf: &'a Bound<'py, Self>) -> PyResult<&'a Bound<'py, PoolCore>> {
        Ok(slf.get().workers()?.bind(slf.py()).cast::<PoolCore>()?)
    }

    #[inline]
    fn workers(&self) -> PyResult<&Py<PyAny>> {
        self.workers
            .get()
            .ok_or_else(|| PyAttributeError::new_err("the __init__() of this pool was not called"))
    }
}

#[pymethods]
impl HasWorkers {
    /// The workers, and all that the object keeps of its own.
    #[getter(_manyhands)]
    fn get_workers(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.workers().map(|workers| workers.clone_ref(py))
    }

    #[setter(_manyhands)]
    fn set_workers(&self, workers: Py<PyAny>) -> PyResult<()> {
        self.workers.set(workers).map_err(|_| PyRuntimeError::new_err("this pool is made already"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.workers.get().map_or(Ok(()), |workers| visit.call(workers))
    }
}

/// What `multiprocessing.Pool` is made of.
#[pyclass(extends = HasWorkers, subclass, frozen, module = "manyhands._engine")]
pub struct PoolBase;

#[pymethods]
impl PoolBase {
    #[new]
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Arguments<'_>, _more: Option<&Named<'_>>) -> PyClassInitializer<PoolBase> {
        PyClassInitializer::from(HasWorkers::default()).add_subclass(PoolBase)
    }

    /// Has `func(*args, **kwds)` called in a worker. Returns an `AsyncResult` at once: its `get` waits for the result.
    ///
    /// When the call is over, `callback` is called with its result or `error_callback` with its exception, by a thread
    /// of this process. Other callbacks wait meanwhile, so each should be short. Raises ValueError when the pool is not
    /// running.
    #[pyo3(
        signature = (func, args = None, kwds = None, callback = None, error_callback = None),
        text_signature = "($self, func, args=(), kwds={}, callback=None, error_callback=None)"
    )]
    fn apply_async<'py>(
        slf: &Bound<'py, Self>,
        func: &Bound<'py, PyAny>,
        args: Option<&Bound<'py, PyAny>>,
        kwds: Option<&Bound<'py, PyAny>>,
        callback: Option<&Bound<'py, PyAny>>,
        error_callback: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let workers = slf.as_super().get().workers()?.bind(slf.py());
        let callbacks = ResultCallbacks::new(callback, error_callback);
        let Ok(core) = workers.cast::<PoolCore>() else {
            let core = workers.cast::<ThreadPoolCore>()?.get();
            core.check_takes_calls(slf)?;
            return core.submit_call(slf, func, args, kwds, callbacks);
        };
        let through = Through { core, pool: slf };
        core.get().check_takes_calls(slf)?;
        AsyncResult::of(through, submit_call(through, func, args, kwds), callbacks, None)
    }
}

/// What `ProcessPoolExecutor` is made of.
#[pyclass(extends = HasWorkers, subclass, frozen, name = "ProcessPoolExecutor", module = "manyhands._engine")]
pub struct ExecutorBase;

#[pymethods]
impl ExecutorBase {
    #[new]
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Arguments<'_>, _more: Option<&Named<'_>>) -> PyClassInitializer<ExecutorBase> {
        PyClassInitializer::from(HasWorkers::default()).add_subclass(ExecutorBase)
    }

    /// Has `fn(*args, **kwargs)` called in a worker process. Returns the call's `Future` at once.
    ///
    /// What cannot be pickled on the way there or back fails the future. Raises RuntimeError after a `shutdown` or at
    /// the interpreter's end; as a BrokenProcessPool when no worker can be had.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn submit<'py>(
        slf: &Bound<'py, Self>,
        r#fn: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Future>> {
        let through = Through { core: HasWorkers::core(slf.as_super())?, pool: slf };
        PoolCore::check_takes_futures(through)?;
        let call = submit_call(through, r#fn, Some(args.as_any()), kwargs.map(|kwargs| kwargs.as_any()));
        PoolCore::future(through, call)
    }
}
