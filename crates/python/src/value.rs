//! What travels without pickle: exactly None, bool, int of 64 bits, float, str and bytes, by a tag.
//!
//! A value is a tag and bytes. Subclasses, larger integers and strings with lone surrogates are not exactly these, so
//! they take the way of everything else: a pickle, whose large buffers follow it in the same block (`pickled`).

use pyo3::PyErrArguments;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString, PyTuple, PyType};
use std::ops::Deref;

/// A flag as Python reads one: whatever it is, it is true or false.
pub fn truth(flag: &Bound<'_, PyAny>) -> PyResult<bool> {
    flag.is_truthy()
}

/// A name as the engine keeps it, whatever object the program uses for one: its text, with what is no text escaped.
pub fn kept_name(name: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = match name.str() {
        Ok(text) => text,
        // An object that has no text is named by its class.
        Err(_) => name.get_type().qualname()?,
    };
    let kept = match text.to_str() {
        Ok(kept) => kept.to_owned(),
        // What names of files that are no UTF-8 become.
        Err(_) => {
            let escaped = text.call_method1("encode", ("utf-8", "backslashreplace"))?;
            String::from_utf8_lossy(escaped.cast::<PyBytes>()?.as_bytes()).into_owned()
        }
    };
    Ok(if kept.contains('\0') { kept.replace('\0', "\\0") } else { kept })
}

/// Arguments by place, and by name.
pub type Arguments<'py> = Bound<'py, PyTuple>;
pub type Named<'py> = Bound<'py, PyDict>;

/// Arguments of a class whose objects are made without any: they are for a subclass's `__init__`, if it has one.
pub fn leave_to_init(
    class: &Bound<'_, PyType>,
    args: &Arguments<'_>,
    more: Option<&Named<'_>>,
) -> PyResult<()> {
    if args.is_empty() && more.is_none_or(|more| more.is_empty()) {
        return Ok(());
    }
    if class.getattr("__init__")?.is(&class.py().get_type::<PyAny>().getattr("__init__")?) {
        return Err(PyTypeError::new_err(format!("{}() takes no arguments", class.name()?)));
    }
    Ok(())
}

/// The method that gives a class a parameter, as annotations have it: `Queue[int]`.
pub fn generic(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let alias = py.import("types")?.getattr("GenericAlias")?;
    py.import("builtins")?.getattr("classmethod")?.call1((alias,))
}

/// An exception of a class that Python code has made, of which `cell` keeps the class.
pub fn error_of(
    py: Python<'_>,
    cell: &'static PyOnceLock<Py<PyType>>,
    (module, name): (&str, &str),
    arguments: impl PyErrArguments + 'static,
) -> PyErr {
    cell.import(py, module, name).map_or_else(|error| error, |kind| PyErr::from_type(kind.clone(), arguments))
}

/// What the bytes of a value mean.
pub type Tag = u32;

/// `None`; no bytes.
pub const NONE: Tag = 0;
/// `False`; no bytes.
pub const FALSE: Tag = 1;
/// `True`; no bytes.
pub const TRUE: Tag = 2;
/// An integer of 64 bits, little-endian.
pub const INT: Tag = 3;
/// A float's bits, little-endian.
pub const FLOAT: Tag = 4;
/// UTF-8.
pub const STR: Tag = 5;
/// The bytes themselves.
pub const BYTES: Tag = 6;
/// A pickle.
pub const PICKLE: Tag = 7;
/// A pickle with buffers beside it; see `pickled`.
pub const PICKLE_WITH_BUFFERS: Tag = 8;

/// The bytes of a plain value: its own, or eight made for it.
pub enum Plain<'a> {
    /// Made here; so many of them count.
    Made([u8; 8], usize),
    /// The object's own memory.
    Own(&'a [u8]),
}

impl Deref for Plain<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Plain::Made(bytes, length) => &bytes[..*length],
            Plain::Own(bytes) => bytes,
        }
    }
}

/// The tag and bytes of an object that travels without pickle; `None` for every other.
#[inline]
pub fn plain<'a>(object: &'a Bound<'_, PyAny>) -> Option<(Tag, Plain<'a>)> {
    if object.is_exact_instance_of::<PyInt>() {
        let number: i64 = object.extract().ok()?;
        return Some((INT, Plain::Made(number.to_le_bytes(), 8)));
    }
    if let Ok(bytes) = object.cast_exact::<PyBytes>() {
        return Some((BYTES, Plain::Own(bytes.as_bytes())));
    }
    if let Ok(text) = object.cast_exact::<PyString>() {
        return Some((STR, Plain::Own(text.to_str().ok()?.as_bytes())));
    }
    if object.is_none() {
        return Some((NONE, Plain::Made([0; 8], 0)));
    }
    if let Ok(number) = object.cast_exact::<PyFloat>() {
        return Some((FLOAT, Plain::Made(number.value().to_le_bytes(), 8)));
    }
    if let Ok(truth) = object.cast_exact::<PyBool>() {
        return Some((if truth.is_true() { TRUE } else { FALSE }, Plain::Made([0; 8], 0)));
    }
    None
}

fn eight(bytes: &[u8]) -> PyResult<[u8; 8]> {
    bytes.try_into().map_err(|_| damaged())
}

/// The error for bytes that nobody of the engine wrote.
pub fn damaged() -> PyErr {
    PyValueError::new_err("a message of the engine is damaged")
}

/// The object of a plain value; `None` when the tag is that of a pickle.
#[inline]
pub fn object<'py>(py: Python<'py>, tag: Tag, bytes: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(Some(match tag {
        NONE => py.None().into_bound(py),
        FALSE => PyBool::new(py, false).to_owned().into_any(),
        TRUE => PyBool::new(py, true).to_owned().into_any(),
        INT => i64::from_le_bytes(eight(bytes)?).into_pyobject(py)?.into_any(),
        FLOAT => PyFloat::new(py, f64::from_le_bytes(eight(bytes)?)).into_any(),
        STR => crate::ffi::text(py, std::str::from_utf8(bytes).map_err(|_| damaged())?)?.into_any(),
        BYTES => crate::ffi::bytes(py, bytes)?.into_any(),
        PICKLE | PICKLE_WITH_BUFFERS => return Ok(None),
        _ => return Err(damaged()),
    }))
}
