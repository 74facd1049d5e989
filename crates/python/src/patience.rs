//! What callers of a queue between threads say with it: how long to wait, and how many items may stand in it.
//!
//! Both are taken as the standard library's functions take them: a time that makes no sense is refused also when there is
//! nothing to wait for, and a limit is any number.

use crate::child::deadline;
use manyhands::platform::Deadline;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What a subclass's `put` and `get` are told, by name since it may have them take nothing else.
pub fn without_wait(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let named = PyDict::new(py);
    named.set_item(intern!(py, "block"), false)?;
    Ok(named)
}

/// The limit that a program's number means: 0 for none.
pub fn limit_of(maxsize: &Bound<'_, PyAny>) -> PyResult<usize> {
    if let Ok(limit) = maxsize.extract::<i64>() {
        return Ok(usize::try_from(limit).unwrap_or(0));
    }
    // A fraction, infinity, or an integer past all memory; the conversion ends at the greatest.
    let limit = if maxsize.gt(0)? { maxsize.extract::<f64>().unwrap_or(f64::INFINITY) } else { 0.0 };
    Ok(limit.ceil() as usize)
}

/// Until when to wait, settled at the first wait.
pub struct Patience {
    block: bool,
    timeout: Option<f64>,
    until: Option<Deadline>,
    settled: bool,
}

impl Patience {
    pub fn new(block: bool, timeout: Option<f64>) -> Patience {
        Patience { block, timeout, until: None, settled: false }
    }

    /// A ValueError when there is to be a wait and its time makes no sense, also when there is nothing to wait for.
    #[inline]
    pub fn check(&self) -> PyResult<()> {
        match self.timeout {
            Some(seconds) if self.block && seconds < 0.0 => {
                Err(PyValueError::new_err("'timeout' must be a non-negative number"))
            }
            _ => Ok(()),
        }
    }

    /// The deadline; `late` when there is to be no wait.
    pub fn until(&mut self, late: impl FnOnce() -> PyErr) -> PyResult<Option<Deadline>> {
        if !self.settled {
            if !self.block {
                return Err(late());
            }
            self.until = deadline(self.timeout);
            self.settled = true;
        }
        Ok(self.until)
    }
}
