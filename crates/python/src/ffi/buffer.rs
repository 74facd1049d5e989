//! A part of a received block, shown to Python as a writable buffer.
//!
//! The memory is a private view ([`Payload`]): nothing else sees what is written here, and a fork's child has a copy of
//! its own. The block stays as it is until the last array on it, in any process, is gone.

use manyhands::arena::Payload;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use std::os::raw::{c_int, c_void};
use std::sync::Arc;

/// The bytes of a contiguous buffer. The caller must read them before any Python code runs.
pub fn bytes_of<'a>(_py: Python<'a>, buffer: &'a PyBuffer<u8>) -> &'a [u8] {
    if buffer.len_bytes() == 0 {
        return &[];
    }
    // SAFETY: the exporter keeps the memory in place while the buffer is held. The token proves that this thread has
    // the interpreter lock, and callers do not give it up before they have copied. So no Python code writes meanwhile.
    unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes()) }
}

/// Private memory with a part of a large message in it.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct SharedBuffer {
    payload: Arc<Payload>,
    start: usize,
    length: usize,
}

impl SharedBuffer {
    /// The part of `payload` from `start`, `length` bytes long.
    pub fn new(payload: Arc<Payload>, start: usize, length: usize) -> PyResult<SharedBuffer> {
        match start.checked_add(length) {
            Some(end) if end <= payload.len() => Ok(SharedBuffer { payload, start, length }),
            _ => {
                Err(PyValueError::new_err("a message is damaged: one of its buffers does not lie inside it"))
            }
        }
    }
}

#[pymethods]
impl SharedBuffer {
    fn __len__(&self) -> usize {
        self.length
    }

    /// # Safety
    /// The interpreter passes a view to be filled.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let this = slf.get();
        // SAFETY: the part lies inside the payload, which `new` checked.
        let address = unsafe { this.payload.as_ptr().add(this.start) }.cast::<c_void>();
        // SAFETY: the view is the interpreter's. The memory is readable and privately writable as long as this object
        // lives, and the view keeps it alive.
        let filled = unsafe {
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), address, this.length as ffi::Py_ssize_t, 0, flags)
        };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }

    /// # Safety
    /// The interpreter passes a view that was filled above.
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {}
}
