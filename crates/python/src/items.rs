//! The items of a queue of Python objects, while they wait.
//!
//! Objects are only moved here, never looked at. Pushing and popping run no Python code, need no interpreter lock and
//! change no reference count.

use crate::ffi::within;
use manyhands::channel::Monitor;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::collections::VecDeque;

/// Objects in the order in which they were put.
#[derive(Default)]
pub struct Items {
    objects: VecDeque<Py<PyAny>>,
    /// Whether the object put last is the next to be taken (a stack); otherwise it is the one put first.
    pub last_first: bool,
}

impl Items {
    /// Puts an object, and returns how many there are now.
    #[inline]
    pub fn push(&mut self, object: Py<PyAny>) -> usize {
        self.objects.push_back(object);
        self.objects.len()
    }

    /// Takes the next object, and returns it with the number of those left.
    #[inline]
    pub fn pop(&mut self) -> Option<(Py<PyAny>, usize)> {
        let object = if self.last_first { self.objects.pop_back() } else { self.objects.pop_front() };
        object.map(|object| (object, self.objects.len()))
    }

    /// Takes all objects, in the order they were put. Drop them outside of the monitor: a drop may run Python code,
    /// which may use this queue and so enter the monitor again.
    pub fn take_all(&mut self) -> Vec<Py<PyAny>> {
        std::mem::take(&mut self.objects).into()
    }
}

/// Takes the next object that waits, if there is one.
#[inline]
pub fn take_next(py: Python<'_>, monitor: &Monitor<Items>) -> PyResult<Option<Py<PyAny>>> {
    let mut inside = within(py, monitor)?;
    let Some((object, left)) = inside.pop() else { return Ok(None) };
    inside.leave_with_fewer(left);
    Ok(Some(object))
}

/// Shows what waits in a queue to the collector of cycles.
pub fn show_waiting(monitor: &Monitor<Items>, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    match monitor.try_enter() {
        Some(inside) => inside.objects.iter().try_for_each(|object| visit.call(object)),
        // A thread is inside, so the queue is in use and no garbage.
        None => Ok(()),
    }
}

/// Drops what waits in a queue that is part of a cycle.
pub fn drop_waiting(monitor: &Monitor<Items>) {
    let dropped = monitor.try_enter().map(|mut inside| {
        inside.set_items(0);
        inside.take_all()
    });
    // Outside of the monitor, for the reason given at `take_all`.
    drop(dropped);
}
