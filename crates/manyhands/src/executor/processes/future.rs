//! A future's half of a call that a worker process runs.
//!
//! As long as no callback or waker is registered for the answer, the future has the call for itself. Then the call is
//! shared with the pool's callback thread, which passes the notice on; the answer stays in the call's slot until the
//! future takes it.

use super::raw_call::RawCall;
use crate::executor::errors::{CallError, SubmitError};
use crate::platform::Deadline;
use crate::spawn::{Failure, entry};
use crate::sync::Blocking;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

const SIGKILL: i32 = 9;

/// A call of a pool of processes, and how its answer is read.
pub(in crate::executor) struct Remote<R> {
    call: Held,
    read: fn(&[u8]) -> Result<R, Failure>,
}

enum Held {
    Alone(RawCall),
    Watched(Arc<RawCall>, Arc<Listener>),
    /// For the moment in which one becomes the other.
    Nowhere,
}

/// The task that waits for the answer.
#[derive(Default)]
struct Listener(Mutex<Option<Waker>>);

impl Listener {
    fn set(&self, waker: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), waker)
    }
}

/// Waits for an answer; whether it is there.
pub(in crate::executor) fn wait_for(call: &RawCall, deadline: Option<Deadline>) -> bool {
    // Without a deadline, and with nobody to interrupt it, a wait ends with the answer only.
    while call.wait(deadline, &Blocking).is_err() {
        if deadline.is_some_and(|deadline| deadline.is_past()) {
            return call.is_done();
        }
    }
    true
}

/// Takes and reads an answer that is there.
pub(super) fn read<R: DeserializeOwned>(call: RawCall, function: &'static str) -> Result<R, CallError> {
    take(call, function, entry::answer::<R>)
}

fn take<R>(
    call: RawCall,
    function: &'static str,
    read: fn(&[u8]) -> Result<R, Failure>,
) -> Result<R, CallError> {
    let number = call.number();
    call.take_with(|| function.to_owned(), |_, bytes| read(bytes))?.map_err(|failure| CallError::Failed {
        number,
        call: function,
        failure,
    })
}

impl<R: DeserializeOwned> Remote<R> {
    pub(in crate::executor) fn new(call: RawCall) -> Remote<R> {
        Remote { call: Held::Alone(call), read: entry::answer::<R> }
    }
}

impl<R> Remote<R> {
    pub(in crate::executor) fn call(&self) -> &RawCall {
        match &self.call {
            Held::Alone(call) => call,
            Held::Watched(call, _) => call,
            Held::Nowhere => unreachable!("it is only passed through"),
        }
    }

    /// Cancels the call even if a worker runs it, who is ended.
    pub(in crate::executor) fn abort(&self) -> bool {
        self.call().abort(SIGKILL)
    }

    /// Takes the answer, which is there.
    pub(in crate::executor) fn take(self, function: &'static str) -> Result<R, CallError> {
        match self.call {
            Held::Alone(call) => take(call, function, self.read),
            Held::Watched(call, listener) => {
                listener.set(None);
                let number = call.number();
                let answer = call.fetch(|| function.to_owned())?;
                let failed = |failure| CallError::Failed { number, call: function, failure };
                (self.read)(&answer.bytes).map_err(failed)
            }
            Held::Nowhere => unreachable!("it is only passed through"),
        }
    }

    /// Has `waker` woken when the answer is there, unless it is: whether it is.
    pub(in crate::executor) fn is_done_or_wakes(&mut self, waker: &Waker) -> Result<bool, SubmitError> {
        if self.call().is_done() {
            return Ok(true);
        }
        let (call, listener) = match std::mem::replace(&mut self.call, Held::Nowhere) {
            Held::Alone(call) => {
                let (call, listener) = (Arc::new(call), Arc::new(Listener::default()));
                self.call = Held::Watched(Arc::clone(&call), Arc::clone(&listener));
                let to_notify = Arc::clone(&listener);
                call.notify_when_done(move || {
                    if let Some(waker) = to_notify.set(None) {
                        waker.wake();
                    }
                })?;
                (call, listener)
            }
            Held::Watched(call, listener) => {
                self.call = Held::Watched(Arc::clone(&call), Arc::clone(&listener));
                (call, listener)
            }
            Held::Nowhere => unreachable!("it is only passed through"),
        };
        listener.set(Some(waker.clone()));
        // The word may have been passed on before there was a task.
        Ok(call.is_done())
    }

    /// Has `callback` run with the answer when it is there.
    pub(in crate::executor) fn on_done(
        self,
        function: &'static str,
        callback: impl FnOnce(Result<R, CallError>) + Send + 'static,
    ) -> Result<(), SubmitError>
    where
        R: 'static,
    {
        match self {
            Remote { call: Held::Alone(call), read } => {
                call.on_done(move |call| callback(take(call, function, read)))
            }
            Remote { call: Held::Watched(call, listener), read } => {
                let same = Arc::clone(&call);
                let rest = Remote { call: Held::Watched(same, listener), read };
                call.notify_when_done(move || callback(rest.take(function)))
            }
            Remote { call: Held::Nowhere, .. } => unreachable!("it is only passed through"),
        }
    }
}
