//! The end for reading of a queue between processes, for what waits for descriptors: `wait`, selectors, event loops.
//!
//! A queue has no descriptor. The first question for one has the engine watch the queue in a thread of its own, which
//! rings a bell that can be polled. From then on each `get` of this process looks whether the bell has to be silent
//! again. A wait for several queues at once needs neither.

use crate::ffi::Patient;
use crate::later::{Later, shared_class};
use crate::patience::limit_of_poll;
use crate::queue::{Ends, Queue, SimpleQueue};
use crate::value::{Arguments, Named};
use manyhands::channel::{Awaited, RawQueue, Readiness as Watched, SelectError, wait_for_any};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

shared_class! {
    /// What `_reader` of a queue is made of.
    QueueReader { ends: Arc<Ends> }:

    /// Of this queue, or of the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (queue, handle = None))]
    fn open(&self, queue: Option<&Bound<'_, PyAny>>, handle: Option<u64>) -> PyResult<()> {
        let ends = match queue {
            None => Arc::new(Ends::new(0, handle)?),
            Some(queue) => ends_of(queue)?,
        };
        self.ends.set(ends)
    }

    /// The number of a descriptor that can be read while the queue has something.
    fn fileno(&self) -> PyResult<i32> {
        self.ends.get()?.descriptor()
    }

    /// Whether there is something in the queue, or is within `timeout` seconds; with None it waits for that.
    #[pyo3(signature = (timeout = Some(0.0)), text_signature = "($self, timeout=0.0)")]
    fn poll(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<bool> {
        let ends = slf.get().ends.get()?;
        ends.check_reader()?;
        let is_there = wait_for_one(slf.py(), &[ends.queue()], timeout)?;
        ends.refresh();
        Ok(is_there)
    }

    /// Takes the next object out of the queue and returns it, waiting until there is one.
    fn recv<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let ends = slf.get().ends.get()?;
        ends.get(slf, slf.get().ends.lease(), true, None)
    }

    /// This process takes nothing more out of the queue.
    fn close(&self) -> PyResult<()> {
        self.ends.get()?.close_reader();
        Ok(())
    }

    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(self.ends.get()?.check_reader().is_err())
    }
}

/// What a queue, or the reader of one, has.
fn ends_of(queue: &Bound<'_, PyAny>) -> PyResult<Arc<Ends>> {
    if let Ok(queue) = queue.cast::<Queue>() {
        return queue.get().ends();
    }
    if let Ok(queue) = queue.cast::<SimpleQueue>() {
        return queue.get().ends();
    }
    if let Ok(reader) = queue.cast::<QueueReader>() {
        return reader.get().ends.get().cloned();
    }
    Err(PyTypeError::new_err(format!("{} is no queue between processes", queue.repr()?)))
}

/// What these queues have, all of which are open for reading.
fn open_ends(queues: &[Bound<'_, PyAny>]) -> PyResult<Vec<Arc<Ends>>> {
    if queues.is_empty() {
        return Err(PyValueError::new_err("there is no queue to wait for"));
    }
    let all: Vec<Arc<Ends>> = queues.iter().map(ends_of).collect::<PyResult<_>>()?;
    all.iter().try_for_each(|ends| ends.check_reader())?;
    Ok(all)
}

/// Whether one of the queues has something, or has within that time.
fn wait_for_one(py: Python<'_>, queues: &[&RawQueue], timeout: Option<f64>) -> PyResult<bool> {
    let awaited: Vec<&dyn Awaited> = queues.iter().map(|queue| *queue as &dyn Awaited).collect();
    let until = limit_of_poll(py, timeout)?;
    let patient = Patient::new(py);
    match wait_for_any(&awaited, 0, until, &patient) {
        Ok(_) => Ok(true),
        Err(SelectError::Interrupted) => Err(patient.raised().expect("a handler raised")),
        Err(_) => Ok(false),
    }
}

/// Which of these queues have something: it waits for the first one, `timeout` seconds at most, and with None for as
/// long as it takes.
#[pyfunction]
pub fn wait_for_queues(
    py: Python<'_>,
    queues: Vec<Bound<'_, PyAny>>,
    timeout: Option<f64>,
) -> PyResult<Vec<bool>> {
    let all = open_ends(&queues)?;
    let queues: Vec<&RawQueue> = all.iter().map(|ends| ends.queue()).collect();
    wait_for_one(py, &queues, timeout)?;
    all.iter().for_each(|ends| ends.refresh());
    Ok(queues.into_iter().map(Awaited::has_something).collect())
}

/// A descriptor that can be read when one of several queues has something, until it is closed.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct Readiness {
    watched: Mutex<Option<Watched>>,
}

#[pymethods]
impl Readiness {
    #[new]
    fn new(queues: Vec<Bound<'_, PyAny>>) -> PyResult<Readiness> {
        let queues = open_ends(&queues)?.iter().map(|ends| ends.queue().clone()).collect();
        Ok(Readiness { watched: Mutex::new(Some(Watched::of(queues)?)) })
    }

    fn fileno(&self) -> PyResult<i32> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = watched.as_ref().ok_or_else(|| PyValueError::new_err("it was closed"))?;
        Ok(watched.number())
    }

    fn close(&self) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
