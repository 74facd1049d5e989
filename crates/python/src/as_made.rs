//! Whether a class still has the methods that it was made with, or a program has replaced some.
//!
//! Fast paths skip such methods, so they ask first. The methods are inherited ones, so replacing one adds an attribute
//! to the class. As long as the class has as many attributes as at first, nothing was replaced: that is one look.
//! Otherwise each method is looked at. A method that was set back to the original, or deleted, counts as never
//! replaced.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

/// A class and the methods that are asked about.
pub struct AsMade(PyOnceLock<Known>);

struct Known {
    class: Py<PyType>,
    attributes: Py<PyDict>,
    count: usize,
    methods: Vec<(String, Py<PyAny>)>,
}

impl AsMade {
    /// Stands for a class that is yet to be made.
    pub const fn unknown() -> AsMade {
        AsMade(PyOnceLock::new())
    }

    /// Takes note of the class as it is now.
    ///
    /// # Errors
    /// When the class lacks one of the methods, or keeps its attributes in a place of another kind.
    pub fn note(&self, class: &Bound<'_, PyType>, methods: &[&str]) -> PyResult<()> {
        // The dictionary itself, not the view of it that a program gets: asking its length costs a nanosecond.
        let view = class.getattr("__dict__")?;
        let attributes = class.py().import("gc")?.call_method1("get_referents", (view,))?.get_item(0)?;
        let attributes = attributes.cast_into::<PyDict>()?;
        let found = |name: &&str| Ok(((*name).to_owned(), class.getattr(*name)?.unbind()));
        let methods = methods.iter().map(found).collect::<PyResult<_>>()?;
        let count = attributes.len();
        let known = Known { class: class.clone().unbind(), attributes: attributes.unbind(), count, methods };
        let _ = self.0.set(class.py(), known);
        Ok(())
    }

    /// Whether none of the methods was replaced.
    #[inline]
    pub fn holds(&self, py: Python<'_>) -> bool {
        self.0
            .get(py)
            .is_none_or(|known| known.attributes.bind(py).len() == known.count || known.has_methods(py))
    }
}

impl Known {
    #[cold]
    fn has_methods(&self, py: Python<'_>) -> bool {
        let class = self.class.bind(py);
        self.methods.iter().all(|(name, method)| class.getattr(name).is_ok_and(|found| found.is(method)))
    }
}

/// `concurrent.futures.Future` as programs know it: executors answer by its methods.
pub static FUTURE_CLASS: AsMade = AsMade::unknown();
/// `queue.Queue` as programs know it: `put` and `get` go through its hooks.
pub static QUEUE_CLASS: AsMade = AsMade::unknown();

/// Takes note of `Future` as it is before the program has it.
#[pyfunction]
pub fn note_future_class(class: &Bound<'_, PyType>) -> PyResult<()> {
    let methods = ["set_result", "set_exception", "set_running_or_notify_cancel", "_invoke_callbacks"];
    FUTURE_CLASS.note(class, &methods)
}

/// Takes note of `Queue` as it is before the program has it.
#[pyfunction]
pub fn note_queue_class(class: &Bound<'_, PyType>) -> PyResult<()> {
    QUEUE_CLASS.note(class, &["_init", "_put", "_get", "_qsize"])
}
