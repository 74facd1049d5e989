//! Methods written in Rust that look like functions written in Python.
//!
//! Where the standard library's class is written in Python, its methods are functions, and tools count on that. A mock
//! of a function binds it to its object and refuses the arguments that the function refuses; `inspect` shows its
//! parameters. A method written in Rust is a descriptor of another type.
//!
//! So each method is put behind an object that passes every call on to it. For all else that object has the attributes
//! of a function in Python with the same parameters, its class among them. That function is its *face*;
//! `manyhands._faces` makes it when it is first asked for. The interpreter calls such an object without making a bound
//! method first, as it does with functions; that costs some twelve nanoseconds a call.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::offset_of;
use std::ptr::null_mut;

unsafe extern "C" {
    // In the stable interface from 3.12 on; 3.11 exports both.
    fn PyObject_Vectorcall(
        callable: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        count: usize,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    fn PyVectorcall_Call(
        callable: *mut ffi::PyObject,
        arguments: *mut ffi::PyObject,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

unsafe extern "C" {
    // In no stable interface, and exported by every version.
    fn PyMethod_New(function: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

type Vectorcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// The object. Its fields are written once, before any other code sees it; only the face comes later.
#[repr(C)]
struct Function {
    head: ffi::PyObject,
    vectorcall: Vectorcall,
    method: Py<PyAny>,
    /// The names of the class and the module that the function appears to be from.
    owner: Py<PyString>,
    module: Py<PyString>,
    face: PyOnceLock<Py<PyAny>>,
}

impl Function {
    /// The Python function that the object looks like.
    fn face<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let made = self.face.get_or_try_init(py, || {
            let make = MAKE.import(py, "manyhands._faces", "make")?;
            make.call1((&self.method, &self.owner, &self.module)).map(Bound::unbind)
        });
        made.map(|face| face.bind(py))
    }
}

/// # Safety
/// `slf` is an object of the type, borrowed for as long as the reference is used.
unsafe fn this<'a>(slf: *mut ffi::PyObject) -> &'a Function {
    // SAFETY: as promised by the caller; objects of the type are made by `function` alone, complete.
    unsafe { &*slf.cast::<Function>() }
}

/// With this flag the interpreter calls a descriptor with the object as first argument, and makes no bound method.
const METHOD_DESCRIPTOR: c_uint = 1 << 17;
const HAVE_VECTORCALL: c_uint = 1 << 11;

unsafe extern "C" fn call(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this for objects of the type, with arguments as the convention has them; they are
    // handed on as they are.
    unsafe { PyObject_Vectorcall(this(slf).method.as_ptr(), arguments, count, names) }
}

unsafe extern "C" fn get(
    slf: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter, attached, with an object of the type; `object` is NULL or borrowed. The
    // interpreter makes a bound method of the two, or leaves an error.
    unsafe {
        if object.is_null() || object == ffi::Py_None() {
            return ffi::Py_NewRef(slf);
        }
        PyMethod_New(slf, object)
    }
}

/// The return value of a C function of the interpreter: an object, or NULL with an error set.
fn given(py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) -> *mut ffi::PyObject {
    result.map_or_else(
        |error| {
            error.restore(py);
            null_mut()
        },
        Bound::into_ptr,
    )
}

/// Every attribute is the face's, `__class__` among them.
unsafe extern "C" fn attribute(slf: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter, attached, with an object of the type and the name of an attribute.
    let (py, this, name) = unsafe {
        let py = Python::assume_attached();
        (py, this(slf), Borrowed::<PyAny>::from_ptr(py, name).cast_unchecked::<PyString>().to_owned())
    };
    given(py, this.face(py).and_then(|face| face.getattr(name)))
}

unsafe extern "C" fn shown(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as above.
    let (py, this) = unsafe { (Python::assume_attached(), this(slf)) };
    given(py, this.face(py).and_then(|face| face.repr()).map(Bound::into_any))
}

unsafe extern "C" fn free(slf: *mut ffi::PyObject) {
    // SAFETY: called once, by the interpreter, for the last reference; the type is one of its heap types, of which each
    // object holds a reference.
    unsafe {
        let kind = ffi::Py_TYPE(slf);
        let this = slf.cast::<Function>();
        (&raw mut (*this).method).drop_in_place();
        (&raw mut (*this).owner).drop_in_place();
        (&raw mut (*this).module).drop_in_place();
        (&raw mut (*this).face).drop_in_place();
        ffi::PyObject_Free(slf.cast());
        ffi::Py_DECREF(kind.cast());
    }
}

fn kind(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static KIND: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let made = KIND.get_or_try_init(py, || {
        let offset = ffi::PyMemberDef {
            name: c"__vectorcalloffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: offset_of!(Function, vectorcall).cast_signed(),
            flags: ffi::Py_READONLY,
            doc: null_mut(),
        };
        // The interpreter keeps a reference to neither, but reads both while it makes the type.
        let mut members = [offset, ffi::PyMemberDef::default()];
        let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
        let mut slots = [
            slot(ffi::Py_tp_call, PyVectorcall_Call as *mut c_void),
            slot(ffi::Py_tp_descr_get, get as *mut c_void),
            slot(ffi::Py_tp_getattro, attribute as *mut c_void),
            slot(ffi::Py_tp_repr, shown as *mut c_void),
            slot(ffi::Py_tp_dealloc, free as *mut c_void),
            slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
            slot(0, null_mut()),
        ];
        let flags = ffi::Py_TPFLAGS_DEFAULT as c_uint | METHOD_DESCRIPTOR | HAVE_VECTORCALL;
        let mut spec = ffi::PyType_Spec {
            name: c"manyhands._engine.function".as_ptr().cast::<c_char>(),
            basicsize: size_of::<Function>() as c_int,
            itemsize: 0,
            flags,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: the specification is complete and ends with a zero slot; each function has the type of its slot.
        let made = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&raw mut spec)) }?;
        Ok::<_, PyErr>(made.cast_into::<PyType>()?.unbind())
    })?;
    Ok(made.bind(py))
}

fn function<'py>(
    method: Bound<'py, PyAny>,
    owner: &Bound<'py, PyString>,
    module: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = method.py();
    let kind = kind(py)?;
    // SAFETY: the type's objects have the size of `Function`; the allocated one has its head written, with a reference
    // to the type, and nothing else. The fields are written before it is given away.
    unsafe {
        let made = Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(kind.as_type_ptr(), 0))?;
        let this = made.as_ptr().cast::<Function>();
        (&raw mut (*this).vectorcall).write(call);
        (&raw mut (*this).method).write(method.unbind());
        (&raw mut (*this).owner).write(owner.clone().unbind());
        (&raw mut (*this).module).write(module.clone().unbind());
        (&raw mut (*this).face).write(PyOnceLock::new());
        Ok(made)
    }
}

/// Puts the public methods of a class, and the two that `with` calls, behind functions that appear to be from the class
/// `owner` in `module`.
///
/// # Errors
/// When there is no memory for them.
pub fn look_like_functions(
    class: &Bound<'_, PyType>,
    owner: &Bound<'_, PyString>,
    module: &Bound<'_, PyString>,
) -> PyResult<()> {
    let namespace = class.getattr("__dict__")?;
    for name in namespace.try_iter()?.collect::<PyResult<Vec<_>>>()? {
        let name = name.cast_into::<PyString>()?;
        let text = name.to_string_lossy();
        if text.starts_with('_') && !matches!(text.as_ref(), "__enter__" | "__exit__") {
            continue;
        }
        let method = namespace.get_item(&name)?;
        // SAFETY: any object's type may be compared.
        if unsafe { ffi::Py_IS_TYPE(method.as_ptr(), &raw mut ffi::PyMethodDescr_Type) } != 0 {
            class.setattr(&name, function(method, owner, module)?)?;
        }
    }
    Ok(())
}
