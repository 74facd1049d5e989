//! The calls that one result is made of, and the object that their answers make: what the one call returned, a list of
//! what each returned, or the list that the chunks of a map make together. A call that raised makes that error of the
//! whole, after all have their answers. Who asks, and when, is the business of `result` and `told`.

use super::outcome;
use manyhands::executor::RawCall;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// What a result is made of.
pub enum Calls {
    /// The result of one call.
    One(RawCall),
    /// The list of one result per call.
    Each(Vec<RawCall>),
    /// The list that the calls' lists make together.
    Chunks(Vec<RawCall>),
}

impl Calls {
    pub fn all(&self) -> &[RawCall] {
        match self {
            Calls::One(call) => std::slice::from_ref(call),
            Calls::Each(calls) | Calls::Chunks(calls) => calls,
        }
    }

    /// Whether there is no call.
    pub fn is_nothing(&self) -> bool {
        self.all().is_empty()
    }

    /// How many calls there are.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// How many have no answer yet.
    pub fn left(&self) -> usize {
        self.all().iter().filter(|call| !call.is_done()).count()
    }

    pub fn is_done(&self) -> bool {
        self.all().iter().rev().all(RawCall::is_done)
    }

    /// The result. All calls have their answers.
    pub fn take<'py>(self, py: Python<'py>, describe: impl Fn() -> String) -> PyResult<Bound<'py, PyAny>> {
        self.gather(py, describe, |_| Ok(()))
    }

    /// The result, made as the answers come: `wait` returns when a call has its answer. All are waited for, even if one
    /// raised, unless the waiting fails.
    pub fn gather<'py>(
        self,
        py: Python<'py>,
        describe: impl Fn() -> String,
        wait: impl Fn(&RawCall) -> PyResult<()>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let one = |call: RawCall| match call.take(&describe) {
            Ok(answer) => outcome::of_answer(py, answer),
            Err(failure) => Err(outcome::of_failure(py, failure)),
        };
        let (calls, is_whole) = match self {
            Calls::One(call) => {
                wait(&call)?;
                return one(call);
            }
            Calls::Each(calls) => (calls, false),
            Calls::Chunks(calls) => (calls, true),
        };
        let mut results = Ok(PyList::empty(py));
        for call in calls {
            wait(&call)?;
            let Ok(all) = &results else { continue };
            let added = one(call).and_then(|result| match is_whole {
                true => all.set_slice(all.len(), all.len(), &result),
                false => all.append(result),
            });
            if let Err(error) = added {
                results = Err(error);
            }
        }
        results.map(Bound::into_any)
    }
}

/// The outcome of calls that have their answers, for a callback.
pub fn outcome_of(py: Python<'_>, calls: Calls, name: &str) -> PyResult<Py<PyAny>> {
    calls.take(py, || name.to_owned()).map(Bound::unbind)
}
