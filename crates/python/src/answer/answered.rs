//! Where an answer stands, what it came to, and what its classes do alike: fetch it, wait for it, have it fetched.
//!
//! A class says how the answer is set and what happens then. It gets each worker's answer once, by the thread that asks
//! or by the pool's callback thread.

use super::calls::Fetched;
use super::outcome::{Outcome, Read};
use super::source::Source;
use crate::errors::waited;
use crate::ffi::{Patient, track};
use manyhands::executor::threads::{Call, Standing};
use manyhands::platform::Deadline;
use pyo3::PyClass;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use std::sync::OnceLock;

/// An answer that is to come. `S` keeps the source: of worker processes from the start, or later, or never.
pub struct Answer<S> {
    /// Where it stands in this process, and what it came to.
    pub call: Call<Outcome>,
    source: S,
    is_made: bool,
}

/// A place for a source.
pub trait Sourced: Sync {
    /// The source, if worker processes make the answer.
    fn source(&self) -> Option<&Source>;
}

impl Sourced for Option<Source> {
    #[inline]
    fn source(&self) -> Option<&Source> {
        self.as_ref()
    }
}

/// Apart from the answer, since those that threads give have none.
impl Sourced for OnceLock<Box<Source>> {
    #[inline]
    fn source(&self) -> Option<&Source> {
        self.get().map(|source| &**source)
    }
}

impl Answer<OnceLock<Box<Source>>> {
    /// Says which call of a worker process it comes from.
    pub fn comes_from(&self, source: Source) {
        let _ = self.source.set(Box::new(source));
    }
}

impl<S: Sourced> Answer<S> {
    /// From this source.
    pub fn new(source: S) -> Answer<S> {
        Answer { call: Call::default(), source, is_made: true }
    }

    /// Where it comes from, if that is worker processes.
    #[inline]
    pub fn source(&self) -> Option<&Source> {
        self.source.source()
    }

    /// Where it stands.
    #[inline]
    pub fn standing(&self) -> Standing {
        let standing = self.call.state().standing();
        match self.source() {
            Some(source) if standing == Standing::Pending => source.standing(),
            _ => standing,
        }
    }

    /// Whether it is there, even if no object was made of it yet.
    pub fn is_there(&self) -> bool {
        self.call.state().standing().is_over() || self.source().is_some_and(Source::is_there)
    }

    /// Shows the collector of cycles what is kept, after what `others` shows. The collector may see an object before
    /// this was written into it: while its attributes' dictionary is made, the memory is all zeros.
    pub fn visit(
        &self,
        visit: &PyVisit<'_>,
        others: impl FnOnce() -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        if !self.is_made {
            return Ok(());
        }
        others()?;
        self.source().map_or(Ok(()), |source| source.visit(visit))?;
        let seen = self.call.try_with_answer(|outcome| visit.call(outcome.object()));
        seen.unwrap_or(Ok(()))
    }

    /// Lets go of what is kept.
    pub fn clear(&self) {
        if let Some(source) = self.source() {
            source.clear();
        }
        drop(self.call.take_answer());
    }
}

/// A class of Python's over an answer.
pub trait Answered: PyClass<Frozen = True> + Send + Sync {
    /// What keeps the source.
    type Source: Sourced;

    /// The answer of an object.
    fn answer(&self) -> &Answer<Self::Source>;

    /// Sets what a worker's answer came to. An answer that was set otherwise stays.
    fn come_to(slf: &Bound<'_, Self>, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()>;

    /// The call was withdrawn, and nobody will run it.
    fn withdraw(slf: &Bound<'_, Self>) -> PyResult<()>;

    /// Keeps answers that were not read to their end for the next thread that asks; `false` when a callback or a
    /// watcher waits for them, which never asks.
    fn keep(slf: &Bound<'_, Self>, source: &Source, rest: Fetched) -> bool;

    /// Fetches the answer of worker processes if it is there; where it stands then.
    #[inline]
    fn settle(slf: &Bound<'_, Self>) -> PyResult<Standing> {
        let answer = slf.get().answer();
        let standing = answer.call.state().standing();
        if standing.is_over() || answer.source().is_none() {
            return Ok(standing);
        }
        Self::fetch(slf)?;
        Ok(answer.standing())
    }

    /// Fetches the answer of worker processes if it is there, and nobody else has: sets it, and gives what it came to.
    #[inline]
    fn fetch<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<PyResult<Bound<'py, PyAny>>>> {
        let Some(source) = slf.get().answer().source() else { return Ok(None) };
        let Some((fetched, _pool)) = source.fetch(slf.py()) else { return Ok(None) };
        Self::arrive(slf, source, fetched)
    }

    /// The answers of worker processes have been fetched.
    #[inline]
    fn arrive<'py>(
        slf: &Bound<'py, Self>,
        source: &Source,
        fetched: Fetched,
    ) -> PyResult<Option<PyResult<Bound<'py, PyAny>>>> {
        match fetched.read(slf.py(), &source.reader, |_| Ok(())) {
            Read::Outcome(result) => {
                let given = result.as_ref().map(Bound::clone).map_err(|error| error.clone_ref(slf.py()));
                Self::come_to(slf, result)?;
                Ok(Some(given))
            }
            Read::Withdrawn => Self::withdraw(slf).map(|()| None),
            Read::Interrupted(error, rest) => {
                if Self::keep(slf, source, rest) {
                    slf.get().answer().call.state().wake_all();
                } else {
                    // A callback would never be called.
                    let _ = Self::come_to(slf, Err(error.clone_ref(slf.py())));
                }
                Err(error)
            }
        }
    }

    /// Waits until the answer is there or there is something to fetch; `false` when the time was over.
    fn wait_until_there(slf: &Bound<'_, Self>, until: Option<Deadline>) -> PyResult<bool> {
        let answer = slf.get().answer();
        if let Some(source) = answer.source() {
            return source.wait(slf.as_any(), &answer.call, until);
        }
        let patient = Patient::on(slf);
        waited(answer.call.wait(until, &patient), patient)
    }

    /// Waits until the call is over; `None` when the time was over first.
    #[inline]
    fn wait_until_over(
        slf: &Bound<'_, Self>,
        until: impl FnOnce() -> PyResult<Option<Deadline>>,
    ) -> PyResult<Option<Standing>> {
        let mut standing = Self::settle(slf)?;
        if !standing.is_over() {
            let until = until()?;
            while !standing.is_over() {
                if !Self::wait_until_there(slf, until)? {
                    return Ok(None);
                }
                standing = Self::settle(slf)?;
            }
        }
        Ok(Some(standing))
    }

    /// Has the callback thread fetch the answer of worker processes, since something is to be called then.
    fn fetch_unasked(slf: &Bound<'_, Self>) -> PyResult<()> {
        track(slf.as_any());
        let Some(source) = slf.get().answer().source() else { return Ok(()) };
        let callbacks = source.callbacks(slf.py())?;
        let Some(calls) = source.hand_over() else {
            // Another thread was at it when this one came, and has been interrupted since.
            return if source.is_unread() { Self::settle(slf).map(drop) } else { Ok(()) };
        };
        let object = slf.clone().unbind();
        calls.when_answered(&callbacks, move |calls| {
            // All that it refers to goes while the interpreter is attached.
            Python::attach(move |py| {
                let object = object.into_bound(py);
                let Some(source) = object.get().answer().source() else { return };
                let (fetched, _pool) = source.fetch_handed_over(py, calls);
                if let Err(error) = Self::arrive(&object, source, fetched) {
                    error.write_unraisable(py, Some(object.as_any()));
                }
            });
        });
        Ok(())
    }
}
