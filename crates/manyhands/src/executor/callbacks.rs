//! What is to be done in the requester when a call has its answer, unasked.
//!
//! Somebody must be awake for that in this process: a thread, started when the first callback is registered, which
//! sleeps at a latch. It runs the callbacks one after the other, as the answers come, and ends with its pool. A
//! callback that panics ends itself and no other. Nothing else of the executor needs a thread.

use super::completions::Completions;
use super::errors::SubmitError;
use super::raw_call::RawCall;
use super::raw_pool::RawPool;
use crate::platform::atomic::{AtomicBool, Ordering};
use crate::sync::{Blocking, Wait};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What is run when a call has its answer.
pub type Callback = Box<dyn FnOnce(RawCall) + Send>;

/// The callbacks of one pool, and the thread that runs them. Dropping it waits until all that were registered have run.
pub struct Callbacks {
    desk: Arc<Desk>,
    pool: RawPool,
    latch: usize,
    thread: Option<JoinHandle<()>>,
}

/// What registering threads and the callback thread share.
struct Desk {
    registered: Mutex<Vec<(RawCall, Callback)>>,
    ends: AtomicBool,
}

enum Next {
    Run(RawCall, Callback),
    End,
}

impl Callbacks {
    /// Starts the thread.
    ///
    /// # Errors
    /// When shared memory or threads have run out.
    pub fn new(pool: &RawPool) -> Result<Callbacks, SubmitError> {
        let calls = Completions::new(pool)?;
        let latch = calls.latch();
        let desk = Arc::new(Desk { registered: Mutex::default(), ends: AtomicBool::new(false) });
        let at_work = Arc::clone(&desk);
        let thread = thread::Builder::new()
            .name("mh-callbacks".to_owned())
            .spawn(move || at_work.serve(calls))
            .map_err(SubmitError::NoThread)?;
        Ok(Callbacks { desk, pool: pool.clone(), latch, thread: Some(thread) })
    }

    /// Has `callback` run when the call has its answer, at once if it has.
    pub fn register(&self, call: RawCall, callback: Callback) {
        self.desk.registered.lock().unwrap_or_else(PoisonError::into_inner).push((call, callback));
        self.pool.requester().notify_latch(self.latch);
    }
}

impl Desk {
    fn serve(&self, mut calls: Completions<Callback>) {
        let pool = calls.pool().clone();
        let wait = Wait::arena(None, &Blocking);
        loop {
            let next = pool.requester().at_latch(calls.latch(), &wait, || self.next(&mut calls));
            match next {
                Ok(Next::Run(call, callback)) => {
                    // The panic hook has told; the next callback is not to suffer.
                    let _ = catch_unwind(AssertUnwindSafe(|| callback(call)));
                }
                Ok(Next::End) => return,
                Err(_) => {}
            }
        }
    }

    fn next(&self, calls: &mut Completions<Callback>) -> Option<Next> {
        // Asked first: what was registered before the end was asked for is seen below.
        let ends = self.ends.load(Ordering::Acquire);
        let registered = std::mem::take(&mut *self.registered.lock().unwrap_or_else(PoisonError::into_inner));
        for (call, callback) in registered {
            calls.adopt(call, callback);
        }
        match calls.try_next() {
            Some((call, callback)) => Some(Next::Run(call, callback)),
            None => (ends && calls.is_empty()).then_some(Next::End),
        }
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.desk.ends.store(true, Ordering::Release);
        self.pool.requester().notify_latch(self.latch);
        let Some(thread) = self.thread.take() else { return };
        // A fork's child has no such thread, and a callback that drops the last of a pool cannot wait for itself.
        if self.pool.is_own() && thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        } else {
            std::mem::forget(thread);
        }
    }
}

impl std::fmt::Debug for Callbacks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Callbacks").finish_non_exhaustive()
    }
}
