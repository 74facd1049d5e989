//! The locks that a condition stands on: the one that it was made with, and those that a program has put in its place.
//!
//! Each stays until the condition goes, so that whoever uses one meanwhile need not keep it; there is hardly ever a
//! second. What each of them does at a wait is the condition's business.

use super::lock::{ThreadLock, ThreadRLock};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use std::sync::OnceLock;

/// The lock of a condition.
pub enum Held {
    Lock(Py<ThreadLock>),
    RLock(Py<ThreadRLock>),
    Other(Py<PyAny>),
}

/// The lock that a condition was made with, and those that a program has put in its place since.
pub struct Locks {
    pub held: Held,
    pub next: OnceLock<Box<Locks>>,
}

impl Locks {
    pub fn of(lock: Bound<'_, PyAny>) -> Locks {
        Locks { held: Held::of(lock), next: OnceLock::new() }
    }

    /// The one that it stands on now.
    pub fn last(&self) -> &Locks {
        let mut locks = self;
        while let Some(next) = locks.next.get() {
            locks = next;
        }
        locks
    }
}

impl Held {
    fn of(lock: Bound<'_, PyAny>) -> Held {
        // Exactly these: a subclass may do something of its own.
        if let Ok(lock) = lock.cast_exact::<ThreadLock>() {
            return Held::Lock(lock.clone().unbind());
        }
        if let Ok(lock) = lock.cast_exact::<ThreadRLock>() {
            return Held::RLock(lock.clone().unbind());
        }
        Held::Other(lock.unbind())
    }

    pub fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        match self {
            Held::Lock(lock) => lock.bind(py).as_any(),
            Held::RLock(lock) => lock.bind(py).as_any(),
            Held::Other(lock) => lock.bind(py),
        }
    }
}

/// A method that not every lock has.
pub fn offered<'py>(lock: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match lock.getattr(name) {
        Ok(method) => Ok(Some(method)),
        Err(error) if error.is_instance_of::<PyAttributeError>(lock.py()) => Ok(None),
        Err(error) => Err(error),
    }
}
