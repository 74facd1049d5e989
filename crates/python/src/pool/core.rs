//! The pool itself, as the base class of `multiprocessing.Pool`.
//!
//! It is empty until Python's `__init__` has checked its arguments and calls `_open`. Then a keeper is made: a template
//! forked from this process, or this process's zygote; it starts the workers and replaces those that die. A keeper that
//! was killed is replaced where that is possible (a zygote); a template cannot be forked again from a program that has gone
//! on, so that pool is given up when it is looked at.

use super::call::{Kind, Target};
use super::function::Functions;
use super::outcome::of_refusal;
use super::result::{AsyncResult, Calls, name_of, outcome_of};
use crate::child::{Start, told};
use crate::errors::{from_arena, from_start, from_wait};
use crate::ffi::{Interpreter, Patient, fork_template, untrack};
use manyhands::executor::{Callbacks, PoolPlan, PoolState, RawCall, RawPool, SubmitError};
use manyhands::platform::Deadline;
use manyhands::spawn::{ForkedKeeper, Keeper, Refusal, Served, serve, zygote_of};
use manyhands::sync::Wait;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Who starts the pool's workers.
enum Kept {
    NotYet,
    ByTemplate(Keeper),
    ByZygote(Arc<Keeper>, Box<Start>),
    GivenUp,
}

/// What a pool and its results have in common.
pub struct Shared {
    raw: RawPool,
    functions: Functions,
    retries: u32,
    workers: usize,
    kept: Mutex<Kept>,
    callbacks: Mutex<Option<Arc<Callbacks>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Replaces a keeper that has ended, or gives the pool up.
    pub fn look_after_keeper(&self, py: Python<'_>) {
        if self.raw.state() > PoolState::Closed || !self.raw.is_own() {
            return;
        }
        let ended = {
            let mut kept = locked(&self.kept);
            let alive = match &*kept {
                Kept::ByTemplate(keeper) => keeper.is_alive(),
                Kept::ByZygote(keeper, _) => keeper.is_alive(),
                Kept::NotYet | Kept::GivenUp => true,
            };
            if alive {
                return;
            }
            // Not held any longer: what follows gives the interpreter lock up.
            std::mem::replace(&mut *kept, Kept::NotYet)
        };
        let again = match ended {
            Kept::ByZygote(_, start) => {
                keep_by_zygote(py, &self.raw, start).map_err(|error| error.to_string())
            }
            _ => Err("the process that its workers are forked from was killed; make a new pool".to_owned()),
        };
        *locked(&self.kept) = again.unwrap_or_else(|reason| {
            self.raw.give_up(&reason);
            Kept::GivenUp
        });
    }

    fn callbacks(&self, py: Python<'_>) -> PyResult<Arc<Callbacks>> {
        let mut callbacks = locked(&self.callbacks);
        if let Some(callbacks) = &*callbacks {
            return Ok(Arc::clone(callbacks));
        }
        let made = Arc::new(Callbacks::new(&self.raw).map_err(|error| of_refusal(py, error))?);
        *callbacks = Some(Arc::clone(&made));
        Ok(made)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The callback thread may be about to ask for the interpreter lock, which whoever drops this may hold.
        if let Some(callbacks) = locked(&self.callbacks).take() {
            Python::attach(|py| py.detach(|| drop(callbacks)));
        }
    }
}

fn keep_by_zygote(py: Python<'_>, raw: &RawPool, start: Box<Start>) -> PyResult<Kept> {
    let kept = start.with(true, |program, order| {
        py.detach(|| {
            let keeper = zygote_of(program, order.name)?;
            match keeper.keep(order.name, raw.handle(), order.payload, order.descriptors) {
                Ok(()) => Ok(keeper),
                Err(Refusal::Failed(error)) => Err(error),
                Err(Refusal::Lost) => {
                    // Killed since it was last used: once more with a new one.
                    let keeper = zygote_of(program, order.name)?;
                    match keeper.keep(order.name, raw.handle(), order.payload, order.descriptors) {
                        Ok(()) => Ok(keeper),
                        Err(Refusal::Failed(error)) => Err(error),
                        Err(Refusal::Lost) => Err(manyhands::spawn::StartError::ZygoteLost {
                            name: order.name.to_owned(),
                            times: 2,
                        }),
                    }
                }
            }
        })
        .map_err(from_start)
    })?;
    Ok(Kept::ByZygote(kept, start))
}

/// What `multiprocessing.Pool` is made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct PoolCore {
    shared: OnceLock<Arc<Shared>>,
}

impl PoolCore {
    fn shared(&self) -> PyResult<&Arc<Shared>> {
        self.shared.get().ok_or_else(|| PyValueError::new_err("Pool not running"))
    }
}

/// What the callers of `apply_async` and its kin hand over besides the call.
struct Wanted<'a, 'py> {
    callback: Option<&'a Bound<'py, PyAny>>,
    error_callback: Option<&'a Bound<'py, PyAny>>,
}

fn present<'a, 'py>(callback: Option<&'a Bound<'py, PyAny>>) -> Option<&'a Bound<'py, PyAny>> {
    callback.filter(|callback| !callback.is_none())
}

/// Why nothing was submitted: to be told at once, or to whoever asks for the result.
enum Refused {
    AtOnce(PyErr),
    Later(PyErr),
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
        let shared = Shared {
            raw,
            functions: Functions::default(),
            retries,
            workers,
            kept: Mutex::new(Kept::NotYet),
            callbacks: Mutex::new(None),
        };
        self.shared.set(Arc::new(shared)).map_err(|_| PyRuntimeError::new_err("this pool is made already"))
    }

    /// Forks a template that starts the workers. Returns "parent" in this process, "worker" in each worker, and "end"
    /// in the template when it is not needed any more.
    fn _keep_by_template(&self, py: Python<'_>, name: &str) -> PyResult<&'static str> {
        let shared = self.shared()?;
        match fork_template(py, name).map_err(from_start)? {
            ForkedKeeper::Parent(keeper) => {
                let kept = py.detach(|| keeper.keep(name, shared.raw.handle(), &[], &[]));
                match kept {
                    Ok(()) => {
                        *locked(&shared.kept) = Kept::ByTemplate(keeper);
                        Ok("parent")
                    }
                    Err(Refusal::Failed(error)) => Err(from_start(error)),
                    Err(Refusal::Lost) => {
                        Err(PyRuntimeError::new_err("the process that starts the pool's workers was killed"))
                    }
                }
            }
            ForkedKeeper::Child(requester) => {
                match serve(requester, &mut Interpreter::of_program(), manyhands::MAKE_KEPT) {
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
        let kept = keep_by_zygote(py, &shared.raw, Box::new(start))?;
        *locked(&shared.kept) = kept;
        Ok(())
    }

    /// Calls `func(*args, **kwds)` in a worker.
    #[pyo3(signature = (func, args = None, kwds = None, callback = None, error_callback = None))]
    fn apply_async<'py>(
        slf: &Bound<'py, Self>,
        func: &Bound<'py, PyAny>,
        args: Option<&Bound<'py, PyAny>>,
        kwds: Option<&Bound<'py, PyAny>>,
        callback: Option<&Bound<'py, PyAny>>,
        error_callback: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let wanted = Wanted { callback: present(callback), error_callback: present(error_callback) };
        let submitted = submit_call(slf, func, args, kwds).map(Calls::One);
        finish(slf, func, submitted, &wanted)
    }

    /// Calls `func` with each element of a list, or with each element's elements.
    #[pyo3(signature = (func, elements, chunksize, star, callback = None, error_callback = None))]
    fn _map_list<'py>(
        slf: &Bound<'py, Self>,
        func: &Bound<'py, PyAny>,
        elements: &Bound<'py, PyList>,
        chunksize: usize,
        star: bool,
        callback: Option<&Bound<'py, PyAny>>,
        error_callback: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, AsyncResult>> {
        let wanted = Wanted { callback: present(callback), error_callback: present(error_callback) };
        let submitted = submit_map(slf, func, elements, chunksize, star);
        finish(slf, func, submitted, &wanted)
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
    fn _check_broken(&self, py: Python<'_>) -> PyResult<()> {
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

    #[getter]
    fn _pool_handle(&self) -> PyResult<u64> {
        Ok(self.shared()?.raw.handle().to_raw())
    }

    /// Takes no more calls; the workers end when all are done.
    fn _close(&self) {
        if let Some(shared) = self.shared.get() {
            shared.raw.close();
            shared.nudge_keeper();
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

    /// Gives the keeper up; a template ends.
    fn _forget_keeper(&self, py: Python<'_>) {
        if let Some(shared) = self.shared.get() {
            let kept = std::mem::replace(&mut *locked(&shared.kept), Kept::GivenUp);
            py.detach(|| drop(kept));
        }
    }
}

impl Shared {
    /// The keeper is to look at what the pool wants now.
    fn nudge_keeper(&self) {
        match &*locked(&self.kept) {
            Kept::ByTemplate(keeper) => keeper.look(),
            Kept::ByZygote(keeper, _) => keeper.look(),
            Kept::NotYet | Kept::GivenUp => {}
        }
    }
}

impl From<PyErr> for Refused {
    fn from(error: PyErr) -> Refused {
        Refused::AtOnce(error)
    }
}

fn target<'a, 'py>(slf: &'a Bound<'py, PoolCore>, func: &Bound<'py, PyAny>) -> Result<Target<'a>, Refused> {
    let shared = slf.get().shared()?;
    if shared.raw.state() != PoolState::Open {
        slf.get()._check_broken(slf.py())?;
        return Err(PyValueError::new_err("Pool not running").into());
    }
    let number = shared.functions.number(slf, &shared.raw, func)?;
    let number = number.map_err(|error| of_refusal(slf.py(), error))?;
    Ok(Target { raw: &shared.raw, function: number.unwrap_or(0), retries: shared.retries })
}

fn submitted(py: Python<'_>, call: Result<RawCall, SubmitError>) -> Result<RawCall, Refused> {
    call.map_err(|error| Refused::AtOnce(of_refusal(py, error)))
}

fn submit_call<'py>(
    slf: &Bound<'py, PoolCore>,
    func: &Bound<'py, PyAny>,
    args: Option<&Bound<'py, PyAny>>,
    kwds: Option<&Bound<'py, PyAny>>,
) -> Result<RawCall, Refused> {
    let py = slf.py();
    let target = target(slf, func)?;
    let args = match args {
        None => PyTuple::empty(py),
        Some(args) => match args.cast_exact::<PyTuple>() {
            Ok(args) => args.clone(),
            Err(_) => args.try_iter().and_then(|all| PyTuple::new(py, all.collect::<PyResult<Vec<_>>>()?))?,
        },
    };
    let kwds = match kwds.filter(|kwds| !kwds.is_none()) {
        Some(kwds) if kwds.len()? > 0 => Some(kwds),
        _ => None,
    };
    if target.function != 0
        && kwds.is_none()
        && let Some(call) = target.plain(&args)
    {
        return submitted(py, call);
    }
    let kwds = kwds.map_or_else(|| PyDict::new(py).into_any(), Bound::clone);
    let pickled = match target.function {
        0 => pickle_for(slf, "_dumps_call", &PyTuple::new(py, [func, args.as_any(), &kwds])?)?,
        _ => pickle_for(slf, "_dumps_arguments", &PyTuple::new(py, [args.as_any(), &kwds])?)?,
    };
    submitted(py, target.pickled(Kind::Pickled, &pickled))
}

/// Pickles with a method of the pool's; an error is the call's own.
fn pickle_for<'py>(
    slf: &Bound<'py, PoolCore>,
    method: &str,
    what: &Bound<'py, PyTuple>,
) -> Result<crate::pickled::Pickled<'py>, Refused> {
    crate::pickled::pickle_by(&slf.getattr(method)?, what).map_err(Refused::Later)
}

fn submit_map<'py>(
    slf: &Bound<'py, PoolCore>,
    func: &Bound<'py, PyAny>,
    elements: &Bound<'py, PyList>,
    chunksize: usize,
    star: bool,
) -> Result<Calls, Refused> {
    let py = slf.py();
    let target = target(slf, func)?;
    if chunksize == 1 && !star && target.function != 0 {
        let mut calls = Vec::with_capacity(elements.len());
        for element in elements {
            let call = match target.one(&element) {
                Some(call) => call,
                None => {
                    let what = PyTuple::new(
                        py,
                        [PyTuple::new(py, [&element])?.into_any(), PyDict::new(py).into_any()],
                    )?;
                    target.pickled(Kind::Pickled, &pickle_for(slf, "_dumps_arguments", &what)?)
                }
            };
            calls.push(submitted(py, call)?);
        }
        return Ok(Calls::Each(calls));
    }
    let kind = if star { Kind::Star } else { Kind::Chunk };
    let mut calls = Vec::with_capacity(elements.len() / chunksize.max(1) + 1);
    let mut start = 0;
    while start < elements.len() {
        let end = (start + chunksize).min(elements.len());
        let chunk = elements.get_slice(start, end);
        start = end;
        if target.function != 0
            && !star
            && let Some(call) = target.ints(&chunk)
        {
            calls.push(submitted(py, call)?);
            continue;
        }
        let pickled = match target.function {
            0 => pickle_for(slf, "_dumps_call", &PyTuple::new(py, [func, chunk.as_any()])?)?,
            _ => pickle_for(slf, "_dumps_arguments", &PyTuple::new(py, [chunk.as_any()])?)?,
        };
        calls.push(submitted(py, target.pickled(kind, &pickled))?);
    }
    Ok(Calls::Chunks(calls))
}

/// Makes the result of what was submitted, or of why it was not.
fn finish<'py>(
    slf: &Bound<'py, PoolCore>,
    func: &Bound<'py, PyAny>,
    calls: Result<Calls, Refused>,
    wanted: &Wanted<'_, 'py>,
) -> PyResult<Bound<'py, AsyncResult>> {
    let py = slf.py();
    let shared = slf.get().shared()?;
    let calls = match calls {
        Ok(calls) => calls,
        Err(Refused::AtOnce(error)) => return Err(error),
        Err(Refused::Later(error)) => {
            if let Some(callback) = wanted.error_callback {
                run_callback(callback, error.value(py).as_any());
            }
            return Bound::new(py, AsyncResult::failed(shared, error));
        }
    };
    // A map of nothing is done at once; as in the standard library nobody is told.
    if calls.is_nothing() || (wanted.callback.is_none() && wanted.error_callback.is_none()) {
        let result = Bound::new(py, AsyncResult::running(shared, calls, slf, func))?;
        untrack(result.as_any());
        return Ok(result);
    }
    let result = Bound::new(py, AsyncResult::awaited(shared))?;
    let then = Then {
        result: result.clone().unbind(),
        callback: wanted.callback.map(|callback| callback.clone().unbind()),
        error_callback: wanted.error_callback.map(|callback| callback.clone().unbind()),
        name: name_of(func),
    };
    watch(shared.callbacks(py)?, calls, then);
    Ok(result)
}

/// What is to be done when all calls of a result have their answers.
struct Then {
    result: Py<AsyncResult>,
    callback: Option<Py<PyAny>>,
    error_callback: Option<Py<PyAny>>,
    name: String,
}

impl Then {
    fn run(self, calls: Calls) {
        Python::attach(|py| {
            let outcome = outcome_of(py, calls, &self.name);
            let result = self.result.get();
            result.set(py, &outcome);
            match (&outcome, &self.callback, &self.error_callback) {
                (Ok(value), Some(callback), _) => run_callback(callback.bind(py), value.bind(py)),
                (Err(error), _, Some(callback)) => run_callback(callback.bind(py), error.value(py).as_any()),
                _ => {}
            }
            result.announce();
        });
    }
}

fn run_callback(callback: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) {
    if let Err(error) = callback.call1((value,)) {
        error.write_unraisable(callback.py(), Some(callback));
    }
}

/// Has the callback thread do what is to be done when the last of the calls has its answer.
fn watch(callbacks: Arc<Callbacks>, calls: Calls, then: Then) {
    type Join = fn(Vec<RawCall>) -> Calls;
    let (calls, join): (_, Join) = match calls {
        Calls::One(call) => {
            callbacks.register(call, Box::new(move |call| then.run(Calls::One(call))));
            return;
        }
        Calls::Each(calls) => (calls, Calls::Each),
        Calls::Chunks(calls) => (calls, Calls::Chunks),
    };
    let places: Vec<Option<RawCall>> = calls.iter().map(|_| None).collect();
    let left = Arc::new(Mutex::new((calls.len(), places, Some(then))));
    for (index, call) in calls.into_iter().enumerate() {
        let left = Arc::clone(&left);
        callbacks.register(
            call,
            Box::new(move |call| {
                let mut all = locked(&left);
                all.1[index] = Some(call);
                all.0 -= 1;
                if all.0 == 0 {
                    let calls = std::mem::take(&mut all.1).into_iter().flatten().collect();
                    let then = all.2.take();
                    drop(all);
                    if let Some(then) = then {
                        then.run(join(calls));
                    }
                }
            }),
        );
    }
}
