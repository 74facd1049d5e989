//! One side of a pipe through shared memory.
//!
//! Tuples of plain values go as they are; other objects are pickled as for a queue. When the other side is closed, or
//! its process has ended, `recv` raises EOFError and `send` BrokenPipeError, as connections do.

use super::flat;
use crate::errors::from_arena;
use crate::ffi::Patient;
use crate::lease::Lease;
use crate::pickled;
use crate::queue::object;
use manyhands::arena::Handle;
use manyhands::channel::{Buffer, GetError, PutError, RawPipe};
use manyhands::platform::atomic::{AtomicU32, Ordering};
use manyhands::sync::RawLease;
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
    /// How many messages were sent, or begun to be, and not answered yet.
    unanswered: AtomicU32,
    /// What ends the waits here.
    lease: Option<RawLease>,
}

impl PipeEnd {
    fn of(raw: RawPipe, lease: Option<RawLease>) -> PipeEnd {
        PipeEnd { raw: Mutex::new(Some(raw)), unanswered: AtomicU32::new(0), lease }
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
        let raw = RawPipe::attach(handles.map(Handle::from_raw)).map_err(from_arena)?;
        Ok(PipeEnd::of(raw, None))
    }

    /// Both sides of a new pipe. Waits at the first one end with the lease.
    #[staticmethod]
    #[pyo3(signature = (lease = None))]
    fn pair(lease: Option<&Lease>) -> PyResult<(PipeEnd, PipeEnd)> {
        let (one, other) = RawPipe::pair(WAITING).map_err(from_arena)?;
        Ok((PipeEnd::of(one, lease.map(|lease| lease.raw.clone())), PipeEnd::of(other, None)))
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

    /// Whether no message was sent that is not answered. A caller whose `send` or `recv` raised can go on then.
    fn is_idle(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) == 0
    }

    /// Sends an object.
    fn send(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        let raw = slf.get().open()?;
        let mut flat = Vec::with_capacity(128);
        let pickled =
            if flat::write(obj, &mut flat) { None } else { Some(pickled::pickle(obj, "dumps_queued")?) };
        let patient = Patient::on(slf).tied_to(slf.get().lease.as_ref());
        // From here on it may have been sent, whatever is raised.
        slf.get().unanswered.fetch_add(1, Ordering::Relaxed);
        let sent = match &pickled {
            None => raw.put(&[&flat], &[], FLAT, None, &patient),
            Some(pickled) => {
                pickled.with_parts(|tag, parts| raw.put(parts, &pickled.objects, tag, None, &patient))
            }
        };
        match sent {
            Ok(()) => Ok(()),
            Err(PutError::Interrupted { .. }) => {
                Err(patient.raised().expect("a handler raised, or a lease is over"))
            }
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
        let patient = Patient::on(slf).for_answer().tied_to(slf.get().lease.as_ref());
        let taken = raw.get(&mut buffer, None, &patient);
        if taken.is_ok() {
            slf.get().unanswered.store(0, Ordering::Relaxed);
        }
        match taken {
            Ok(message) if message.tag == FLAT => flat::read(slf.py(), &message.content),
            Ok(message) => object(slf.py(), message),
            Err(GetError::Interrupted { .. }) => {
                Err(patient.raised().expect("a handler raised, or a lease is over"))
            }
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
