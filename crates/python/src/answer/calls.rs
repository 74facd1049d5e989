//! The calls that one answer comes from, and the object that their answers make.
//!
//! The object is what the one call returned, a list of what each call returned, or the list that the chunks of a map
//! make together. If a call raised, the whole raises that error, after all calls have their answers.

use super::outcome::{Outcome, Part, Read, Reader};
use manyhands::executor::{Callbacks, RawCall};
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::sync::{Arc, Mutex, PoisonError};

/// The calls of an answer.
pub enum Calls {
    /// What one call returns.
    One(RawCall),
    /// The list of what each returns.
    Each(Vec<RawCall>),
    /// The list that the lists they return make together.
    Chunks(Vec<RawCall>),
}

impl Calls {
    /// All of them.
    pub fn all(&self) -> &[RawCall] {
        match self {
            Calls::One(call) => std::slice::from_ref(call),
            Calls::Each(calls) | Calls::Chunks(calls) => calls,
        }
    }

    /// Whether all have their answers.
    pub fn are_answered(&self) -> bool {
        self.all().iter().rev().all(RawCall::is_done)
    }

    /// Has `then` run with the calls by the callback thread once all have their answers.
    pub fn when_answered(self, callbacks: &Callbacks, then: impl FnOnce(Calls) + Send + 'static) {
        let (calls, join): (_, fn(_) -> Calls) = match self {
            Calls::One(call) => {
                return callbacks.register(call, move |call| then(Calls::One(call)));
            }
            Calls::Each(calls) => (calls, Calls::Each),
            Calls::Chunks(calls) => (calls, Calls::Chunks),
        };
        let places: Vec<Option<RawCall>> = calls.iter().map(|_| None).collect();
        let gathered = Arc::new(Mutex::new((places, calls.len(), Some(then))));
        for (place, call) in calls.into_iter().enumerate() {
            let gathered = Arc::clone(&gathered);
            let answered = move |call| {
                let mut all = gathered.lock().unwrap_or_else(PoisonError::into_inner);
                all.0[place] = Some(call);
                all.1 -= 1;
                if all.1 == 0
                    && let Some(then) = all.2.take()
                {
                    let calls = std::mem::take(&mut all.0).into_iter().flatten().collect();
                    drop(all);
                    then(join(calls));
                }
            };
            callbacks.register(call, answered);
        }
    }
}

/// Answers on their way to an object, as far as they came: an attempt that was ended goes on from here.
pub enum Fetched {
    One(Part),
    List(Box<List>),
}

/// A list that is being made.
pub struct List {
    /// What is there of it, or the first error.
    made: Outcome,
    /// Whether each answer is a list, whose elements it gets.
    joins: bool,
    /// The next part, if it was begun with.
    begun: Option<Part>,
    rest: std::vec::IntoIter<RawCall>,
}

impl Fetched {
    /// Nothing of it was read yet.
    pub fn of(py: Python<'_>, calls: Calls) -> Fetched {
        let (calls, joins) = match calls {
            Calls::One(call) => return Fetched::One(Part::Call(call)),
            Calls::Each(calls) => (calls, false),
            Calls::Chunks(calls) => (calls, true),
        };
        let made = Outcome::Value(PyList::empty(py).into_any().unbind());
        Fetched::List(Box::new(List { made, joins, begun: None, rest: calls.into_iter() }))
    }

    /// What may be part of a cycle.
    pub fn object(&self) -> Option<&Py<PyAny>> {
        match self {
            Fetched::One(_) => None,
            Fetched::List(list) => Some(list.made.object()),
        }
    }

    /// The object. `wait` returns when a call has its answer; all are waited for, even if one raised, unless the
    /// waiting fails.
    #[inline]
    pub fn read<'py>(
        self,
        py: Python<'py>,
        reader: &Reader,
        wait: impl Fn(&RawCall) -> PyResult<()>,
    ) -> Read<'py, Fetched> {
        match self {
            Fetched::One(part) => match part.read(py, reader) {
                Read::Outcome(outcome) => Read::Outcome(outcome),
                Read::Withdrawn => Read::Withdrawn,
                Read::Interrupted(error, part) => Read::Interrupted(error, Fetched::One(part)),
            },
            Fetched::List(list) => list.read(py, reader, wait),
        }
    }
}

impl List {
    fn read<'py>(
        mut self: Box<Self>,
        py: Python<'py>,
        reader: &Reader,
        wait: impl Fn(&RawCall) -> PyResult<()>,
    ) -> Read<'py, Fetched> {
        loop {
            let part = if self.begun.is_some() {
                self.begun.take()
            } else {
                // It stays where it is while it is waited for, so that nothing has to be put back.
                match self.rest.as_slice().first() {
                    Some(call) if !call.is_done() => {
                        if let Err(error) = wait(call) {
                            return Read::Interrupted(error, Fetched::List(self));
                        }
                    }
                    _ => {}
                }
                self.rest.next().map(Part::Call)
            };
            let Some(part) = part else { break };
            let Outcome::Value(made) = &self.made else { continue };
            let added = match part.read(py, reader) {
                Read::Outcome(outcome) => outcome.and_then(|result| self.add(made.bind(py), result)),
                Read::Withdrawn => return Read::Withdrawn,
                Read::Interrupted(error, part) => {
                    self.begun = Some(part);
                    return Read::Interrupted(error, Fetched::List(self));
                }
            };
            if let Err(error) = added {
                self.made = Outcome::of(py, Err(error));
            }
        }
        Read::Outcome(self.made.get(py))
    }

    fn add(&self, made: &Bound<'_, PyAny>, result: Bound<'_, PyAny>) -> PyResult<()> {
        let made = made.cast::<PyList>()?;
        match self.joins {
            true => made.set_slice(made.len(), made.len(), &result),
            false => made.append(result),
        }
    }
}
