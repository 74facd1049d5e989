//! Objects made of bytes that arrived, which may be many.
//!
//! The bytes are copied once. When there is no memory for the object, that is an exception; PyO3's own constructors
//! would panic. A program may have limited the memory of its processes, so this does happen.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

/// `bytes` with this content.
#[inline]
pub fn bytes<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    // SAFETY: the pointer has as many bytes as the length says, and they are copied. The result is a new reference, or
    // NULL with an exception set.
    let object = unsafe {
        let made = ffi::PyBytes_FromStringAndSize(content.as_ptr().cast(), content.len() as ffi::Py_ssize_t);
        Bound::from_owned_ptr_or_err(py, made)
    };
    Ok(object?.cast_into()?)
}

/// A `bytearray` with this content.
pub fn byte_array<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Bound<'py, PyByteArray>> {
    // SAFETY: as in `bytes`.
    let object = unsafe {
        let made =
            ffi::PyByteArray_FromStringAndSize(content.as_ptr().cast(), content.len() as ffi::Py_ssize_t);
        Bound::from_owned_ptr_or_err(py, made)
    };
    Ok(object?.cast_into()?)
}

/// A `str` of these characters.
#[inline]
pub fn text<'py>(py: Python<'py>, content: &str) -> PyResult<Bound<'py, PyString>> {
    // SAFETY: as in `bytes`; what a `str` holds is UTF-8.
    let object = unsafe {
        let made =
            ffi::PyUnicode_FromStringAndSize(content.as_ptr().cast(), content.len() as ffi::Py_ssize_t);
        Bound::from_owned_ptr_or_err(py, made)
    };
    Ok(object?.cast_into()?)
}
