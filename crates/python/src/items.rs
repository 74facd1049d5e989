//! The items of a queue of Python objects, while they wait.
//!
//! Only moved here, never looked at: pushing and popping run no Python code, need no interpreter lock and change no
//! reference count.

use manyhands::channel::Monitor;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::collections::VecDeque;

/// Objects in the order in which they were put.
#[derive(Default)]
pub struct Items {
    objects: VecDeque<Py<PyAny>>,
    /// Whether the object put last is the next to be taken, else the one put first.
    pub last_first: bool,
}

impl Items {
    /// Puts an object; gives how many there are now.
    #[inline]
    pub fn push(&mut self, object: Py<PyAny>) -> usize {
        self.objects.push_back(object);
        self.objects.len()
    }

    /// Takes the next object; gives it and how many are left.
    #[inline]
    pub fn pop(&mut self) -> Option<(Py<PyAny>, usize)> {
        let object = if self.last_first { self.objects.pop_back() } else { self.objects.pop_front() };
        object.map(|object| (object, self.objects.len()))
    }

    /// Takes all, the one put first first. To be dropped outside of the monitor: that runs Python code.
    pub fn take_all(&mut self) -> Vec<Py<PyAny>> {
        std::mem::take(&mut self.objects).into()
    }
}

/// Shows what waits in a queue to the collector of cycles.
pub fn show_waiting(monitor: &Monitor<Items>, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    match monitor.try_enter() {
        Some(inside) => inside.objects.iter().try_for_each(|object| visit.call(object)),
        // Somebody is at it: then it is in use, and no garbage.
        None => Ok(()),
    }
}

/// Drops what waits in a queue that is part of a cycle.
pub fn drop_waiting(monitor: &Monitor<Items>) {
    let dropped = monitor.try_enter().map(|mut inside| {
        inside.set_items(0);
        inside.take_all()
    });
    // Outside of the monitor: that runs Python code.
    drop(dropped);
}
