//! The engine of a pool of threads: its crew, the threads themselves, and how calls get to them.
//!
//! The threads are started with the pool: 20 us each, once, against a look at every call for whether one is missing, and a
//! system that refuses a thread refuses the pool and not some call. Dropping the engine closes the row, has what waits
//! there run, and joins the threads.

use super::asked::{AnyTask, Body, Owned, Task};
use super::crew::{Crew, Work};
use super::local::Local;
use crate::executor::errors::{PoolError, SubmitError};
use crate::executor::future::Future;
use crate::executor::raw_pool::PoolStatistics;
use crate::platform::atomic::Ordering;
use crate::spawn::{Scope, Thread};
use std::sync::{Arc, Mutex};

/// Threads of this process, as the engine of a [`Pool`](crate::Pool): calls are closures of any kind, and nothing is
/// encoded.
pub struct Threads {
    pub(in crate::executor) crew: Arc<Crew>,
    /// The process whose threads they are.
    process: u32,
    threads: Vec<Thread<()>>,
}

/// What a scope of a pool of threads knows: see [`Pool::scope`](crate::Pool::scope).
pub struct Nest {
    pub(super) crew: Arc<Crew>,
    /// The calls of the scope, when it was opened by one of the crew, who runs them while it waits.
    own: Option<Mutex<Vec<u64>>>,
}

impl Threads {
    pub(in crate::executor) fn start(
        threads: usize,
        name: &str,
        stack_size: Option<usize>,
    ) -> Result<Threads, PoolError> {
        assert!(threads > 0, "a pool has at least one thread");
        let crew = Arc::new(Crew::new(threads));
        let mut started = Threads { crew, process: std::process::id(), threads: Vec::with_capacity(threads) };
        for member in 0..threads {
            let mut builder = Thread::builder().name(format!("{name}-{member}"));
            if let Some(bytes) = stack_size {
                builder = builder.stack_size(bytes);
            }
            let crew = Arc::clone(&started.crew);
            let failed = |source| PoolError::Thread { number: member, wanted: threads, source };
            started.threads.push(builder.spawn(move || crew.work(member)).map_err(failed)?);
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
        submit_to(&self.crew, name, Work::Owned(Owned::new(Arc::clone(&task))), task)
    }

    pub(in crate::executor) fn statistics(&self) -> PoolStatistics {
        let members = self.crew.members();
        let (waiting, submitted) = self.crew.counts();
        let taken = |(thread, member): (&Thread<()>, &super::crew::Member)| {
            let (tid, taken) = (member.tid.load(Ordering::Relaxed), member.taken.load(Ordering::Relaxed));
            (thread.name().to_owned(), tid, taken)
        };
        PoolStatistics {
            state: self.crew.state(),
            workers_wanted: members.len(),
            workers: self.threads.iter().zip(members).map(taken).collect(),
            waiting,
            running: members.iter().filter(|member| member.is_busy.load(Ordering::Relaxed)).count(),
            submitted,
            workers_ended: 0,
        }
    }
}

#[inline]
fn submit_to<R>(
    crew: &Arc<Crew>,
    name: &'static str,
    work: Work,
    task: Arc<AnyTask<R>>,
) -> Result<Future<R>, SubmitError> {
    let number = crew.submit(work)?;
    Ok(Future::of_thread(Local { task, crew: Arc::clone(crew), number }, name))
}

impl Nest {
    pub(in crate::executor) fn of(engine: &Threads) -> Nest {
        let own = engine.crew.is_mine().then(Mutex::default);
        Nest { crew: Arc::clone(&engine.crew), own }
    }

    /// Runs those calls of the scope that nobody has begun with, if this is one of the crew, who might be all there is.
    pub(in crate::executor) fn run_own(&self) {
        let Some(own) = &self.own else { return };
        // The last first: who comes by otherwise takes the first.
        while let Some(number) = own.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop() {
            self.crew.run_here(number);
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
        let future = submit_to(&self.inside.crew, std::any::type_name::<F>(), work, task)?;
        if let Some(own) = &self.inside.own {
            own.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(future.number());
        }
        Ok(future)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.crew.close();
        let is_copy = std::process::id() != self.process;
        for thread in self.threads.drain(..) {
            // A fork's child has no such threads, and no thread can wait for its own end.
            if is_copy || self.crew.is_mine() && thread.is_this() {
                thread.detach();
            }
        }
    }
}
