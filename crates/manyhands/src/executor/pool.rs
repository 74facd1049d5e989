//! `Pool`: one handle on workers that run calls, over one of two engines.
//!
//! The engine is in the pool's type, since it decides what a call may be. Threads run closures of any kind, which share
//! the caller's memory; processes run functions, whose arguments and results travel. All else is the same: futures,
//! maps, what closing, terminating and dropping do.

use super::engine::Engine;
use super::errors::PoolError;
use super::processes::{Processes, ProcessesPlan};
use super::state::PoolStatistics;
use super::threads::Threads;
use std::marker::PhantomData;
use std::num::NonZeroU32;

/// Workers that run calls: processes, or with [`Pool::threads`] threads of this one.
///
/// Processes run functions of the program, and closures that capture nothing, with an argument that travels:
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
/// Threads run closures, which may share what is behind an `Arc`, or in a [scope](Pool::scope) borrow:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = manyhands::Pool::threads(2)?;
/// let text = "so many words".to_owned();
/// let words = pool.submit(move || text.split_whitespace().count())?;
/// assert_eq!(words.get()?, 3);
/// # Ok(())
/// # }
/// ```
///
/// What captures something does not compile for processes, since only the argument goes to the worker:
///
/// ```compile_fail
/// let more = 3;
/// let pool = manyhands::Pool::new(2).unwrap();
/// pool.submit(move |number: u32| number + more, 4);
/// ```
///
/// Dropping a pool closes it and waits until all calls are answered and all workers have ended.
pub struct Pool<E: Engine = Processes> {
    pub(super) engine: E,
}

/// Settings of a pool.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use manyhands::Pool;
///
/// let crunchers = Pool::builder().workers(2).name("Cruncher").retries(1).build()?;
/// let fetchers = Pool::builder().threads(8).name("Fetcher").build()?;
/// assert_eq!(fetchers.statistics().workers[7].0, "Fetcher-7");
/// # drop(crunchers);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "no pool is made before `build`"]
pub struct PoolBuilder<E: Engine = Processes> {
    workers: Option<usize>,
    calls_per_worker: Option<NonZeroU32>,
    retries: u32,
    stack_size: Option<usize>,
    name: Option<String>,
    engine: PhantomData<fn() -> E>,
}

impl<E: Engine> PoolBuilder<E> {
    /// How many workers; by default as many as this process may use processors.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// What workers are called: this, a hyphen and a number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    fn workers_wanted(&self) -> usize {
        self.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl PoolBuilder<Processes> {
    /// A pool of so many threads instead.
    pub fn threads(self, threads: usize) -> PoolBuilder<Threads> {
        let PoolBuilder { calls_per_worker, retries, stack_size, name, .. } = self;
        let workers = Some(threads);
        PoolBuilder { workers, calls_per_worker, retries, stack_size, name, engine: PhantomData }
    }

    /// After how many calls a worker is replaced by a fresh one; by default never.
    pub fn calls_per_worker(mut self, calls: NonZeroU32) -> Self {
        self.calls_per_worker = Some(calls);
        self
    }

    /// How often a call is run again when its worker dies; by default not at all, since a call may have done half of
    /// what it does.
    pub fn retries(mut self, times: u32) -> Self {
        self.retries = times;
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
        let plan = ProcessesPlan {
            workers: self.workers_wanted(),
            calls_per_worker: self.calls_per_worker,
            retries: self.retries,
            name: self.name.as_deref().unwrap_or("PoolWorker"),
        };
        Ok(Pool { engine: Processes::start(&plan)? })
    }
}

impl PoolBuilder<Threads> {
    /// Gives each thread a stack of so many bytes.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Makes the pool and starts its threads.
    ///
    /// # Errors
    /// When the system starts no more threads, or the name holds a NUL.
    ///
    /// # Panics
    /// When no threads were asked for.
    pub fn build(self) -> Result<Pool<Threads>, PoolError> {
        let name = self.name.as_deref().unwrap_or("PoolThread");
        Ok(Pool { engine: Threads::start(self.workers_wanted(), name, self.stack_size)? })
    }
}

impl Pool<Processes> {
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

    /// Settings for a pool; of processes, unless [`PoolBuilder::threads`] says otherwise.
    pub fn builder() -> PoolBuilder {
        PoolBuilder {
            workers: None,
            calls_per_worker: None,
            retries: 0,
            stack_size: None,
            name: None,
            engine: PhantomData,
        }
    }
}

impl Pool<Threads> {
    /// A pool of so many threads of this process.
    ///
    /// # Errors
    /// When the system starts no more threads.
    ///
    /// # Panics
    /// When `threads` is 0.
    pub fn threads(threads: usize) -> Result<Pool<Threads>, PoolError> {
        Pool::builder().threads(threads).build()
    }
}

impl<E: Engine> Pool<E> {
    /// Takes no more calls. Those that were submitted are run; then the workers end.
    pub fn close(&self) {
        self.engine.close();
    }

    /// Fails all calls that no worker has begun with, and takes no more. Worker processes are killed in the midst of
    /// their calls, which fail, too; threads cannot be, so what they have begun with is run to its end.
    pub fn terminate(&self) {
        self.engine.terminate();
    }

    /// Closes the pool and waits until all calls are answered and all workers have ended.
    pub fn join(self) {
        drop(self);
    }

    /// What is known of the pool now.
    pub fn statistics(&self) -> PoolStatistics {
        self.engine.statistics()
    }
}

impl<E: Engine> std::fmt::Debug for Pool<E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pool").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}
