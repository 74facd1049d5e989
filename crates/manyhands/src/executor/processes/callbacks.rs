//! What is to be done in the requester when a call has its answer, unasked.
//!
//! A thread of this process must be awake for that. It is started when the first callback is registered, and sleeps at
//! a latch. It runs the callbacks one after the other, as the answers come, and ends with its pool. A callback that
//! panics ends itself and no other. Nothing else of the executor needs a thread.

use super::callback_thread::{CallbackThread, Desk, OnAnswer};
use super::completions::Completions;
use super::latch::AtLatch;
use super::raw_call::RawCall;
use super::raw_pool::RawPool;
use super::requester::Requester;
use crate::executor::errors::SubmitError;
use crate::sync::Blocking;
use std::borrow::Borrow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

/// A pool's callbacks, as an owner of its own: dropping it waits until all have run, and ends their thread.
#[derive(Debug)]
pub struct Callbacks(RawPool);

impl Callbacks {
    /// The callbacks of a pool, which has one thread for them however often this is called.
    ///
    /// # Errors
    /// When shared memory or threads have run out.
    pub fn new(pool: &RawPool) -> Result<Callbacks, SubmitError> {
        thread_of(pool.requester())?;
        Ok(Callbacks(pool.clone()))
    }

    /// Has `callback` run when the call has its answer: see [`RawCall::on_done`].
    pub fn register(&self, call: RawCall, callback: impl FnOnce(RawCall) + Send + 'static) {
        let registered = call.on_done(callback);
        debug_assert!(registered.is_ok(), "the thread is there since `new`");
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.0.finish_callbacks();
    }
}

impl RawCall {
    /// Has `callback` run when the answer is there, in a thread of this process that does this for the whole pool. If
    /// that one has ended with the pool, it runs at once in this thread.
    ///
    /// # Errors
    /// When the thread cannot be started. The call is run all the same.
    pub fn on_done(self, callback: impl FnOnce(RawCall) + Send + 'static) -> Result<(), SubmitError> {
        when_done(self, callback)
    }

    /// Has `notify` run when the answer is there, as [`RawCall::on_done`] does, and leaves the answer where it is.
    ///
    /// # Errors
    /// As there.
    pub(super) fn notify_when_done(
        self: &Arc<Self>,
        notify: impl FnOnce() + Send + 'static,
    ) -> Result<(), SubmitError> {
        when_done(Arc::clone(self), |_| notify())
    }
}

fn when_done<C: Borrow<RawCall> + Send + 'static>(
    call: C,
    then: impl FnOnce(C) + Send + 'static,
) -> Result<(), SubmitError> {
    let requester = Arc::clone(call.borrow().requester());
    let registered = thread_of(&requester)?.register((call, then), |(call, then)| {
        let raw: &RawCall = call.borrow();
        OnAnswer::new(raw.slot(), raw.index(), move || then(call))
    });
    match registered {
        // Its latch is where the thread sleeps.
        Ok(()) => requester.notify_callbacks(),
        Err((call, then)) => {
            while call.borrow().wait(None, &Blocking).is_err() {}
            then(call);
        }
    }
    Ok(())
}

/// The callback thread of a pool, started now if there is none. It keeps the pool's private part until it is over.
fn thread_of(requester: &Arc<Requester>) -> Result<&CallbackThread, SubmitError> {
    requester.callbacks_or(|| {
        let calls = Completions::new(&RawPool::of(requester))?;
        let latch = calls.latch();
        let desk = Arc::new(Desk::default());
        let at_work = Arc::clone(&desk);
        let thread = thread::Builder::new()
            .name("mh-callbacks".to_owned())
            .spawn(move || serve(&at_work, calls))
            .map_err(SubmitError::NoThread)?;
        Ok(CallbackThread::new(desk, latch, thread))
    })
}

enum Next {
    Run(OnAnswer),
    End,
}

fn serve(desk: &Desk, mut calls: Completions<(), OnAnswer>) {
    let pool = calls.pool().clone();
    loop {
        let latch = calls.latch();
        let next = pool.requester().at_latch(latch, None, &Blocking, || next(desk, &mut calls));
        match next {
            Ok(Next::Run(callback)) => {
                // The panic hook has reported it; the next callback is not to suffer.
                let _ = catch_unwind(AssertUnwindSafe(|| callback.run()));
            }
            Ok(Next::End) => return,
            // Nothing ends this wait before its time; if it does, it begins again.
            Err(_) => {}
        }
    }
}

fn next(desk: &Desk, calls: &mut Completions<(), OnAnswer>) -> Option<Next> {
    let (registered, ends) = desk.take();
    for callback in registered {
        calls.adopt(callback, ());
    }
    match calls.try_next() {
        Some((callback, ())) => Some(Next::Run(callback)),
        None => (ends && calls.is_empty()).then_some(Next::End),
    }
}
