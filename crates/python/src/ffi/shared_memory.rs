//! Memory that processes share on purpose, shown to Python as a writable buffer.
//!
//! What is written to it all other processes see. It lives until the last reference in any process is gone, and a
//! message that names it keeps it alive on its way.

use crate::errors::from_arena;
use manyhands::arena::{self, Handle};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::os::raw::c_int;

/// Shared memory, in which all processes see what any of them writes.
#[pyclass(frozen, weakref, module = "manyhands._engine")]
pub struct SharedMemory {
    raw: arena::SharedMemory,
}

#[pymethods]
impl SharedMemory {
    /// New memory of `length` bytes, all zero; or the memory that a handle names.
    #[new]
    #[pyo3(signature = (length, handle = None))]
    fn new(length: usize, handle: Option<u64>) -> PyResult<SharedMemory> {
        let raw = match handle {
            Some(handle) => arena::SharedMemory::attach(Handle::from_raw(handle)),
            None => arena::SharedMemory::create(length),
        };
        Ok(SharedMemory { raw: raw.map_err(from_arena)? })
    }

    /// What names it to other processes.
    #[getter]
    fn handle(&self) -> u64 {
        self.raw.handle().to_raw()
    }

    /// Where it is mapped in this process.
    #[getter]
    fn address(&self) -> usize {
        self.raw.as_ptr() as usize
    }

    fn __len__(&self) -> usize {
        self.raw.len()
    }

    /// # Safety
    /// The interpreter passes a view to be filled.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let this = slf.get();
        let length = this.raw.len() as ffi::Py_ssize_t;
        // SAFETY: the view is the interpreter's. The memory is readable and writable as long as this object lives, and
        // the view keeps it alive. That others write it at any time is what it is for, as with any shared map.
        let filled =
            unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), this.raw.as_ptr().cast(), length, 0, flags) };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }

    /// # Safety
    /// The interpreter passes a view that was filled above.
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {}
}

/// Says that what is being pickled names an object of the arena, which the message has to keep alive.
#[pyfunction]
pub fn note_shared(handle: u64) {
    arena::note(Handle::from_raw(handle));
}
