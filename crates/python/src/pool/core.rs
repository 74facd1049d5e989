//! The pool itself, as Python's `Workers` builds on it: what a pool or an executor of a program has (`base`).
//!
//! It is empty until Python has checked its arguments and calls `open`. Then a supervisor is made, which starts the
//! workers (`shared`). Calls and maps are submitted by `submit`.

use super::result::{AsyncResult, ResultCallbacks};
use super::shared::{Hiring, Shared, Supervised, keep_by_zygote, locked};
use super::submit::{Refused, Submitted, Through, submit_call, submit_list, submit_map};
use crate::answer::{Source, of_refusal};
use crate::child::{Start, note_request};
use crate::errors::{from_arena, from_start, from_wait, refused_by, waited};
use crate::ffi::{Interpreter, Patient, fork_template, serve_as_supervisor};
use crate::futures::Future;
use crate::value::kept_name;
use manyhands::executor::{PoolPlan, PoolState, RawPool, SubmitError};
use manyhands::platform::atomic::{AtomicBool, Ordering};
use manyhands::spawn::{ForkedSupervisor, Refusal, Served};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

/// How many templates in a row may be killed before a pool's first workers are there.
const ATTEMPTS: u32 = 3;
/// The error when a template is gone before it has begun.
const KILLED: &str = "the process that starts the pool's workers was killed";

/// A pool of processes, for Python's `Workers`.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct PoolCore {
    shared: OnceLock<Arc<Shared>>,
    /// Whether the program's calls are refused, while what it has begun to submit still comes.
    refuses: AtomicBool,
}

impl PoolCore {
    /// What stands behind it, once it is open.
    pub fn shared(&self) -> PyResult<&Arc<Shared>> {
        self.shared.get().ok_or_else(|| PyValueError::new_err("Pool not running"))
    }

    /// The error for a call that is not taken.
    pub fn refusal(pool: &Bound<'_, PyAny>) -> PyErr {
        refused_by(PyValueError::new_err("Pool not running"), pool)
    }

    /// Refuses a program's call once no more are to come.
    #[inline]
    pub fn check_takes_calls(&self, pool: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.refuses.load(Ordering::Relaxed) { Err(Self::refusal(pool)) } else { Ok(()) }
    }

    /// Begins an executor that nobody has submitted to, or whose workers could not be started so far. What Python says
    /// when it takes no more calls, is the error.
    #[inline]
    pub fn check_takes_futures(through: Through<'_, '_>) -> PyResult<()> {
        match through.core.get().shared.get().map(|shared| shared.raw.state()) {
            Some(PoolState::Open) => Ok(()),
            _ => through.core.call_method1("begin", (through.pool,)).map(drop),
        }
    }

    /// The future of what was submitted, or of why it was not.
    pub fn future<'py>(
        through: Through<'_, 'py>,
        submitted: Result<Submitted, Refused>,
    ) -> PyResult<Bound<'py, Future>> {
        let py = through.core.py();
        match submitted {
            Ok(submitted) => {
                let Submitted { calls, function } = submitted;
                Future::of_call(py, Source::new(through.core.get().shared()?, function, calls, true))
            }
            Err(Refused::Later(error)) => Future::failed(py, error),
            Err(Refused::AtOnce(error)) => {
                // It may have been ended meanwhile.
                Self::check_takes_futures(through)?;
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
        PoolCore { shared: OnceLock::new(), refuses: AtomicBool::new(false) }
    }

    /// Makes the pool's part in the arena.
    fn open(
        slf: &Bound<'_, Self>,
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
        let shared = Shared::new(raw, retries, workers, slf)?;
        slf.get().shared.set(shared).map_err(|_| PyRuntimeError::new_err("this pool is made already"))
    }

    /// Forks a template that starts the workers from now on. Returns "parent" in this process, "worker" in each worker,
    /// and "end" in the template when it is not needed any more.
    fn keep_by_template(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = kept_name)] name: String,
    ) -> PyResult<&'static str> {
        let shared = self.shared()?;
        for attempt in 1.. {
            let ended_before = shared.ended_before();
            let forked = match fork_template(py, &name) {
                Ok(forked) => forked,
                // The one that it has goes on; or its workers do, and it is tried again.
                Err(error) if shared.has_template() => {
                    shared.note_no_template(&error.to_string());
                    break;
                }
                Err(error) => return Err(from_start(error)),
            };
            match forked {
                ForkedSupervisor::Parent(supervisor) => {
                    match py.detach(|| shared.keep_by(supervisor, &name, ended_before)) {
                        Ok(()) => break,
                        Err(refusal) if shared.has_template() => {
                            let reason = match refusal {
                                Refusal::Failed(error) => error.to_string(),
                                Refusal::Lost => KILLED.to_owned(),
                            };
                            shared.note_no_template(&reason);
                            break;
                        }
                        Err(Refusal::Failed(error)) => return Err(from_start(error)),
                        // Another one may live longer.
                        Err(Refusal::Lost) if attempt < ATTEMPTS => {}
                        Err(Refusal::Lost) => return Err(PyRuntimeError::new_err(KILLED)),
                    }
                }
                ForkedSupervisor::Child(requester) => {
                    return match serve_as_supervisor(py, requester, &mut Interpreter::of_program()) {
                        Ok(Served::Child(request)) => {
                            drop(note_request(py, request));
                            Ok("worker")
                        }
                        Ok(Served::End) | Err(_) => Ok("end"),
                    };
                }
            }
        }
        Ok("parent")
    }

    /// Has this process's zygote start the workers, each with the payload.
    fn keep_by_zygote(&self, py: Python<'_>, start: Start) -> PyResult<()> {
        let shared = self.shared()?;
        let hiring = Hiring::now(start)?;
        let supervisor = keep_by_zygote(py, &shared.raw, None, &hiring)?;
        let number = supervisor.slot();
        *locked(&shared.kept) = Supervised::ByZygote(supervisor, hiring);
        shared.raw.set_supervisor(number);
        Ok(())
    }

    /// Calls `func(*args, **kwds)` in a worker, for `pool`.
    #[pyo3(signature = (pool, func, args = None, kwds = None, callbacks = ResultCallbacks::default()))]
    fn call_one<'py>(
        slf: &Bound<'py, Self>,
        pool: &Bound<'py, PyAny>,
        func: &Bound<'py, PyAny>,
        args: Option<&Bound<'py, PyAny>>,
        kwds: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = ResultCallbacks::of_pair)] callbacks: ResultCallbacks,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let through = Through { core: slf, pool };
        let submitted = submit_call(through, func, args, kwds);
        AsyncResult::of(through, submitted, callbacks, None)
    }

    /// Calls `func` with each element of a list or range, or with each element's elements, for `pool`.
    #[pyo3(signature = (pool, func, elements, chunksize, star, callbacks = ResultCallbacks::default()))]
    fn map_elements<'py>(
        slf: &Bound<'py, Self>,
        pool: &Bound<'py, PyAny>,
        func: &Bound<'py, PyAny>,
        elements: &Bound<'py, PyAny>,
        chunksize: usize,
        star: bool,
        #[pyo3(from_py_with = ResultCallbacks::of_pair)] callbacks: ResultCallbacks,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let through = Through { core: slf, pool };
        let submitted = submit_map(through, func, elements, chunksize, star);
        AsyncResult::of(through, submitted, callbacks, Some(chunksize))
    }

    /// Calls `func` with each element of a list, or with each element's elements, in one worker, for `pool`: the future
    /// of the results.
    fn submit_list<'py>(
        slf: &Bound<'py, Self>,
        pool: &Bound<'py, PyAny>,
        func: &Bound<'py, PyAny>,
        elements: &Bound<'py, PyList>,
        star: bool,
    ) -> PyResult<Bound<'py, Future>> {
        let through = Through { core: slf, pool };
        Self::check_takes_futures(through)?;
        Self::future(through, submit_list(through, func, elements, star))
    }

    /// Refuses the program's calls from now on; the pool itself may still submit.
    fn refuse_calls(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }

    /// Withdraws all calls that no worker has taken.
    fn cancel_pending(&self) {
        if let Some(shared) = self.shared.get() {
            shared.raw.cancel_pending();
        }
    }

    /// "open", "closed", "terminated", "broken", or "none" for a pool that was never opened.
    #[getter]
    fn phase(&self) -> &'static str {
        match self.shared.get().map(|shared| shared.raw.state()) {
            None => "none",
            Some(PoolState::Open) => "open",
            Some(PoolState::Closed) => "closed",
            Some(PoolState::Broken) => "broken",
            Some(PoolState::Terminated) => "terminated",
        }
    }

    /// Raises why the pool is broken, if it is.
    pub fn check_broken(&self, py: Python<'_>) -> PyResult<()> {
        match self.shared.get() {
            Some(shared) if shared.raw.state() == PoolState::Broken => {
                let reason = shared.raw.reason();
                Err(of_refusal(py, SubmitError::Broken { reason }))
            }
            _ => Ok(()),
        }
    }

    /// Waits until all workers have begun, or the pool is not open any more, or for `timeout` seconds.
    fn await_workers(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        let Some(shared) = self.shared.get() else { return Ok(()) };
        let patient = Patient::new(py);
        let until = crate::child::deadline(Some(timeout));
        match shared.raw.wait_for_workers(shared.workers, until, &patient) {
            Ok(()) => Ok(()),
            Err(error) => from_wait(error, patient).map(drop),
        }
    }

    /// Name, pid and number of calls taken of each worker there is.
    #[getter]
    fn workers(&self) -> Vec<(String, u32, u64)> {
        self.shared.get().map_or(Vec::new(), |shared| shared.raw.statistics().workers)
    }

    /// How many calls no worker has taken.
    #[getter]
    fn waiting(&self) -> usize {
        self.shared.get().map_or(0, |shared| shared.raw.statistics().waiting)
    }

    /// How many calls have no answer yet.
    #[getter]
    fn unanswered(&self) -> usize {
        let statistics = self.shared.get().map(|shared| shared.raw.statistics());
        statistics.map_or(0, |statistics| statistics.waiting + statistics.running)
    }

    /// What other processes open the pool by.
    #[getter]
    fn handle(&self) -> PyResult<u64> {
        Ok(self.shared()?.raw.handle().to_raw())
    }

    /// Takes no more calls; the workers end when all are done.
    fn close(&self) {
        if let Some(shared) = self.shared.get() {
            shared.raw.close();
            shared.dismiss_supervisor();
        }
    }

    /// Takes calls again, when its workers could not be started and that is tried once more.
    fn reopen(&self) {
        if let Some(shared) = self.shared.get() {
            shared.raw.reopen();
        }
    }

    /// Takes no more calls, fails those that wait, and sends the signal to the workers.
    fn terminate(&self, signal: i32) {
        if let Some(shared) = self.shared.get() {
            shared.raw.terminate();
            shared.raw.signal_workers(signal);
            shared.nudge_supervisor();
        }
    }

    /// Waits until the last worker has ended and the last callback has run, or for `timeout` seconds; whether so.
    #[pyo3(signature = (timeout = None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let Some(shared) = self.shared.get() else { return Ok(true) };
        let until = crate::child::deadline(timeout);
        let patient = Patient::new(py);
        if !waited(shared.raw.join(until, &patient), patient)? {
            return Ok(false);
        }
        // Waits for the callbacks that are left.
        let callbacks = locked(&shared.callbacks).take();
        py.detach(|| drop(callbacks));
        Ok(true)
    }

    /// Another way to the same pool, which does not keep this object alive.
    fn alias(&self) -> PyResult<PoolCore> {
        Ok(PoolCore { shared: OnceLock::from(Arc::clone(self.shared()?)), refuses: AtomicBool::new(false) })
    }

    /// What is known of why the pool is broken.
    #[getter]
    fn broken_because(&self) -> String {
        self.shared.get().map_or(String::new(), |shared| shared.raw.reason())
    }

    /// Gives the supervisor up; a template has ended then, and is no child of this process any more.
    fn forget_supervisor(&self, py: Python<'_>) {
        if let Some(shared) = self.shared.get() {
            py.detach(|| shared.forget_supervisor());
            shared.let_go();
        }
    }
}
