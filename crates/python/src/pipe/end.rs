//! One side of a pipe through shared memory.
//!
//! Tuples of plain values go as they are; other objects are pickled as for a queue. When the other side is closed, or
//! its process has ended, `recv` raises EOFError and `send` BrokenPipeError, as connections do.

use super::flat;
use crate::errors::from_arena;
use crate::ffi::Patient;
use crate::pickled;
use crate::queue::object;
use manyhands::arena::Handle;
use manyhands::channel::{Buffer, GetError, PutError, RawPipe};
use pyo3::exceptions::{PyBrokenPipeError, PyEOFError, PyOSError, PyValueError};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};

/// How many messages may wait in one direction. A caller has one call under way.
const WAITING: u64 = 2;

/// The tag of a message without pickle. It is none of a value's.
const FLAT: u32 = 0x200;

/// One side of a pipe.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct PipeEnd {
    /// None once it was closed.
    raw: Mutex<Option<RawPipe>>,
}

impl PipeEnd {
    fn of(raw: RawPipe) -> PipeEnd {
        PipeEnd { raw: Mutex::new(Some(raw)) }
    }

    /// The side, kept open for one operation.
    fn open(&self) -> PyResult<RawPipe> {
        let raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
        raw.clone().ok_or_else(|| PyOSError::new_err("handle is closed"))
    }
}

#[pymethods]
impl PipeEnd {
    /// The side that handles name.
    #[new]
    fn new(handles: [u64; 2]) -> PyResult<PipeEnd> {
        RawPipe::attach(handles.map(Handle::from_raw)).map(PipeEnd::of).map_err(from_arena)
    }

    /// Both sides of a new pipe.
    #[staticmethod]
    fn pair() -> PyResult<(PipeEnd, PipeEnd)> {
        let (one, other) = RawPipe::pair(WAITING).map_err(from_arena)?;
        Ok((PipeEnd::of(one), PipeEnd::of(other)))
    }

    /// What names this side to other processes.
    #[getter]
    fn handles(&self) -> PyResult<[u64; 2]> {
        Ok(self.open()?.handles().map(Handle::to_raw))
    }

    /// Whether it was closed here.
    #[getter]
    fn closed(&self) -> bool {
        self.raw.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Sends an object.
    fn send(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        let raw = slf.get().open()?;
        let mut flat = Vec::with_capacity(128);
        let pickled =
            if flat::write(obj, &mut flat) { None } else { Some(pickled::pickle(obj, "dumps_queued")?) };
        let patient = Patient::on(slf);
        let sent = match &pickled {
            None => raw.put(&[&flat], &[], FLAT, None, &patient),
            Some(pickled) => {
                pickled.with_parts(|tag, parts| raw.put(parts, &pickled.objects, tag, None, &patient))
            }
        };
        match sent {
            Ok(()) => Ok(()),
            Err(PutError::Interrupted { .. }) => Err(patient.raised().expect("a handler raised")),
            Err(PutError::Arena { source, .. }) => Err(from_arena(source)),
            Err(PutError::Disconnected { .. }) => {
                Err(PyBrokenPipeError::new_err((libc::EPIPE, "the other side of the pipe is closed")))
            }
            Err(error) => Err(PyValueError::new_err(error.to_string())),
        }
    }

    /// Takes the next object, waiting for one.
    fn recv<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let raw = slf.get().open()?;
        let mut buffer = Buffer::new();
        let patient = Patient::on(slf).for_answer();
        match raw.get(&mut buffer, None, &patient) {
            Ok(message) if message.tag == FLAT => flat::read(slf.py(), &message.content),
            Ok(message) => object(slf.py(), message),
            Err(GetError::Interrupted { .. }) => Err(patient.raised().expect("a handler raised")),
            Err(GetError::Arena { source, .. }) => Err(from_arena(source)),
            Err(GetError::Disconnected { .. }) => Err(PyEOFError::new_err(())),
            Err(error) => Err(PyValueError::new_err(error.to_string())),
        }
    }

    /// Closes this side. The other one gets what was sent, and then learns that nothing more will come.
    fn close(&self, py: Python<'_>) {
        let raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(raw));
    }
}
