//! Objects made of bytes that arrived, which may be many.
//!
//! The bytes are copied once. Where there is no memory for the object, that is an exception and not a panic, as it
//! would be with PyO3's own constructors: a program may have limited what its processes get.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

/// `bytes` with this content.
#[inline]
pub fn bytes<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    // SAFETY: as many bytes as is said, which are copied; a new reference, or none and an exception.
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
