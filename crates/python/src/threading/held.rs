//! The locks that a condition stands on: the one it was made with, and any that a program has put in its place.
//!
//! Each lock lives as long as the condition, so a thread that uses one while another is put in its place need not hold
//! a reference. A second one is rare. What each of them does at a wait is the business of `condition`.

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

/// A list of the locks that a condition has stood on, the first one first.
pub struct Locks {
    pub held: Held,
    pub next: OnceLock<Box<Locks>>,
}

impl Locks {
    pub fn of(lock: Bound<'_, PyAny>) -> Locks {
        Locks { held: Held::of(lock), next: OnceLock::new() }
    }

    /// The lock that the condition stands on now.
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
        // Exactly these classes: a subclass may have methods of its own.
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

/// A method of the lock, if it has one of that name.
pub fn offered<'py>(lock: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match lock.getattr(name) {
        Ok(method) => Ok(Some(method)),
        Err(error) if error.is_instance_of::<PyAttributeError>(lock.py()) => Ok(None),
        Err(error) => Err(error),
    }
}
