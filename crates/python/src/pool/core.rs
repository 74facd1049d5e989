//! The pool itself, as the base class of `multiprocessing.Pool`.
//!
//! It is empty until Python's `__init__` has checked its arguments and calls `_open`. Then a keeper is made, which starts
//! the workers (`shared`). Calls and maps are submitted by `submit`; `told` makes their results.

use super::calls::Calls;
use super::outcome::of_refusal;
use super::result::AsyncResult;
use super::shared::{Hiring, Shared, keep_by_zygote, locked};
use super::submit::{Refused, submit_call, submit_list, submit_map};
use super::told::{Wanted, finish};
use crate::child::{Start, told};
use crate::errors::{from_arena, from_start, from_wait};
use crate::ffi::{Interpreter, Patient, fork_template, serve_as_keeper};
use crate::futures::{Future, Remote};
use crate::value::kept_name;
use manyhands::executor::{PoolPlan, PoolState, RawCall, RawPool, SubmitError};
use manyhands::platform::Deadline;
use manyhands::spawn::{ForkedKeeper, Refusal, Served};
use manyhands::sync::Wait;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What `multiprocessing.Pool` is made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct PoolCore {
    shared: OnceLock<Arc<Shared>>,
}

impl PoolCore {
    /// What stands behind it, once it is open.
    pub fn shared(&self) -> PyResult<&Arc<Shared>> {
        self.shared.get().ok_or_else(|| PyValueError::new_err("Pool not running"))
    }

    /// Begins an executor that nobody has submitted to. What Python says when it takes no more calls, is the error.
    fn check_takes_futures(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.get().shared.get().map(|shared| shared.raw.state()) {
            Some(PoolState::Open) => Ok(()),
            None => slf.call_method0("_begin").map(drop),
            Some(_) => Err(slf.call_method0("_refusal").map_or_else(|error| error, PyErr::from_value)),
        }
    }

    /// The future of what was submitted, or of why it was not.
    fn future<'py>(
        slf: &Bound<'py, Self>,
        func: &Bound<'py, PyAny>,
        call: Result<RawCall, Refused>,
    ) -> PyResult<Bound<'py, Future>> {
        match call {
            Ok(call) => {
                let shared = slf.get().shared()?;
                Future::of_call(slf.py(), Remote::new(shared, shared.functions.called(func), call))
            }
            Err(Refused::Later(error)) => Future::failed(slf.py(), error),
            Err(Refused::AtOnce(error)) => {
                // It may have been ended meanwhile.
                Self::check_takes_futures(slf)?;
                Err(error)
            }
        }
    }
}

#[pymethods]
impl PoolCore {
    #[new]
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> PoolCore {
        PoolCore { shared: OnceLock::new() }
    }

    /// Makes the pool's part in the arena.
    fn _open(
        &self,
        workers: usize,
        calls_per_worker: Option<u32>,
        prefix: &str,
        retries: u32,
    ) -> PyResult<()> {
        if workers >= manyhands::arena::PROCESSES {
            return Err(PyValueError::new_err(format!(
                "a pool has at most {} workers, not {workers}",
                manyhands::arena::PROCESSES - 1
            )));
        }
        let plan = PoolPlan {
            workers,
            calls_per_worker: calls_per_worker.and_then(NonZeroU32::new),
            worker_prefix: prefix,
        };
        let raw = RawPool::new(&plan).map_err(from_arena)?;
        let shared = Shared::new(raw, retries, workers);
        self.shared.set(Arc::new(shared)).map_err(|_| PyRuntimeError::new_err("this pool is made already"))
    }

    /// Forks a template that starts the workers from now on. Returns "parent" in this process, "worker" in each worker, and "end"
    /// in the template when it is not needed any more.
    fn _keep_by_template(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = kept_name)] name: String,
    ) -> PyResult<&'static str> {
        let shared = self.shared()?;
        let ended_before = shared.ended_before();
        let forked = match fork_template(py, &name) {
            Ok(forked) => forked,
            // The one that it has goes on.
            Err(_) if shared.has_template() => return Ok("parent"),
            Err(error) => return Err(from_start(error)),
        };
        match forked {
            ForkedKeeper::Parent(keeper) => match py.detach(|| shared.keep_by(keeper, &name, ended_before)) {
                Ok(()) => Ok("parent"),
                Err(Refusal::Failed(error)) => Err(from_start(error)),
                Err(Refusal::Lost) => {
                    Err(PyRuntimeError::new_err("the process that starts the pool's workers was killed"))
                }
            },
            ForkedKeeper::Child(requester) => {
                match serve_as_keeper(py, requester, &mut Interpreter::of_program()) {
                    Ok(Served::Child(request)) => {
                        drop(told(py, request));
                        Ok("worker")
                    }
                    Ok(Served::End) | Err(_) => Ok("end"),
                }
            }
        }
    }

    /// Has this process's zygote start the workers, each with the payload.
    fn _keep_by_zygote(&self, py: Python<'_>, start: Start) -> PyResult<()> {
        let shared = self.shared()?;
        let kept = keep_by_zygote(py, &shared.raw, Hiring::now(start)?)?;
        *locked(&shared.kept) = kept;
        Ok(())
    }

    /// Calls `func(*args, **kwds)` in a worker.
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
        let wanted = Wanted::new(callback, error_callback);
        let submitted = submit_call(slf, func, args, kwds).map(Calls::One);
        finish(slf, func, submitted, &wanted, None)
    }

    /// Calls `func` with each element of a list or range, or with each element's elements.
    #[pyo3(signature = (func, elements, chunksize, star, callback = None, error_callback = None))]
    fn _map_elements<'py>(
        slf: &Bound<'py, Self>,
        func: &Bound<'py, PyAny>,
        elements: &Bound<'py, PyAny>,
        chunksize: usize,
        star: bool,
        callback: Option<&Bound<'py, PyAny>>,
        error_callback: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let wanted = Wanted::new(callback, error_callback);
        let submitted = submit_map(slf, func, elements, chunksize, star);
        finish(slf, func, submitted, &wanted, Some(chunksize))
    }

    /// Calls `fn(*args, **kwargs)` in a worker: its future.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn _submit<'py>(
        slf: &Bound<'py, Self>,
        r#fn: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Future>> {
        Self::check_takes_futures(slf)?;
        let call = submit_call(slf, r#fn, Some(args.as_any()), kwargs.map(|kwargs| kwargs.as_any()));
        Self::future(slf, r#fn, call)
    }

    /// Calls `func` with each element of a list, or with each element's elements, in one worker: the future of the results.
    fn _submit_list<'py>(
        slf: &Bound<'py, Self>,
        func: &Bound<'py, PyAny>,
        elements: &Bound<'py, PyList>,
        star: bool,
    ) -> PyResult<Bound<'py, Future>> {
        Self::check_takes_futures(slf)?;
        Self::future(slf, func, submit_list(slf, func, elements, star))
    }

    /// Withdraws all calls that no worker has taken.
    fn _cancel_pending(&self) {
        if let Some(shared) = self.shared.get() {
            shared.raw.cancel_pending();
        }
    }

    /// "open", "closed", "terminated", "broken", or "none" for a pool that was never opened.
    #[getter]
    fn _phase(&self) -> &'static str {
        match self.shared.get().map(|shared| shared.raw.state()) {
            None => "none",
            Some(PoolState::Open) => "open",
            Some(PoolState::Closed) => "closed",
            Some(PoolState::Broken) => "broken",
            Some(PoolState::Terminated) => "terminated",
        }
    }

    /// Raises why the pool is broken, if it is.
    pub fn _check_broken(&self, py: Python<'_>) -> PyResult<()> {
        match self.shared.get() {
            Some(shared) if shared.raw.state() == PoolState::Broken => {
                let reason = shared.raw.reason();
                Err(of_refusal(py, SubmitError::Broken { reason }))
            }
            _ => Ok(()),
        }
    }

    /// Waits until all workers have begun, or the pool is not open any more, or for `timeout` seconds.
    fn _await_workers(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        let Some(shared) = self.shared.get() else { return Ok(()) };
        let patient = Patient::new(py);
        let wait = Wait::arena(crate::child::deadline(Some(timeout)), &patient);
        match shared.raw.wait_for_workers(shared.workers, &wait) {
            Ok(()) => Ok(()),
            Err(error) => from_wait(error, patient).map(drop),
        }
    }

    /// Name, pid and number of calls taken of each worker there is.
    #[getter]
    fn _workers(&self) -> Vec<(String, u32, u64)> {
        self.shared.get().map_or(Vec::new(), |shared| shared.raw.statistics().workers)
    }

    /// How many calls no worker has taken.
    #[getter]
    fn _waiting(&self) -> usize {
        self.shared.get().map_or(0, |shared| shared.raw.statistics().waiting)
    }

    /// How many calls have no answer yet.
    #[getter]
    fn _unanswered(&self) -> usize {
        let statistics = self.shared.get().map(|shared| shared.raw.statistics());
        statistics.map_or(0, |statistics| statistics.waiting + statistics.running)
    }

    /// What other processes open the pool by.
    fn _pool_handle(&self) -> PyResult<u64> {
        Ok(self.shared()?.raw.handle().to_raw())
    }

    /// Takes no more calls; the workers end when all are done.
    fn _close(&self) {
        if let Some(shared) = self.shared.get() {
            shared.raw.close();
            shared.dismiss_keeper();
        }
    }

    /// Takes no more calls, fails those that wait, and sends the signal to the workers.
    fn _terminate(&self, signal: i32) {
        if let Some(shared) = self.shared.get() {
            shared.raw.terminate();
            shared.raw.signal_workers(signal);
            shared.nudge_keeper();
        }
    }

    /// Waits until the last worker has ended and the last callback has run, or for `timeout` seconds; whether so.
    #[pyo3(signature = (timeout = None))]
    fn _join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let Some(shared) = self.shared.get() else { return Ok(true) };
        let until = crate::child::deadline(timeout);
        loop {
            let look = Deadline::after(Duration::from_millis(250)).map(|look| look.earlier(until));
            let patient = Patient::new(py);
            match shared.raw.join(&Wait::arena(look, &patient)) {
                Ok(()) => break,
                Err(manyhands::sync::WaitError::TimedOut) => {
                    if until.is_some_and(|until| until.is_past()) {
                        return Ok(false);
                    }
                    py.check_signals()?;
                    shared.look_after_keeper(py);
                }
                Err(error) => return from_wait(error, patient),
            }
        }
        // Waits for the callbacks that are left.
        let callbacks = locked(&shared.callbacks).take();
        py.detach(|| drop(callbacks));
        Ok(true)
    }

    /// Another way to the same pool, which does not keep this object alive.
    fn _alias(&self) -> PyResult<PoolCore> {
        Ok(PoolCore { shared: OnceLock::from(Arc::clone(self.shared()?)) })
    }

    /// What is known of why the pool is broken.
    #[getter]
    fn _broken_because(&self) -> String {
        self.shared.get().map_or(String::new(), |shared| shared.raw.reason())
    }

    /// Gives the keeper up; a template has ended then, and is no child of this process any more.
    fn _forget_keeper(&self, py: Python<'_>) {
        if let Some(shared) = self.shared.get() {
            py.detach(|| shared.forget_keeper());
            shared.let_go();
        }
    }
}
