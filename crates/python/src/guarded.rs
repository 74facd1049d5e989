//! `GuardedAttribute`: an attribute of a value in shared memory, read and written with its lock held.
//!
//! The wrapper has the lock as `_lock` and the value as `_obj`. A lock of ours is taken without a call into Python. Any
//! other, such as one of a program's own class, is used by the wrapper's `acquire` and `release`.

use crate::lock::{Lock, RLock};
use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyInt, PyString, PyType};

static LOCKS: PyOnceLock<[Py<PyType>; 2]> = PyOnceLock::new();

/// The lock that guards a value, held.
enum Held<'py> {
    Lock(Bound<'py, Lock>),
    RLock(Bound<'py, RLock>),
    /// Held by this thread before, and after.
    Before,
    Other(Bound<'py, PyAny>),
}

impl<'py> Held<'py> {
    /// Takes the lock of a wrapper. `is_plain` when what is done meanwhile runs no code of the program's.
    #[inline]
    fn take(wrapper: &Bound<'py, PyAny>, is_plain: bool) -> PyResult<Held<'py>> {
        let py = wrapper.py();
        let lock = wrapper.getattr(intern!(py, "_lock"))?;
        let [plain, again] = LOCKS.get_or_try_init(py, || {
            let module = py.import("manyhands.multiprocessing.synchronize")?;
            let class = |name| Ok::<_, PyErr>(module.getattr(name)?.cast_into::<PyType>()?.unbind());
            Ok::<_, PyErr>([class("Lock")?, class("RLock")?])
        })?;
        let kind = lock.get_type();
        if kind.is(again) {
            let lock = lock.cast_into::<RLock>()?;
            if is_plain && lock.get().is_held_here()? {
                return Ok(Held::Before);
            }
            RLock::enter(&lock)?;
            return Ok(Held::RLock(lock));
        }
        if kind.is(plain) {
            let lock = lock.cast_into::<Lock>()?;
            Lock::enter(&lock)?;
            return Ok(Held::Lock(lock));
        }
        wrapper.call_method0(intern!(py, "acquire"))?;
        Ok(Held::Other(wrapper.clone()))
    }

    fn release(self) -> PyResult<()> {
        match self {
            Held::Lock(lock) => lock.get().leave(),
            Held::RLock(lock) => lock.get().leave(),
            Held::Before => Ok(()),
            Held::Other(wrapper) => wrapper.call_method0(intern!(wrapper.py(), "release")).map(drop),
        }
    }
}

/// Does something with the value of a wrapper, whose lock is held meanwhile.
fn guarded<'py, R>(
    wrapper: &Bound<'py, PyAny>,
    is_plain: bool,
    act: impl FnOnce(Bound<'py, PyAny>) -> PyResult<R>,
) -> PyResult<R> {
    let held = Held::take(wrapper, is_plain)?;
    let done = wrapper.getattr(intern!(wrapper.py(), "_obj")).and_then(act);
    held.release()?;
    done
}

/// An attribute that is read and written with the lock held.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct GuardedAttribute {
    name: Py<PyString>,
}

#[pymethods]
impl GuardedAttribute {
    #[new]
    fn new(name: Bound<'_, PyString>) -> GuardedAttribute {
        GuardedAttribute { name: name.unbind() }
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: Option<&Bound<'py, PyAny>>,
        _owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = slf.get().name.bind(slf.py());
        instance.map_or_else(
            || Ok(slf.clone().into_any()),
            // A number or bytes, read from memory.
            |wrapper| guarded(wrapper, true, |value| value.getattr(name)),
        )
    }

    fn __set__(&self, instance: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let is_plain = value.is_exact_instance_of::<PyInt>() || value.is_exact_instance_of::<PyFloat>();
        guarded(instance, is_plain, |of| of.setattr(self.name.bind(instance.py()), value))
    }

    fn __delete__(&self, instance: &Bound<'_, PyAny>) -> PyResult<()> {
        let (name, kind) = (self.name.bind(instance.py()), instance.get_type());
        Err(PyAttributeError::new_err(format!(
            "property '{name}' of '{}' object has no deleter",
            kind.name()?
        )))
    }
}
