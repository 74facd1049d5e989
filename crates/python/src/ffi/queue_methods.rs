//! `put` and `get` of the queues between threads, put on their classes in the way the interpreter does it for its own.
//!
//! A method made by `#[pymethods]`, together with the monitor's own lock, takes more time than putting an item does. So
//! here are the raw calling conventions, for the calls that pass only the item, or nothing. Every other call, and one
//! that has to wait, goes to the usual method. Under the interpreter lock the monitor is entered without a lock of its
//! own.

use manyhands::channel::{Inside, Monitor};
use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::ffi::CStr;
use std::ptr::null_mut;

use super::Patient;
use super::methods::{self, called};

/// Whether threads run Python code one at a time. In a free-threaded interpreter an object is more than a reference
/// count and a type, or its layout is hidden; either way it has another size.
const ONE_AT_A_TIME: bool = size_of::<ffi::PyObject>() == 2 * size_of::<usize>();

/// Enters a monitor that only attached threads use, which stay attached and run no Python code while they are inside.
#[inline]
pub fn within<'a, S>(py: Python<'_>, monitor: &'a Monitor<S>) -> PyResult<Inside<'a, S>> {
    if ONE_AT_A_TIME {
        // SAFETY: this thread has the interpreter lock, as the token proves. So had every thread that was ever inside,
        // and none gives the lock up in there; so all of them have left.
        return Ok(unsafe { monitor.enter_alone() });
    }
    if let Some(inside) = monitor.try_enter() {
        return Ok(inside);
    }
    let patient = Patient::new(py);
    monitor.enter(&patient).map_err(|_| patient.raised().expect("only a signal handler ends this wait"))
}

/// A class of queues, for the methods here. Neither method waits or runs Python code.
pub trait Handing: PyClass<Frozen = True> + Sync {
    /// The docstring of `put`, which begins with its signature.
    const PUT: &'static CStr;

    /// The docstring of `get`, in the same way.
    const GET: &'static CStr;

    /// Puts an item if that needs no wait and meets no error.
    fn put_at_once(&self, item: &Bound<'_, PyAny>) -> bool;

    /// Takes an item if there is one.
    fn take_at_once(&self, py: Python<'_>) -> Option<Py<PyAny>>;
}

/// # Safety
/// `slf` is an object of the class, as the descriptors of methods see to, borrowed for the call; the thread is
/// attached.
#[inline]
unsafe fn queue<'a, Q: Handing>(slf: *mut ffi::PyObject) -> (Python<'a>, Borrowed<'a, 'a, Q>) {
    // SAFETY: as promised by the caller.
    unsafe {
        let py = Python::assume_attached();
        (py, Borrowed::from_ptr(py, slf).cast_unchecked())
    }
}

unsafe extern "C" fn put<Q: Handing>(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    if count == 1 && names.is_null() {
        // SAFETY: called by the interpreter, with an object of the class and one argument, borrowed for the call.
        let (this, item) = unsafe {
            let (py, this) = queue::<Q>(slf);
            (this, Borrowed::<PyAny>::from_ptr(py, *arguments))
        };
        if this.get().put_at_once(&item) {
            // SAFETY: the object exists as long as the interpreter.
            return unsafe { ffi::Py_NewRef(ffi::Py_None()) };
        }
    }
    // SAFETY: what the interpreter passes is passed on.
    unsafe { usually(slf, "_manyhands_put_usually", arguments, count, names) }
}

unsafe extern "C" fn get<Q: Handing>(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    if count == 0 && names.is_null() {
        // SAFETY: as in `put`.
        let (py, this) = unsafe { queue::<Q>(slf) };
        if let Some(item) = this.get().take_at_once(py) {
            return item.into_ptr();
        }
    }
    // SAFETY: as in `put`.
    unsafe { usually(slf, "_manyhands_get_usually", arguments, count, names) }
}

/// Calls the usual method, which may wait and checks its arguments.
///
/// # Safety
/// `slf` is an object; `arguments` has `count` objects, and one more for each of `names`, which is a tuple of strings
/// or NULL. The thread is attached.
#[cold]
unsafe fn usually(
    slf: *mut ffi::PyObject,
    method: &str,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let call = |py: Python<'_>| -> PyResult<Py<PyAny>> {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: as promised by the caller.
        let (this, names) = unsafe {
            let names = Borrowed::<PyAny>::from_ptr_or_opt(py, names);
            (
                Borrowed::<PyAny>::from_ptr(py, slf),
                names.map(|names| names.cast_unchecked::<PyTuple>().to_owned()),
            )
        };
        // SAFETY: as promised by the caller.
        let given = |at: usize| unsafe { Borrowed::<PyAny>::from_ptr(py, *arguments.add(at)).to_owned() };
        let positional = PyTuple::new(py, (0..count).map(given))?;
        let Some(names) = names else {
            return this.call_method1(method, positional).map(Bound::unbind);
        };
        let named = PyDict::new(py);
        for (at, name) in names.iter().enumerate() {
            named.set_item(name, given(count + at))?;
        }
        this.call_method(method, positional, Some(&named)).map(Bound::unbind)
    };
    called(|py| match call(py) {
        Ok(result) => result.into_ptr(),
        Err(error) => {
            as_programs_know_it(py, error, method).restore(py);
            null_mut()
        }
    })
}

/// An error about the arguments names the usual method. This one names the method that the program called.
fn as_programs_know_it(py: Python<'_>, error: PyErr, method: &str) -> PyErr {
    if !error.is_instance_of::<PyTypeError>(py) || error.traceback(py).is_some() {
        return error;
    }
    let text = error.value(py).to_string();
    let known = method.trim_start_matches("_manyhands_").trim_end_matches("_usually");
    match text.strip_prefix("Thread").and_then(|text| text.split_once(&format!(".{method}()"))) {
        // In the standard class it is a function in Python, which counts the queue among its arguments.
        Some(("Queue", what)) if what.contains(" takes ") => {
            PyTypeError::new_err(format!("Queue.{known}(){}", with_one_more(what)))
        }
        Some((class, what)) => PyTypeError::new_err(format!("{class}.{known}(){what}")),
        None => error,
    }
}

/// The same text with each number one higher: how many arguments were given, and how many are allowed. Names of
/// arguments are in quotes, so none of them is a number.
fn with_one_more(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.parse::<u32>() {
        Ok(number) => (number + 1).to_string(),
        Err(_) => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Puts the methods on the class. It has the usual ones as `_manyhands_put_usually` and `_manyhands_get_usually`.
pub fn install_queue<Q: Handing>(class: &Bound<'_, PyType>) -> PyResult<()> {
    let puts = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: put::<Q> };
    let gets = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: get::<Q> };
    let flags = ffi::METH_FASTCALL | ffi::METH_KEYWORDS;
    methods::put(class, c"put", puts, flags, Q::PUT)?;
    methods::put(class, c"get", gets, flags, Q::GET)
}
