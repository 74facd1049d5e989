//! A call of a thread pool, as its future and the thread that runs it share it: the answer, and what is notified of it.
//!
//! The answer is the value, or why there is none. Beside the threads that sleep until it is there, one party may have
//! asked to be notified: an async task's waker, or a callback, which takes the answer. The thread that answers or
//! withdraws the call notifies it, once, after that.

use super::call::Call;
use super::word::Standing;
use crate::spawn::{Failure, entry};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Why a call that was not withdrawn has no value.
#[derive(Debug)]
pub(in crate::executor) enum Lack {
    /// It panicked. Boxed, since all answers have the size of the largest.
    Failed(Box<Failure>),
    /// The pool was terminated before a thread began with it.
    Unrun,
}

/// What takes the answer.
type Callback<R> = Box<dyn FnOnce(&Asked<R>) + Send>;

/// What to notify of the answer.
pub(in crate::executor) enum Notify<R> {
    /// A task that looks for itself.
    Wake(Waker),
    /// A callback.
    Run(Callback<R>),
}

/// A call that was submitted, and perhaps its answer.
pub(in crate::executor) struct Asked<R> {
    pub(in crate::executor) call: Call<Result<R, Lack>>,
    to_notify: Mutex<Option<Notify<R>>>,
}

impl<R> Asked<R> {
    pub(super) fn new() -> Self {
        Asked { call: Call::default(), to_notify: Mutex::new(None) }
    }

    pub(in crate::executor) fn standing(&self) -> Standing {
        self.call.state().standing()
    }

    fn to_notify(&self) -> MutexGuard<'_, Option<Notify<R>>> {
        self.to_notify.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `whom` notified when the call is over, in place of the earlier one; gives it back if the call is over
    /// already.
    pub(in crate::executor) fn notify_when_over(&self, whom: Notify<R>) -> Result<(), Notify<R>> {
        let mut to_notify = self.to_notify();
        // The thread that ends the call takes what it must notify afterwards, under this lock.
        if self.standing().is_over() {
            return Err(whom);
        }
        let before = to_notify.replace(whom);
        drop(to_notify);
        // Outside: a waker's drop is the user's code.
        drop(before);
        Ok(())
    }

    /// Withdraws the call if no thread has begun with it: `true` for the one caller that did.
    pub(in crate::executor) fn cancel(&self) -> bool {
        let cancelled = self.call.state().cancel();
        if cancelled {
            self.notify();
        }
        cancelled
    }

    /// Answers the call, unless it has been answered or withdrawn.
    fn answer(&self, answer: Result<R, Lack>) {
        if self.call.answer(answer).is_ok() {
            self.notify();
        }
    }

    /// Runs the closure, unless the call was withdrawn, and answers with what comes of it.
    fn run<F: FnOnce() -> R>(&self, function: Option<F>) {
        if self.call.state().begin() == Ok(true)
            && let Some(function) = function
        {
            self.answer(entry::caught(function).map_err(|failure| Lack::Failed(Box::new(failure))));
        }
    }

    /// Drops the closure and says that it will not be run.
    fn skip<F>(&self, function: F) {
        // What it captured is dropped before anyone is notified.
        drop(function);
        self.answer(Err(Lack::Unrun));
    }

    fn notify(&self) {
        let whom = self.to_notify().take();
        match whom {
            Some(Notify::Wake(waker)) => waker.wake(),
            // The panic hook has reported it; the thread that answers is not to suffer.
            Some(Notify::Run(callback)) => drop(catch_unwind(AssertUnwindSafe(|| callback(self)))),
            None => {}
        }
    }
}

/// A call and what belongs to it, in one piece of memory.
pub(in crate::executor) struct Task<R, W: ?Sized> {
    pub(in crate::executor) asked: Asked<R>,
    work: W,
}

/// A call, for a future that need not know the type of the closure.
pub(in crate::executor) type AnyTask<R> = Task<R, dyn Send + Sync>;

/// A closure beside its call, until it is taken out to be run or dropped.
pub(super) struct Closure<F>(Mutex<Option<F>>);

impl<F> Closure<F> {
    fn take(&self) -> Option<F> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<F, R> Task<R, Closure<F>> {
    pub(super) fn of(function: F) -> Arc<Self> {
        Arc::new(Task { asked: Asked::new(), work: Closure(Mutex::new(Some(function))) })
    }
}

/// What a thread runs, whatever its types. If it is dropped without having been run, those who wait learn of it.
pub(super) struct Owned(Option<Arc<dyn Run>>);

trait Run: Send + Sync {
    fn run(&self);
    fn skip(&self);
}

impl<F, R> Run for Task<R, Closure<F>>
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    fn run(&self) {
        self.asked.run(self.work.take());
    }

    fn skip(&self) {
        if let Some(function) = self.work.take() {
            self.asked.skip(function);
        }
    }
}

impl Owned {
    pub(super) fn new<F, R>(task: Arc<Task<R, Closure<F>>>) -> Owned
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Owned(Some(task))
    }

    /// Runs the closure unless the call was withdrawn.
    pub(super) fn run(mut self) {
        if let Some(task) = self.0.take() {
            task.run();
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.skip();
        }
    }
}

/// A closure that borrows, on its way to a thread. If it is dropped without having been run, those who wait learn of
/// it.
pub(super) struct Body<F, R> {
    function: Option<F>,
    task: Arc<Task<R, ()>>,
}

impl<F: FnOnce() -> R, R> Body<F, R> {
    /// The closure, and its call for the future.
    pub(super) fn new(function: F) -> (Self, Arc<Task<R, ()>>) {
        let task = Arc::new(Task { asked: Asked::new(), work: () });
        (Body { function: Some(function), task: Arc::clone(&task) }, task)
    }

    /// Runs the closure unless the call was withdrawn.
    pub(super) fn run(mut self) {
        self.task.asked.run(self.function.take());
    }
}

impl<F, R> Drop for Body<F, R> {
    fn drop(&mut self) {
        if let Some(function) = self.function.take() {
            self.task.asked.skip(function);
        }
    }
}
