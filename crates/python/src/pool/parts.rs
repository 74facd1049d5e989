//! The answers of a map's calls that threads run, until they make one result.
//!
//! Each call returns a list, and the lists make one list together, in the order of the calls. All calls are waited for,
//! and the first error is the error of the whole. A map that processes run needs none of this: its answers stand in
//! shared memory until somebody asks.

use crate::answer::Outcome;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// What the calls have come to so far.
#[derive(Default)]
pub struct Parts {
    lists: Vec<Option<Py<PyAny>>>,
    left: usize,
    /// What calls have raised, the first first. All are kept, since to drop one runs Python code.
    errors: Vec<Py<PyAny>>,
}

impl Parts {
    /// Of so many calls.
    pub fn of(calls: usize) -> Parts {
        Parts {
            lists: std::iter::repeat_with(|| None).take(calls).collect(),
            left: calls,
            errors: Vec::new(),
        }
    }

    /// How many calls have no answer yet.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Takes the answer of the call with that number. The last answer gives all of them out.
    pub fn answer(&mut self, number: usize, outcome: Outcome) -> Option<Parts> {
        match outcome {
            Outcome::Value(list) => *self.lists.get_mut(number)? = Some(list),
            Outcome::Error(error) => self.errors.push(error),
        }
        self.left -= 1;
        (self.left == 0).then(|| std::mem::take(self))
    }

    /// The list that they make together, or the first error.
    pub fn joined(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        if let Some(error) = self.errors.into_iter().next() {
            return Err(PyErr::from_value(error.into_bound(py)));
        }
        let made = PyList::empty(py);
        for list in self.lists.into_iter().flatten() {
            made.set_slice(made.len(), made.len(), list.bind(py))?;
        }
        Ok(made.into_any())
    }

    /// All objects in it.
    pub fn objects(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.lists.iter().flatten().chain(&self.errors)
    }
}
