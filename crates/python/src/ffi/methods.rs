//! The hot methods of locks, put on their classes in the way the interpreter does it for its own classes.
//!
//! A method made by `#[pymethods]` takes some ten nanoseconds more per call, a fifth of the time for taking and
//! releasing a free lock. The methods here use the raw calling conventions: no arguments, or a vector of them. When a
//! lock must be waited for, they use the usual way.

use manyhands::sync::{ReleaseError, Site, Taking};
use pyo3::PyClass;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::{PyFloat, PyString, PyTuple, PyType};
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;
use std::time::Duration;

use super::places::{entering, here};
use crate::patience::too_large;
use manyhands::platform::Deadline;
use manyhands::platform::atomic::{AtomicBool, Ordering};

/// The longest time-out that can be given, in seconds: as in the standard library, 292 years.
pub const LONGEST: f64 = 9_223_372_036.0;

/// Whether the engine may assume that a lock taken by `with`, in a frame that only its thread can leave, is released by
/// that thread alone.
static TRUSTED: AtomicBool = AtomicBool::new(true);

/// Says whether locks taken by `with` from now on are released by their holders alone.
#[pyfunction]
pub fn trust_with(trusted: bool) {
    TRUSTED.store(trusted, Ordering::Relaxed);
}

/// A class of locks, for the methods here.
pub trait Guarding: PyClass<Frozen = True> + Sync {
    /// Whether only the holder can release the lock, however it was taken.
    const ONLY_BY_HOLDER: bool;

    /// Takes the lock if that needs no wait and meets no error.
    fn take_at_once(&self, taking: Taking) -> bool;

    /// Waits for the lock and takes it; false when the time was over first.
    ///
    /// # Errors
    /// The exception of a signal handler, or the reason why the wait failed.
    fn take(slf: &Bound<'_, Self>, until: Option<Deadline>, taking: Taking) -> PyResult<bool>;

    /// Releases the lock; `guarded` at the end of a `with`.
    ///
    /// # Errors
    /// When no thread holds it, or another than the one that must.
    fn give_back(&self, guarded: bool) -> Result<(), ReleaseError>;

    /// Python's error for a release that was refused.
    fn refusal(slf: &Bound<'_, Self>, error: ReleaseError) -> PyErr;
}

/// The meaning of `blocking` and `timeout`, after the checks that the standard library makes. `None` means: do not
/// wait.
pub fn patience(py: Python<'_>, blocking: bool, timeout: f64) -> PyResult<Option<Option<Deadline>>> {
    if timeout.is_nan() {
        return Err(PyValueError::new_err("Invalid value NaN (not a number)"));
    }
    if timeout.abs() > LONGEST {
        return Err(PyOverflowError::new_err("timestamp out of range for platform time_t"));
    }
    if !blocking && timeout != -1.0 {
        return Err(PyValueError::new_err("can't specify a timeout for a non-blocking call"));
    }
    if timeout < 0.0 && timeout != -1.0 {
        let right = if py.version_info() < (3, 13) { "positive" } else { "a non-negative number" };
        return Err(PyValueError::new_err(format!("timeout value must be {right}")));
    }
    Ok(match (blocking, timeout) {
        (false, _) => None,
        (true, -1.0) => Some(None),
        (true, seconds) => Some(Deadline::after(Duration::from_secs_f64(seconds))),
    })
}

/// # Safety
/// `slf` is an object of the class, as the descriptors of methods see to, borrowed for the call; the thread is
/// attached.
#[inline]
unsafe fn lock<'a, L: Guarding>(py: Python<'a>, slf: *mut ffi::PyObject) -> Borrowed<'a, 'a, L> {
    // SAFETY: as promised by the caller.
    unsafe { Borrowed::from_ptr(py, slf).cast_unchecked() }
}

#[inline]
fn true_object() -> *mut ffi::PyObject {
    // SAFETY: the object exists as long as the interpreter.
    unsafe { ffi::Py_NewRef(ffi::Py_True()) }
}

#[inline]
fn none_object() -> *mut ffi::PyObject {
    // SAFETY: as above.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

/// Runs code that may raise, in a method that the interpreter called.
#[cold]
fn slowly(run: impl FnOnce(Python<'_>) -> PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    called(|py| {
        run(py).unwrap_or_else(|error| {
            error.restore(py);
            null_mut()
        })
    })
}

/// Runs code in a method that the interpreter called. That may be while the interpreter comes to its end: an object's
/// destructor may take a lock then, and `Python::attach` would refuse.
pub fn called<R>(run: impl FnOnce(Python<'_>) -> R) -> R {
    // SAFETY: the interpreter that has called this method runs, and this thread is attached to it.
    unsafe { Python::attach_unchecked(run) }
}

fn bool_object(value: bool) -> *mut ffi::PyObject {
    // SAFETY: the caller is attached.
    unsafe { ffi::PyBool_FromLong(value.into()) }
}

/// A hold that another thread may end.
#[inline]
fn bare(site: Site) -> Taking {
    Taking { site, guarded: false }
}

/// A hold by `with` counts as a guard, unless the program has said that others may release it.
#[inline]
fn trusted(taking: Taking) -> Taking {
    Taking { guarded: taking.guarded && TRUSTED.load(Ordering::Relaxed), ..taking }
}

unsafe extern "C" fn enter<L: Guarding>(
    slf: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter, with an object of the class.
    let (py, this) = unsafe {
        let py = Python::assume_attached();
        (py, lock::<L>(py, slf))
    };
    let taking = if L::ONLY_BY_HOLDER { bare(here(py)) } else { trusted(entering(py)) };
    if this.get().take_at_once(taking) {
        return true_object();
    }
    slowly(|_| L::take(&this, None, taking).map(bool_object))
}

unsafe extern "C" fn exit<L: Guarding>(
    slf: *mut ffi::PyObject,
    _: *mut *mut ffi::PyObject,
    _: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: as in `enter`.
    unsafe { release_as::<L>(slf, true) }
}

unsafe extern "C" fn release<L: Guarding>(
    slf: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `enter`.
    unsafe { release_as::<L>(slf, false) }
}

/// # Safety
/// As for [`lock`].
#[inline]
unsafe fn release_as<L: Guarding>(slf: *mut ffi::PyObject, guarded: bool) -> *mut ffi::PyObject {
    // SAFETY: as promised by the caller.
    let this = unsafe { lock::<L>(Python::assume_attached(), slf) };
    match this.get().give_back(guarded) {
        Ok(()) => none_object(),
        Err(error) => slowly(|_| Err(L::refusal(&this, error))),
    }
}

unsafe extern "C" fn acquire<L: Guarding>(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `enter`.
    let (py, this) = unsafe {
        let py = Python::assume_attached();
        (py, lock::<L>(py, slf))
    };
    if count == 0 && names.is_null() {
        let taking = bare(here(py));
        if this.get().take_at_once(taking) {
            return true_object();
        }
        return slowly(|_| L::take(&this, None, taking).map(bool_object));
    }
    slowly(|py| {
        // SAFETY: `count` objects, and as many more as there are names, borrowed for the call.
        let (blocking, timeout) = unsafe { parse(py, arguments, count, names) }?;
        let patience = patience(py, blocking, timeout)?;
        let taking = bare(here(py));
        if this.get().take_at_once(taking) {
            return Ok(true_object());
        }
        match patience {
            None => Ok(bool_object(false)),
            Some(until) => L::take(&this, until, taking).map(bool_object),
        }
    })
}

/// A class of locks between processes, for `with`.
pub trait Entering: PyClass<Frozen = True> + Sync {
    /// Takes the lock, asleep until it can.
    ///
    /// # Errors
    /// The exception of a signal handler, or the reason why the wait failed.
    fn enter_with(slf: &Bound<'_, Self>) -> PyResult<bool>;

    /// Releases the lock at the end of a `with`.
    ///
    /// # Errors
    /// When it is not to be released by this thread.
    fn leave_with(&self) -> PyResult<()>;
}

unsafe extern "C" fn enter_shared<L: Entering>(
    slf: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter, with an object of the class.
    let this = unsafe { Borrowed::from_ptr(Python::assume_attached(), slf).cast_unchecked::<L>() };
    match L::enter_with(&this) {
        Ok(taken) => bool_object(taken),
        Err(error) => slowly(|_| Err(error)),
    }
}

unsafe extern "C" fn exit_shared<L: Entering>(
    slf: *mut ffi::PyObject,
    _: *mut *mut ffi::PyObject,
    _: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: as in `enter_shared`.
    let this = unsafe { Borrowed::from_ptr(Python::assume_attached(), slf).cast_unchecked::<L>() };
    match this.get().leave_with() {
        Ok(()) => none_object(),
        Err(error) => slowly(|_| Err(error)),
    }
}

/// Puts the methods of a `with` on a class of locks between processes.
pub fn install_with<L: Entering>(class: &Bound<'_, PyType>) -> PyResult<()> {
    let enters = ffi::PyMethodDefPointer { PyCFunction: enter_shared::<L> };
    let exits = ffi::PyMethodDefPointer { PyCFunctionFast: exit_shared::<L> };
    put(class, c"__enter__", enters, ffi::METH_NOARGS, ENTER_DOC)?;
    put(class, c"__exit__", exits, ffi::METH_FASTCALL, EXIT_DOC)
}

/// The argument `blocking`: a whole number up to 3.11, anything in later versions.
fn flag(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.py().version_info() < (3, 12) { Ok(value.extract::<c_int>()? != 0) } else { value.is_truthy() }
}

/// The argument `timeout`: a float, or an object that stands for a whole number.
fn seconds(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(number.value());
    }
    match value.extract::<i64>() {
        Ok(whole) => Ok(whole as f64),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Err(too_large(value.py())),
        Err(error) => Err(error),
    }
}

/// # Safety
/// `arguments` has `count` objects, and one more for each of `names`, which is a tuple of strings or NULL.
unsafe fn parse(
    py: Python<'_>,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> PyResult<(bool, f64)> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: as promised by the caller.
    let (given, names) = unsafe {
        let names = Borrowed::<PyAny>::from_ptr_or_opt(py, names);
        let names = names.map(|names| names.cast_unchecked::<PyTuple>().to_owned());
        let all = count + names.as_ref().map_or(0, PyTupleMethods::len);
        let given = (0..all).map(|at| Borrowed::<PyAny>::from_ptr(py, *arguments.add(at)).to_owned());
        (given.collect::<Vec<Bound<'_, PyAny>>>(), names)
    };
    if given.len() > 2 {
        let text = format!("acquire() takes at most 2 arguments ({} given)", given.len());
        return Err(PyTypeError::new_err(text));
    }
    let mut found: [Option<&Bound<'_, PyAny>>; 2] = [given[..count].first(), given[..count].get(1)];
    for (name, value) in names.iter().flatten().zip(&given[count..]) {
        let name = name.cast_into::<PyString>()?;
        let at = match name.to_string_lossy().as_ref() {
            "blocking" => 0,
            "timeout" => 1,
            other => {
                let text = format!("acquire() got an unexpected keyword argument '{other}'");
                return Err(PyTypeError::new_err(text));
            }
        };
        if found[at].replace(value).is_some() {
            let text = format!("acquire() got multiple values for argument '{name}'");
            return Err(PyTypeError::new_err(text));
        }
    }
    let [blocking, timeout] = found;
    Ok((blocking.map_or(Ok(true), flag)?, timeout.map_or(Ok(-1.0), seconds)?))
}

const ENTER_DOC: &CStr = c"__enter__($self, /)\n--\n\nTakes the lock, for a `with`.";
const EXIT_DOC: &CStr = c"__exit__($self, /, *args)\n--\n\nReleases the lock, at the end of a `with`.";

/// Puts the methods on the class.
pub fn install<L: Guarding>(
    class: &Bound<'_, PyType>,
    more: &[(&'static CStr, &'static CStr)],
) -> PyResult<()> {
    let acquire_doc = c"acquire($self, /, blocking=True, timeout=-1)\n--\n\n\
        Takes the lock, waiting until it is free, and returns True. The holder of an RLock takes it again at once.\n\n\
        With `blocking` false it does not wait, and with a `timeout` no longer than so many seconds; -1 is no\n\
        limit. It returns False when it could not have the lock. Raises ValueError for a `timeout` with `blocking`\n\
        false or another one below 0, and DeadlockError when the wait could never end.";
    let release_doc = c"release($self, /)\n--\n\n\
        Releases the lock. If others wait for it, one of them can take it now.\n\n\
        Any thread may release a Lock. An RLock is released by its holder alone, once for each time that it was\n\
        taken. Raises RuntimeError when the lock is not held, or when it is an RLock of another thread.";
    let acquires = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: acquire::<L> };
    let releases = ffi::PyMethodDefPointer { PyCFunction: release::<L> };
    let enters = ffi::PyMethodDefPointer { PyCFunction: enter::<L> };
    let exits = ffi::PyMethodDefPointer { PyCFunctionFast: exit::<L> };
    let keywords = ffi::METH_FASTCALL | ffi::METH_KEYWORDS;
    put(class, c"acquire", acquires, keywords, acquire_doc)?;
    put(class, c"release", releases, ffi::METH_NOARGS, release_doc)?;
    put(class, c"__enter__", enters, ffi::METH_NOARGS, ENTER_DOC)?;
    put(class, c"__exit__", exits, ffi::METH_FASTCALL, EXIT_DOC)?;
    for (acquire_name, release_name) in more {
        put(class, acquire_name, acquires, keywords, c"Takes the lock: an old name of `acquire`.")?;
        put(
            class,
            release_name,
            releases,
            ffi::METH_NOARGS,
            c"Releases the lock: an old name of `release`.",
        )?;
    }
    Ok(())
}

/// Puts a method on the class, with the calling convention that its flags name.
pub(super) fn put(
    class: &Bound<'_, PyType>,
    name: &'static CStr,
    ml_meth: ffi::PyMethodDefPointer,
    ml_flags: c_int,
    doc: &'static CStr,
) -> PyResult<()> {
    let definition = ffi::PyMethodDef { ml_name: name.as_ptr(), ml_meth, ml_flags, ml_doc: doc.as_ptr() };
    let definition = Box::into_raw(Box::new(definition));
    // SAFETY: the definition is never freed, and its function has the convention that its flags say and takes objects
    // of this class, which the descriptor checks at each call.
    let method = unsafe {
        Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewMethod(class.as_type_ptr(), definition))
    }?;
    class.setattr(name.to_str().expect("a plain name"), method)
}
