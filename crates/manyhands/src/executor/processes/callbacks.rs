//! What is to be done in the requester when a call has its answer, unasked.
//!
//! A thread of this process must be awake for that. It is started when the first callback is registered, and sleeps at
//! a latch. It runs the callbacks one after the other, as the answers come, and ends with its pool. A callback that
//! panics ends itself and no other. Nothing else of the executor needs a thread.

use super::completions::Completions;
use super::raw_call::RawCall;
use super::raw_pool::RawPool;
use super::requester::Requester;
use crate::executor::errors::SubmitError;
use crate::sync::{Blocking, Wait};
use std::borrow::Borrow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// What is run when a call has its answer.
pub type Callback = Box<dyn FnOnce(RawCall) + Send>;

/// What is to be done when a call has its answer.
pub(super) enum Told {
    /// The call is given to a callback.
    Callback(RawCall, Callback),
    /// A holder of the call is notified.
    Word(Arc<RawCall>, Box<dyn FnOnce() + Send>),
}

impl Told {
    pub(super) fn call(&self) -> &RawCall {
        match self {
            Told::Callback(call, _) => call,
            Told::Word(call, _) => call,
        }
    }

    pub(super) fn tell(self) {
        match self {
            Told::Callback(call, callback) => callback(call),
            Told::Word(_, tell) => tell(),
        }
    }
}

impl Borrow<RawCall> for Told {
    fn borrow(&self) -> &RawCall {
        self.call()
    }
}

/// The thread that runs a pool's callbacks.
pub(super) struct CallbackThread {
    desk: Arc<Desk>,
    latch: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A pool's callbacks, as an owner of its own: dropping it waits until all have run, and ends their thread.
#[derive(Debug)]
pub struct Callbacks(RawPool);

impl Callbacks {
    /// The callbacks of a pool, which has one thread for them however often this is called.
    ///
    /// # Errors
    /// When shared memory or threads have run out.
    pub fn new(pool: &RawPool) -> Result<Callbacks, SubmitError> {
        Requester::callbacks(pool.requester())?;
        Ok(Callbacks(pool.clone()))
    }

    /// Has `callback` run when the call has its answer: see [`RawCall::on_done`].
    pub fn register(&self, call: RawCall, callback: Callback) {
        let registered = call.on_done(callback);
        debug_assert!(registered.is_ok(), "the thread is there since `new`");
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.0.finish_callbacks();
    }
}

/// What registering threads and the callback thread share.
struct Desk {
    state: Mutex<Registered>,
}

#[derive(Default)]
struct Registered {
    calls: Vec<Told>,
    /// No more will be registered.
    ends: bool,
}

enum Next {
    Run(Told),
    End,
}

impl CallbackThread {
    /// Starts the thread. It keeps the pool's private part until [`CallbackThread::finish`].
    pub(super) fn start(pool: &RawPool) -> Result<CallbackThread, SubmitError> {
        let calls = Completions::new(pool)?;
        let latch = calls.latch();
        let desk = Arc::new(Desk { state: Mutex::default() });
        let at_work = Arc::clone(&desk);
        let thread = thread::Builder::new()
            .name("mh-callbacks".to_owned())
            .spawn(move || at_work.serve(calls))
            .map_err(SubmitError::NoThread)?;
        Ok(CallbackThread { desk, latch, thread: Mutex::new(Some(thread)) })
    }

    /// The latch at which the thread sleeps; a registration wakes it.
    pub(super) fn latch(&self) -> usize {
        self.latch
    }

    /// Has somebody told when a call has its answer, at once if it has; gives it back when the thread has ended.
    pub(super) fn register(&self, told: Told) -> Result<(), Told> {
        let mut registered = self.desk.lock();
        if registered.ends {
            return Err(told);
        }
        registered.calls.push(told);
        Ok(())
    }

    /// Has the thread end when all callbacks have run. It is to be woken after this, and then joined.
    pub(super) fn finish(&self) {
        self.desk.lock().ends = true;
    }

    /// Waits until the thread has ended. A callback that does this cannot wait for itself.
    pub(super) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut calls: Completions<(), Told>) {
        let pool = calls.pool().clone();
        loop {
            let next = pool
                .requester()
                .at_latch(calls.latch(), &Wait::arena(None, &Blocking), || self.next(&mut calls));
            match next {
                Ok(Next::Run(told)) => {
                    // The panic hook has told; the next callback is not to suffer.
                    let _ = catch_unwind(AssertUnwindSafe(|| told.tell()));
                }
                Ok(Next::End) => return,
                // Nothing ends this wait before its time; if it does, it begins again.
                Err(_) => {}
            }
        }
    }

    fn next(&self, calls: &mut Completions<(), Told>) -> Option<Next> {
        let (registered, ends) = {
            let mut registered = self.lock();
            (std::mem::take(&mut registered.calls), registered.ends)
        };
        for told in registered {
            calls.adopt(told, ());
        }
        match calls.try_next() {
            Some((told, ())) => Some(Next::Run(told)),
            None => (ends && calls.is_empty()).then_some(Next::End),
        }
    }
}
