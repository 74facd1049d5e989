//! The calls of worker processes that an answer comes from.
//!
//! Their answers are fetched once, and a call is withdrawn only while nobody fetches its answer: both under one mutex,
//! which is never held while Python code runs.

use super::calls::{Calls, Fetched};
use super::outcome::{Outcome, Reader};
use crate::errors::{from_wait, waited};
use crate::ffi::Patient;
use crate::pool::{Called, Shared};
use manyhands::executor::threads::{Call, Standing};
use manyhands::executor::{CallWatch, Callbacks, RawCall};
use manyhands::platform::Deadline;
use manyhands::platform::atomic::{AtomicBool, Ordering};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where an answer comes from.
pub struct Source {
    shared: Arc<Shared>,
    pub reader: Reader,
    held: Mutex<Held>,
    /// Whether the pool is kept alive for this answer.
    keeps_pool: AtomicBool,
    /// Whether an attempt to read the answers was interrupted and the next thread that asks goes on with it.
    is_unread: AtomicBool,
}

enum Held {
    /// The thread that asks for the answer fetches it.
    Here(Calls),
    /// The callback thread will fetch it, or does so now: then nothing is watched.
    Awaited(Vec<CallWatch>),
    /// It was fetched, and a signal handler ended the attempt to make an object of it: the next thread that asks goes
    /// on with that.
    Unread(Fetched),
    /// A thread that asked fetches it now, or has done so; or the call was withdrawn.
    Gone,
}

/// The pool stays alive until this goes.
pub struct PoolStays<'a>(&'a Shared);

impl Drop for PoolStays<'_> {
    fn drop(&mut self) {
        self.0.no_longer_to_come();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        drop(self.pool_stays());
    }
}

impl Source {
    /// Calls of a pool, or of an executor.
    #[inline]
    pub fn new(shared: &Arc<Shared>, function: Called, calls: Calls, is_executors: bool) -> Source {
        let reader = Reader { function, is_executors };
        Source {
            shared: Arc::clone(shared),
            reader,
            held: Mutex::new(Held::Here(calls)),
            keeps_pool: AtomicBool::new(false),
            is_unread: AtomicBool::new(false),
        }
    }

    /// Keeps the pool alive until the answer was fetched, and its callbacks have run.
    #[inline]
    pub fn keep_alive(&self, pool: &Bound<'_, PyAny>) {
        self.shared.keep_alive(pool);
        self.keeps_pool.store(true, Ordering::Relaxed);
    }

    /// What keeps the pool alive from here on, for the one thread that fetches the answer.
    #[inline]
    fn pool_stays(&self) -> Option<PoolStays<'_>> {
        let keeps = self.keeps_pool.load(Ordering::Relaxed) && self.keeps_pool.swap(false, Ordering::Relaxed);
        keeps.then(|| PoolStays(&self.shared))
    }

    /// Whether the collector of cycles has something to look at.
    pub fn keeps_an_object(&self) -> bool {
        self.reader.function.is_object()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the calls stand while their answers have not been fetched.
    pub fn standing(&self) -> Standing {
        let is_started = match &*self.held() {
            Held::Here(calls) => calls.all().iter().any(RawCall::is_started),
            Held::Awaited(watches) => watches.is_empty() || watches.iter().any(CallWatch::is_started),
            Held::Unread(_) | Held::Gone => true,
        };
        if is_started { Standing::Running } else { Standing::Pending }
    }

    /// Whether all answers are there to be fetched, or a thread has them.
    pub fn is_there(&self) -> bool {
        match &*self.held() {
            Held::Here(calls) => calls.are_answered(),
            Held::Awaited(_) => false,
            Held::Unread(_) | Held::Gone => true,
        }
    }

    /// How many calls have no answer yet.
    pub fn left(&self) -> usize {
        match &*self.held() {
            Held::Here(calls) => calls.all().iter().filter(|call| !call.is_done()).count(),
            Held::Awaited(watches) => watches.iter().filter(|watch| !watch.is_over()).count(),
            Held::Unread(_) | Held::Gone => 0,
        }
    }

    /// The answers if all are there and nobody has fetched them, with what kept the pool alive for them.
    #[inline]
    pub fn fetch(&self, py: Python<'_>) -> Option<(Fetched, Option<PoolStays<'_>>)> {
        let held = self.held();
        match &*held {
            // A fork's child has no part in it.
            Held::Here(calls) if calls.are_answered() && self.shared.raw.is_own() => {}
            Held::Unread(_) => {}
            _ => return None,
        }
        self.take(py, held)
    }

    /// As `fetch`, with answers that are yet to come, for a thread that waits for each; not if an attempt was made
    /// before.
    pub fn fetch_early(&self, py: Python<'_>) -> Option<(Fetched, Option<PoolStays<'_>>)> {
        let held = self.held();
        if matches!(&*held, Held::Here(_)) && self.shared.raw.is_own() { self.take(py, held) } else { None }
    }

    fn take(
        &self,
        py: Python<'_>,
        mut held: MutexGuard<'_, Held>,
    ) -> Option<(Fetched, Option<PoolStays<'_>>)> {
        let taken = std::mem::replace(&mut *held, Held::Gone);
        drop(held);
        match taken {
            Held::Here(calls) => Some((Fetched::of(py, calls), self.pool_stays())),
            Held::Unread(rest) => {
                self.is_unread.store(false, Ordering::Release);
                Some((rest, None))
            }
            Held::Awaited(_) | Held::Gone => None,
        }
    }

    /// Keeps answers that were not read to their end for the next thread that asks.
    pub fn keep(&self, rest: Fetched) {
        *self.held() = Held::Unread(rest);
        self.is_unread.store(true, Ordering::Release);
    }

    /// Whether the next thread that asks is to go on reading them.
    pub fn is_unread(&self) -> bool {
        self.is_unread.load(Ordering::Acquire)
    }

    /// Withdraws the calls if no worker has begun with them; whether this did it.
    pub fn cancel(&self) -> bool {
        let mut held = self.held();
        let withdrawn = match &*held {
            Held::Here(calls) => calls.all().iter().all(RawCall::cancel),
            Held::Awaited(watches) => !watches.is_empty() && watches.iter().all(CallWatch::cancel),
            Held::Unread(_) | Held::Gone => false,
        };
        let calls = if withdrawn { Some(std::mem::replace(&mut *held, Held::Gone)) } else { None };
        drop(held);
        drop(calls);
        withdrawn
    }

    /// Gives the calls out, to be put before the callback thread; not if somebody has fetched the answers, or is to.
    pub fn hand_over(&self) -> Option<Calls> {
        let mut held = self.held();
        let Held::Here(calls) = &*held else { return None };
        let watched = Held::Awaited(calls.all().iter().map(RawCall::watch).collect());
        match std::mem::replace(&mut *held, watched) {
            Held::Here(calls) => Some(calls),
            _ => None,
        }
    }

    /// The answers of the calls that were handed over. From here on none of them can be withdrawn.
    pub fn fetch_handed_over(&self, py: Python<'_>, calls: Calls) -> (Fetched, Option<PoolStays<'_>>) {
        let mut held = self.held();
        if let Held::Awaited(watches) = &mut *held {
            watches.clear();
        }
        drop(held);
        (Fetched::of(py, calls), self.pool_stays())
    }

    /// The thread that has calls fetched unasked.
    pub fn callbacks(&self, py: Python<'_>) -> PyResult<Arc<Callbacks>> {
        self.shared.callbacks(py)
    }

    /// Waits until there is something to fetch, or until the answer stands in `call` when somebody else fetches it;
    /// `false` when the time was over. `object` is what the calling thread then waits for.
    pub fn wait(
        &self,
        object: &Bound<'_, PyAny>,
        call: &Call<Outcome>,
        until: Option<Deadline>,
    ) -> PyResult<bool> {
        if !self.shared.raw.is_own() {
            let what = if self.reader.is_executors { "future" } else { "result" };
            return Err(PyRuntimeError::new_err(format!(
                "the {what} of {} belongs to the process that submitted the call; ask for its result there",
                self.reader.function.name(object.py())
            )));
        }
        let mut answered = 0;
        loop {
            let watch = match &*self.held() {
                Held::Here(calls) => {
                    let calls = calls.all();
                    answered += calls[answered..].iter().take_while(|call| call.is_done()).count();
                    match calls.get(answered) {
                        Some(call) => Some(call.watch()),
                        None => return Ok(true),
                    }
                }
                Held::Unread(_) => return Ok(true),
                Held::Awaited(_) | Held::Gone => None,
            };
            if call.state().standing().is_over() {
                return Ok(true);
            }
            let patient = Patient::on(object);
            let ended = match watch {
                Some(watch) => watch.wait(until, &patient),
                // The thread that fetches the answers may be interrupted: then this one goes on.
                None => call.state().wait_or(until, &patient, || self.is_unread()).map(drop),
            };
            if let Err(error) = ended {
                return from_wait(error, patient);
            }
        }
    }

    /// Waits for one call.
    pub fn wait_for_call(object: &Bound<'_, PyAny>, call: &RawCall) -> PyResult<()> {
        let patient = Patient::on(object);
        waited(call.wait(None, &patient), patient).map(drop)
    }

    /// Shows the collector what is kept.
    pub fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.reader.function.visit(visit)?;
        match self.held.try_lock().as_deref() {
            Ok(Held::Unread(rest)) => rest.object().map_or(Ok(()), |object| visit.call(object)),
            _ => Ok(()),
        }
    }

    /// Lets go of what may be part of a cycle.
    pub fn clear(&self) {
        if self.is_unread.swap(false, Ordering::AcqRel) {
            let rest = std::mem::replace(&mut *self.held(), Held::Gone);
            drop(rest);
        }
    }
}
