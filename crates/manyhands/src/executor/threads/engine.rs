//! The engine of a pool of threads: its workers, the threads themselves, and how calls get to them.
//!
//! The threads are started with the pool. That costs 20 us for each, once; otherwise every call would have to look
//! whether a thread is missing. A system that refuses a thread then refuses the pool, and not one of its calls.
//! Dropping the engine closes the row, runs what waits there, and joins the threads.

use super::asked::{AnyTask, Body, Owned, Task};
use super::future::Local;
use super::loan::Scope;
use super::workers::{Work, WorkerRecord, Workers};
use crate::executor::engine::{Engine, sealed};
use crate::executor::errors::{PoolError, SubmitError};
use crate::executor::future::Future;
use crate::executor::state::PoolStatistics;
use crate::platform::atomic::Ordering;
use crate::spawn::Thread;
use std::sync::{Arc, Mutex};

/// Threads of this process, as the engine of a [`Pool`](crate::Pool): calls are closures of any kind, and nothing is
/// encoded.
pub struct Threads {
    pub(in crate::executor) workers: Arc<Workers>,
    /// The process that the threads belong to.
    process: u32,
    threads: Vec<Thread<()>>,
}

/// What a scope of a pool of threads knows: see [`Pool::scope`](crate::Pool::scope).
pub struct Nest {
    pub(super) workers: Arc<Workers>,
    /// The calls of the scope, if one of the workers opened it: that worker runs them while it waits.
    own: Option<Mutex<Vec<u64>>>,
}

impl Threads {
    pub(in crate::executor) fn start(
        threads: usize,
        name: &str,
        stack_size: Option<usize>,
    ) -> Result<Threads, PoolError> {
        assert!(threads > 0, "a pool has at least one thread");
        let workers = Arc::new(Workers::new(threads));
        let mut started =
            Threads { workers, process: std::process::id(), threads: Vec::with_capacity(threads) };
        for worker in 0..threads {
            let mut builder = Thread::builder().name(format!("{name}-{worker}"));
            if let Some(bytes) = stack_size {
                builder = builder.stack_size(bytes);
            }
            let workers = Arc::clone(&started.workers);
            let failed = |source| PoolError::Thread { number: worker, wanted: threads, source };
            started.threads.push(builder.spawn(move || workers.work(worker)).map_err(failed)?);
        }
        Ok(started)
    }

    /// Submits a closure.
    #[inline]
    pub(in crate::executor) fn submit<F, R>(
        &self,
        function: F,
        name: &'static str,
    ) -> Result<Future<R>, SubmitError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let task = Task::of(function);
        submit_to(&self.workers, name, Work::Owned(Owned::new(Arc::clone(&task))), task)
    }
}

impl sealed::Sealed for Threads {}

impl Engine for Threads {
    fn close(&self) {
        self.workers.close();
    }

    fn terminate(&self) {
        self.workers.terminate();
    }

    fn statistics(&self) -> PoolStatistics {
        let records = self.workers.records();
        let (waiting, submitted) = self.workers.counts();
        let taken = |(thread, worker): (&Thread<()>, &WorkerRecord)| {
            let (tid, taken) = (worker.tid.load(Ordering::Relaxed), worker.taken.load(Ordering::Relaxed));
            (thread.name().to_owned(), tid, taken)
        };
        PoolStatistics {
            state: self.workers.state(),
            workers_wanted: records.len(),
            workers: self.threads.iter().zip(records).map(taken).collect(),
            waiting,
            running: records.iter().filter(|worker| worker.is_busy.load(Ordering::Relaxed)).count(),
            submitted,
            workers_ended: 0,
        }
    }
}

#[inline]
fn submit_to<R>(
    workers: &Arc<Workers>,
    name: &'static str,
    work: Work,
    task: Arc<AnyTask<R>>,
) -> Result<Future<R>, SubmitError> {
    let number = workers.submit(work)?;
    Ok(Future::of_thread(Local { task, workers: Arc::clone(workers), number }, name))
}

impl Nest {
    pub(in crate::executor) fn of(engine: &Threads) -> Nest {
        let own = engine.workers.is_mine().then(Mutex::default);
        Nest { workers: Arc::clone(&engine.workers), own }
    }

    /// Runs those calls of the scope that no thread has begun with, if this thread is one of the workers. It might be
    /// the only one.
    pub(in crate::executor) fn run_own(&self) {
        let Some(own) = &self.own else { return };
        // The last first, since the other workers take the first.
        while let Some(number) = own.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop() {
            self.workers.run_here(number);
        }
    }
}

impl<'scope> Scope<'scope, '_, Nest> {
    /// Has a thread of the pool call `function`, which may borrow what lives longer than the scope.
    ///
    /// # Errors
    /// When the pool takes no more calls.
    pub fn submit<F, R>(&'scope self, function: F) -> Result<Future<R>, SubmitError>
    where
        F: FnOnce() -> R + Send + 'scope,
        R: Send + 'scope,
    {
        let (body, task) = Body::new(function);
        let work = Work::Lent(self.lend(Box::new(move |()| body.run())));
        let future = submit_to(&self.inside.workers, std::any::type_name::<F>(), work, task)?;
        if let Some(own) = &self.inside.own {
            own.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(future.number());
        }
        Ok(future)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.workers.close();
        let is_copy = std::process::id() != self.process;
        for thread in self.threads.drain(..) {
            // A fork's child has no such threads, and no thread can wait for its own end.
            if is_copy || self.workers.is_mine() && thread.is_this() {
                thread.detach();
            }
        }
    }
}
