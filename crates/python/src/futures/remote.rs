//! The call behind a future whose function a worker process runs.
//!
//! Its answer is fetched by whoever asks for it, so nothing here runs unasked: until somebody wants to be told (a
//! callback, a wait for several), then the pool's callback thread fetches it. It is fetched once, and withdrawn only
//! while nobody fetches it: both under one mutex, which is never held while Python code runs. Ctrl-C that comes while
//! an object is made of it is for whoever asked, and no answer: the next one who asks has another try.

use crate::errors::from_wait;
use crate::ffi::Patient;
use crate::pool::{Called, Reading, Shared, Unread, begin_reading, broken, of_failure};
use manyhands::executor::threads::Standing;
use manyhands::executor::{CallFailure, CallWatch, Callbacks, RawAnswer, RawCall};
use manyhands::platform::Deadline;
use manyhands::sync::{Wait, WaitError};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a thread waits for another one that fetches the answer, and may be interrupted: then it is the next.
const LOOK: Duration = Duration::from_millis(250);

/// A call that a worker process runs.
pub struct Remote {
    shared: Arc<Shared>,
    function: Called,
    held: Mutex<Held>,
}

enum Held {
    /// Whoever asks for the answer fetches it.
    Here(RawCall),
    /// The callback thread fetches it.
    Awaited(CallWatch),
    /// It was fetched, and a signal handler ended the attempt to make an object of it: whoever asks tries again.
    Unread(Unread),
    /// It is being fetched, or was; or the call was withdrawn.
    Gone,
}

/// An answer that was fetched.
pub enum Fetched {
    Answer(Result<RawAnswer, CallFailure>),
    Unread(Unread),
}

/// What an answer is to Python.
pub enum Read<'py> {
    Outcome(PyResult<Bound<'py, PyAny>>),
    /// The call was withdrawn.
    Withdrawn,
    /// A signal handler has raised this meanwhile.
    Interrupted(PyErr, Unread),
}

impl Remote {
    /// Of a call that was submitted.
    pub fn new(shared: &Arc<Shared>, function: Called, call: RawCall) -> Remote {
        Remote { shared: Arc::clone(shared), function, held: Mutex::new(Held::Here(call)) }
    }

    /// What is kept of the function.
    pub fn function(&self) -> &Called {
        &self.function
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the call stands while its answer has not been fetched.
    pub fn standing(&self) -> Standing {
        let is_started = match &*self.held() {
            Held::Here(call) => call.is_started(),
            Held::Awaited(watch) => watch.is_started(),
            Held::Unread(_) | Held::Gone => true,
        };
        if is_started { Standing::Running } else { Standing::Pending }
    }

    /// The answer if it is there and nobody has fetched it.
    #[inline]
    pub fn fetch(&self) -> Option<Fetched> {
        let mut held = self.held();
        match &*held {
            // A fork's child has no part in it.
            Held::Here(call) if call.is_done() && self.shared.raw.is_own() => {}
            Held::Unread(_) => {}
            _ => return None,
        }
        match std::mem::replace(&mut *held, Held::Gone) {
            Held::Here(call) => Some(Fetched::Answer(call.take(String::new))),
            Held::Unread(unread) => Some(Fetched::Unread(unread)),
            _ => None,
        }
    }

    /// What the answer is to Python.
    pub fn read<'py>(&self, py: Python<'py>, fetched: Fetched) -> Read<'py> {
        let unread = match fetched {
            Fetched::Unread(unread) => unread,
            Fetched::Answer(Ok(answer)) => match begin_reading(py, answer) {
                Ok(Reading::Made(object)) => return Read::Outcome(Ok(object)),
                Ok(Reading::Unread(unread)) => unread,
                Err(error) => return Read::Outcome(Err(unreadable(py, error))),
            },
            Fetched::Answer(Err(CallFailure::Cancelled { .. })) => return Read::Withdrawn,
            Fetched::Answer(Err(CallFailure::WorkerDied(mut died))) => {
                died.call = self.function.name(py);
                return Read::Outcome(Err(of_failure(py, CallFailure::WorkerDied(died))));
            }
            // An executor's workers are ended on demand alone.
            Fetched::Answer(Err(failure @ CallFailure::Terminated { .. })) => {
                return Read::Outcome(Err(broken(py, &failure.to_string(), "")));
            }
            Fetched::Answer(Err(failure)) => return Read::Outcome(Err(of_failure(py, failure))),
        };
        match (unread.read(py), &unread) {
            (Ok(outcome), _) => Read::Outcome(outcome),
            (Err(error), _) if is_by_signal(py, &error) => Read::Interrupted(error, unread),
            (Err(error), Unread::Raised(_)) => Read::Outcome(Err(error)),
            (Err(error), Unread::Result(_)) => Read::Outcome(Err(unreadable(py, error))),
        }
    }

    /// Keeps an answer for the next who asks.
    pub fn keep(&self, unread: Unread) {
        *self.held() = Held::Unread(unread);
    }

    /// Whether whoever asks is to try and read it.
    pub fn is_unread(&self) -> bool {
        matches!(&*self.held(), Held::Unread(_))
    }

    /// Withdraws the call if no worker has begun with it; whether this did it.
    pub fn cancel(&self) -> bool {
        let mut held = self.held();
        let withdrawn = match &*held {
            Held::Here(call) => call.cancel(),
            Held::Awaited(watch) => watch.cancel(),
            Held::Unread(_) | Held::Gone => false,
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

    /// Waits until there is something to fetch, or until `otherwise` is over when another thread is at it; `false` when
    /// the time was over. `future` is what the calling thread then waits for.
    pub fn wait(
        &self,
        future: &Bound<'_, PyAny>,
        until: Option<Deadline>,
        otherwise: impl Fn(Option<Deadline>, &Patient<'_>) -> Result<(), WaitError>,
    ) -> PyResult<bool> {
        if !self.shared.raw.is_own() {
            return Err(PyRuntimeError::new_err(format!(
                "the future of {} belongs to the process that submitted the call; ask for its result there",
                self.function.name(future.py())
            )));
        }
        let watch = match &*self.held() {
            Held::Here(call) => Some(call.watch()),
            // There is something to do at once.
            Held::Unread(_) => return Ok(true),
            Held::Awaited(_) | Held::Gone => None,
        };
        let py = future.py();
        let patient = Patient::on(future);
        let waited = match watch {
            Some(watch) => watch.wait(&Wait::arena(until, &patient)),
            None => otherwise(Deadline::after(LOOK).map(|look| look.earlier(until)), &patient),
        };
        match waited {
            Ok(()) => Ok(true),
            Err(WaitError::TimedOut) => {
                if until.is_some_and(|until| until.is_past()) {
                    return Ok(false);
                }
                py.check_signals()?;
                Ok(true)
            }
            Err(error) => from_wait(error, patient).map(|_| true),
        }
    }

    /// Shows the collector what is kept.
    pub fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.function.visit(visit)
    }
}

/// Whether a signal's handler has raised it, and not what ran when the signal came.
fn is_by_signal(py: Python<'_>, error: &PyErr) -> bool {
    let asked = py.import("manyhands._signals").and_then(|signals| {
        signals.call_method1("raised_by_handler", (error.value(py), error.traceback(py)))
    });
    asked.and_then(|answer| answer.extract()).unwrap_or(false)
}

/// The exception for a result that cannot be made of what the worker sent.
fn unreadable(py: Python<'_>, error: PyErr) -> PyErr {
    let made = py
        .import("manyhands.errors")
        .and_then(|errors| errors.call_method1("unreadable", (error.into_value(py),)))
        .map(PyErr::from_value);
    made.unwrap_or_else(|error| error)
}
