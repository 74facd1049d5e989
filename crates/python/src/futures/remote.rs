//! The call behind a future whose function a worker process runs.
//!
//! Its answer is fetched by whoever asks for it, so nothing here runs unasked: until somebody wants to be told (a
//! callback, a wait for several), then the pool's callback thread fetches it. It is fetched once, and withdrawn only
//! while nobody fetches it: both under one mutex, which is never held while Python code runs.

use crate::errors::from_wait;
use crate::ffi::Patient;
use crate::pool::{RAISED, Shared, name_of, of_answer, of_failure};
use manyhands::executor::threads::Standing;
use manyhands::executor::{CallFailure, CallWatch, Callbacks, RawAnswer, RawCall};
use manyhands::platform::Deadline;
use manyhands::sync::{Wait, WaitError};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a wait may last before it is looked whether the pool still has somebody to start workers.
const LOOK: Duration = Duration::from_millis(250);

/// A call that a worker process runs.
pub struct Remote {
    shared: Arc<Shared>,
    function: Py<PyAny>,
    held: Mutex<Held>,
}

enum Held {
    /// Whoever asks for the answer fetches it.
    Here(RawCall),
    /// The callback thread fetches it.
    Awaited(CallWatch),
    /// It is being fetched, or was; or the call was withdrawn.
    Gone,
}

impl Remote {
    /// Of a call that was submitted.
    pub fn new(shared: &Arc<Shared>, function: &Bound<'_, PyAny>, call: RawCall) -> Remote {
        Remote {
            shared: Arc::clone(shared),
            function: function.clone().unbind(),
            held: Mutex::new(Held::Here(call)),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the call stands while its answer has not been fetched.
    pub fn standing(&self) -> Standing {
        let is_started = match &*self.held() {
            Held::Here(call) => call.is_started(),
            Held::Awaited(watch) => watch.is_started(),
            Held::Gone => true,
        };
        if is_started { Standing::Running } else { Standing::Pending }
    }

    /// The answer if it is there and nobody has fetched it.
    #[inline]
    pub fn fetch(&self) -> Option<Result<RawAnswer, CallFailure>> {
        let mut held = self.held();
        match &*held {
            // A fork's child has no part in it.
            Held::Here(call) if call.is_done() && self.shared.raw.is_own() => {}
            _ => return None,
        }
        match std::mem::replace(&mut *held, Held::Gone) {
            Held::Here(call) => Some(call.take(String::new)),
            _ => None,
        }
    }

    /// What the answer is to Python; `None` when the call was withdrawn.
    pub fn outcome<'py>(
        &self,
        py: Python<'py>,
        answer: Result<RawAnswer, CallFailure>,
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        match answer {
            Ok(answer) => {
                let raised = answer.tag == RAISED;
                Some(
                    of_answer(py, answer).map_err(|error| if raised { error } else { unreadable(py, error) }),
                )
            }
            Err(CallFailure::Cancelled { .. }) => None,
            Err(CallFailure::WorkerDied(mut died)) => {
                died.call = name_of(self.function.bind(py));
                Some(Err(of_failure(py, CallFailure::WorkerDied(died))))
            }
            Err(failure) => Some(Err(of_failure(py, failure))),
        }
    }

    /// Withdraws the call if no worker has begun with it; whether this did it.
    pub fn cancel(&self) -> bool {
        let mut held = self.held();
        let withdrawn = match &*held {
            Held::Here(call) => call.cancel(),
            Held::Awaited(watch) => watch.cancel(),
            Held::Gone => false,
        };
        let call = if withdrawn { Some(std::mem::replace(&mut *held, Held::Gone)) } else { None };
        drop(held);
        drop(call);
        withdrawn
    }

    /// Gives the call out, to be put before the callback thread; not if somebody has fetched the answer, or is to.
    pub fn hand_over(&self) -> Option<RawCall> {
        let mut held = self.held();
        let Held::Here(call) = &*held else { return None };
        let watch = Held::Awaited(call.watch());
        match std::mem::replace(&mut *held, watch) {
            Held::Here(call) => Some(call),
            _ => None,
        }
    }

    /// Fetches the answer of the call that was handed over.
    pub fn take(&self, call: RawCall) -> Result<RawAnswer, CallFailure> {
        let mut held = self.held();
        *held = Held::Gone;
        call.take(String::new)
    }

    /// The thread that has calls fetched unasked.
    pub fn callbacks(&self, py: Python<'_>) -> PyResult<Arc<Callbacks>> {
        self.shared.callbacks(py)
    }

    /// Waits until there is something to fetch, or until `otherwise` is over when another thread is at it. In pieces, between
    /// which it is looked whether the pool can still get anywhere; `false` when the time was over. `future` is what the
    /// calling thread then waits for.
    pub fn wait(
        &self,
        future: &Bound<'_, PyAny>,
        until: Option<Deadline>,
        otherwise: impl Fn(Option<Deadline>, &Patient<'_>) -> Result<(), WaitError>,
    ) -> PyResult<bool> {
        if !self.shared.raw.is_own() {
            return Err(PyRuntimeError::new_err(format!(
                "the future of {} belongs to the process that submitted the call; ask for its result there",
                name_of(self.function.bind(future.py()))
            )));
        }
        let watch = match &*self.held() {
            Held::Here(call) => Some(call.watch()),
            Held::Awaited(_) | Held::Gone => None,
        };
        let look = Deadline::after(LOOK).map(|look| look.earlier(until));
        let py = future.py();
        let patient = Patient::on(future);
        let waited = match watch {
            Some(watch) => watch.wait(&Wait::arena(look, &patient)),
            None => otherwise(look, &patient),
        };
        match waited {
            Ok(()) => Ok(true),
            Err(WaitError::TimedOut) => {
                if until.is_some_and(|until| until.is_past()) {
                    return Ok(false);
                }
                py.check_signals()?;
                self.shared.look_after_keeper(py);
                Ok(true)
            }
            Err(error) => from_wait(error, patient).map(|_| true),
        }
    }

    /// Shows the collector what is kept.
    pub fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)
    }
}

/// The exception for a result that cannot be made of what the worker sent.
fn unreadable(py: Python<'_>, error: PyErr) -> PyErr {
    let made = py
        .import("manyhands.errors")
        .and_then(|errors| errors.call_method1("unreadable", (error.into_value(py),)))
        .map(PyErr::from_value);
    made.unwrap_or_else(|error| error)
}
