//! A pool of worker processes, for Rust.
//!
//! A worker is this program, started by its zygote, running functions of it: function items and closures that capture
//! nothing travel as places in the program, arguments and results by serde. A worker that dies costs the call that it ran
//! and is replaced. Dropping the pool waits until all is done.

use super::answered::{Answered, take_carried};
use super::errors::{PoolError, SubmitError};
use super::future::Future;
use super::map::Map;
use super::raw_pool::{NewCall, PoolPlan, PoolStatistics, RawPool};
use super::worker::Worker;
use crate::arena::{self, Handle};
use crate::spawn::entry::Trampoline;
use crate::spawn::{Entry, Keeper, Refusal, StartError, entry, zygote};
use crate::sync::{Blocking, Wait};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

const SIGKILL: i32 = 9;
/// How many zygotes in a row may end before the pool's first worker runs.
const ATTEMPTS: u32 = 3;

/// Processes that run calls.
///
/// ```
/// fn count(text: String) -> usize {
///     text.split_whitespace().count()
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let pool = manyhands::Pool::new(2)?;
///     let one = pool.submit(count, "so many words".to_owned())?;
///     let two = pool.submit(count, "and more".to_owned())?;
///     assert_eq!(one.get()? + two.get()?, 5);
///     let lengths: Result<Vec<usize>, _> = pool.map(|word: String| word.len(), ["a".into(), "bc".into()])?.collect();
///     assert_eq!(lengths?, [1, 2]);
///     Ok(())
/// }
/// ```
///
/// What captures something does not compile, since only the argument goes to the worker:
///
/// ```compile_fail
/// let more = 3;
/// let pool = manyhands::Pool::new(2).unwrap();
/// pool.submit(move |number: u32| number + more, 4);
/// ```
pub struct Pool {
    raw: RawPool,
    keeper: Arc<Mutex<Arc<Keeper>>>,
    retries: u32,
}

/// Settings of a pool.
#[derive(Clone, Debug)]
#[must_use = "no pool is made before `build`"]
pub struct PoolBuilder {
    workers: Option<usize>,
    calls_per_worker: Option<NonZeroU32>,
    retries: u32,
    name: String,
}

impl PoolBuilder {
    /// How many workers; by default as many as this process may use processors.
    pub fn workers(mut self, workers: usize) -> PoolBuilder {
        self.workers = Some(workers);
        self
    }

    /// After how many calls a worker is replaced by a fresh one; by default never.
    pub fn calls_per_worker(mut self, calls: NonZeroU32) -> PoolBuilder {
        self.calls_per_worker = Some(calls);
        self
    }

    /// How often a call is run again when its worker dies; by default not at all, since a call may have done half of
    /// what it does.
    pub fn retries(mut self, times: u32) -> PoolBuilder {
        self.retries = times;
        self
    }

    /// What workers are called: this, a hyphen and a number.
    pub fn name(mut self, name: impl Into<String>) -> PoolBuilder {
        self.name = name.into();
        self
    }

    /// Makes the pool and starts its workers.
    ///
    /// # Errors
    /// When shared memory has run out or the system starts no processes.
    ///
    /// # Panics
    /// When no workers were asked for, or more than 1023.
    pub fn build(self) -> Result<Pool, PoolError> {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let prefix = format!("{}-", self.name);
        let plan = PoolPlan {
            workers: self.workers.unwrap_or_else(processors),
            calls_per_worker: self.calls_per_worker,
            worker_prefix: &prefix,
        };
        let raw = RawPool::new(&plan)?;
        let first = hire(&self.name, raw.handle())?;
        let number = first.slot();
        let keeper = Arc::new(Mutex::new(first));
        let (current, handle, name) = (Arc::clone(&keeper), raw.handle(), self.name);
        raw.set_keeper(number, move || {
            let hired = hire(&name, handle).map_err(|error| error.to_string())?;
            let number = hired.slot();
            *current.lock().unwrap_or_else(PoisonError::into_inner) = hired;
            Ok(number)
        });
        Ok(Pool { raw, keeper, retries: self.retries })
    }
}

/// Has this process's zygote keep a pool's workers.
fn hire(name: &str, pool: Handle) -> Result<Arc<Keeper>, StartError> {
    let in_pool = |source| StartError::Entry { name: name.to_owned(), source };
    let entry = Entry::of(work_for).map_err(in_pool)?;
    let mut payload = postcard::to_allocvec(&entry).expect("two numbers can always be written");
    payload.extend(entry::arguments(&pool).expect("two numbers can always be written"));
    for _ in 0..ATTEMPTS {
        let keeper = zygote(name)?;
        match keeper.keep(name, pool, &payload, &[]) {
            Ok(()) => return Ok(keeper),
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Lost) => {}
        }
    }
    Err(StartError::ZygoteLost { name: name.to_owned(), times: ATTEMPTS })
}

/// A worker's life.
fn work_for(pool: Handle) {
    // A pool that is gone needs no worker.
    let Ok(worker) = Worker::enlist(pool) else { return };
    // The same function is mostly called many times.
    let mut known: Option<(u64, Trampoline)> = None;
    worker.work(&Blocking, &mut |request| {
        let function = match known {
            Some((number, function)) if number == request.function => Ok(function),
            _ => Entry::at(request.function).trampoline(),
        };
        known = function.as_ref().ok().map(|function| (request.function, *function));
        let answer = function.map(|function| function(request.arguments));
        let answer = answer.unwrap_or_else(|error| entry::failed(&unknown(&error.to_string())));
        let carried = take_carried();
        if let Err(error) = request.answer_naming(0, &[&answer], &carried.objects) {
            // A small answer needs no memory.
            let refused = entry::failed(&unknown(&error.to_string()));
            let _ = request.answer(0, &[&refused[..refused.len().min(super::INLINE)]]);
        }
    });
}

fn unknown(reason: &str) -> entry::Failure {
    entry::Failure::Result { given: "call".to_owned(), reason: reason.to_owned() }
}

impl Pool {
    /// A pool of `workers` worker processes.
    ///
    /// # Errors
    /// When shared memory has run out or the system starts no processes.
    ///
    /// # Panics
    /// When `workers` is 0 or more than 1023.
    pub fn new(workers: usize) -> Result<Pool, PoolError> {
        Pool::builder().workers(workers).build()
    }

    /// Settings for a pool.
    pub fn builder() -> PoolBuilder {
        PoolBuilder { workers: None, calls_per_worker: None, retries: 0, name: "PoolWorker".to_owned() }
    }

    /// Has a worker call `function` with `argument` (a tuple, where it needs several). A closure that captures something is
    /// refused when the program is built (though not by `cargo check`).
    ///
    /// # Errors
    /// When the pool takes no more calls, the argument cannot be written, or shared memory has run out. Nothing was
    /// submitted then.
    #[inline]
    pub fn submit<F, A, R>(&self, function: F, argument: A) -> Result<Future<R>, SubmitError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        const { entry::assert_captures_nothing::<F>() };
        self.submit_entry(self.retries, function, argument)
    }

    /// As [`Pool::submit`], for a call that may be run again `retries` times when its worker dies.
    ///
    /// # Errors
    /// As there.
    pub fn submit_retrying<F, A, R>(
        &self,
        retries: u32,
        function: F,
        argument: A,
    ) -> Result<Future<R>, SubmitError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        const { entry::assert_captures_nothing::<F>() };
        self.submit_entry(retries, function, argument)
    }

    #[inline]
    fn submit_entry<F, A, R>(&self, retries: u32, function: F, argument: A) -> Result<Future<R>, SubmitError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let entry = Entry::of_empty(move |argument: A| Answered(function(argument)))?;
        let call = with_call(entry, retries, &argument, |call| self.raw.submit(call))?;
        // Until here the objects that the argument names were its own.
        drop(argument);
        Ok(Future::new(call, std::any::type_name::<F>()))
    }

    /// Has workers call `function` with each of `items`. The answers come in the order of the items, while later ones are
    /// still being worked on: see [`Map`].
    ///
    /// # Errors
    /// When the function cannot run in another process. Nothing is submitted before the first answer is asked for.
    pub fn map<F, I, R>(&self, function: F, items: I) -> Result<Map<'_, I::IntoIter, R>, SubmitError>
    where
        F: Fn(I::Item) -> R + Copy + Send + 'static,
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        const { entry::assert_captures_nothing::<F>() };
        Map::new(&self.raw, self.retries, function, items.into_iter())
    }

    /// Takes no more calls. Those that were submitted are run; then the workers end.
    pub fn close(&self) {
        self.raw.close();
        self.tell_keeper();
    }

    fn tell_keeper(&self) {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).look();
    }

    /// Kills the workers and fails all calls that have no answer.
    pub fn terminate(&self) {
        self.raw.terminate();
        self.tell_keeper();
        self.raw.signal_workers(SIGKILL);
    }

    /// Closes the pool and waits until all calls are answered and all workers have ended.
    pub fn join(self) {
        drop(self);
    }

    /// What is known of the pool now.
    pub fn statistics(&self) -> PoolStatistics {
        self.raw.statistics()
    }

    /// The pool in bytes.
    #[doc(hidden)]
    pub fn raw(&self) -> &RawPool {
        &self.raw
    }
}

/// Writes a call's arguments, and hands the call to `submit`.
#[inline]
pub(super) fn with_call<A: Serialize, R>(
    entry: Entry,
    retries: u32,
    argument: &A,
    submit: impl FnOnce(&NewCall<'_>) -> Result<R, SubmitError>,
) -> Result<R, SubmitError> {
    let (arguments, objects) = arena::collect(|| entry::arguments(argument));
    let arguments = arguments.map_err(SubmitError::Arguments)?;
    submit(&NewCall {
        function: entry.offset(),
        tag: 0,
        arguments: &[&arguments],
        retries,
        objects: &objects,
    })
}

impl Drop for Pool {
    fn drop(&mut self) {
        // In a fork's child this is a copy, and the pool is the parent's.
        if !self.raw.is_own() {
            return;
        }
        self.close();
        while self.raw.join(&Wait::arena(None, &Blocking)).is_err() {}
        self.raw.finish_callbacks();
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pool").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}
