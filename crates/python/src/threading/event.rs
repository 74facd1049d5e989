//! The base class of `threading.Event`.
//!
//! All threads that wait go on when the event is set, even if it is cleared at once. The Python package adds the older
//! names. A subclass may have a constructor with any arguments.

use super::named;
use crate::errors::waited;
use crate::ffi::Patient;
use crate::patience::limit;
use crate::value::{Arguments, Named, leave_to_init};
use manyhands::platform::atomic::{AtomicBool, Ordering};
use manyhands::sync::RawEvent;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyType};

/// A flag that threads wait for.
#[pyclass(frozen, subclass, module = "manyhands._engine")]
pub struct ThreadEvent {
    raw: RawEvent,
    /// Whether a program has looked inside. Then the standard class's attributes and functions do the work.
    opened: AtomicBool,
}

impl ThreadEvent {
    fn is_opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }
}

#[inline]
fn truth(py: Python<'_>, value: bool) -> Bound<'_, PyAny> {
    PyBool::new(py, value).to_owned().into_any()
}

#[pymethods]
impl ThreadEvent {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **more), text_signature = "()")]
    fn new(cls: &Bound<'_, PyType>, args: &Arguments<'_>, more: Option<&Named<'_>>) -> PyResult<ThreadEvent> {
        leave_to_init(cls, args, more)
            .map(|()| ThreadEvent { raw: RawEvent::private(), opened: AtomicBool::new(false) })
    }

    /// Whether the flag is set; if a program has set it to something else than a bool, that.
    fn is_set<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().is_opened() {
            return slf.call_method0("_manyhands_is_set");
        }
        Ok(truth(slf.py(), slf.get().raw.is_set()))
    }

    /// Sets the flag. All threads that wait for it go on, and until it is cleared `wait` returns at once.
    fn set(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_opened() {
            return slf.call_method0("_manyhands_set").map(drop);
        }
        slf.get().raw.set();
        Ok(())
    }

    /// Clears the flag: from now on `wait` waits until it is set again.
    fn clear(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_opened() {
            return slf.call_method0("_manyhands_clear").map(drop);
        }
        slf.get().raw.clear();
        Ok(())
    }

    /// Opens the event: from now on the methods that the Python package adds do the work. Returns whether it was set.
    fn _manyhands_open(&self) -> bool {
        let was_set = self.raw.is_set();
        self.opened.store(true, Ordering::Release);
        // This only wakes the threads that wait: each of them sees that the event is opened, and waits anew. `opened`
        // is stored before, so no woken thread can miss it.
        self.raw.set();
        was_set
    }

    /// Waits until the flag is set, or for `timeout` seconds; `None` is no limit. A flag that is set needs no wait.
    ///
    /// Returns True, or False when the time was over first.
    #[pyo3(signature = (timeout = None))]
    fn wait<'py>(slf: &Bound<'py, Self>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_opened() {
            return slf.call_method1("_manyhands_wait", (timeout,));
        }
        if this.raw.is_set() {
            return Ok(truth(py, true));
        }
        let until = limit(timeout)?;
        let patient = Patient::on(slf);
        let result = waited(this.raw.wait(until, &patient), patient)?;
        if this.is_opened() {
            let left = until.map(|until| until.remaining().as_secs_f64());
            return slf.call_method1("_manyhands_wait", (left,));
        }
        Ok(truth(py, result))
    }

    /// Whether the flag is set, and how many wait for it.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let statistics = self.raw.statistics();
        let fields = PyDict::new(py);
        fields.set_item("set", statistics.set)?;
        fields.set_item("waiters", statistics.waiters)?;
        Ok(fields)
    }

    fn _at_fork_reinit(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().is_opened() {
            return slf.call_method0("_manyhands_reinit").map(drop);
        }
        Ok(())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        named(slf, if Self::is_set(slf)?.is_truthy()? { "set" } else { "unset" })
    }
}
