//! Functions that pickle by reference: sent to the workers once, then named by a number.
//!
//! Python decides whether a function is such a one (`Workers.by_reference`): it knows what the workers can import. A
//! function is known by identity and held weakly. The collector of cycles does not see what stands here. A pool
//! that kept a function of the main module alive would keep all names of that module alive. Then files that the program
//! left open would never be written out.

use super::result::name_of;
use manyhands::executor::{RawPool, SubmitError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyWeakrefMethods, PyWeakrefReference};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The function of a call, for messages.
pub enum Called {
    /// Known to the workers: a result keeps its name, and so refers to nothing of Python's.
    Known(Arc<str>),
    Given(Py<PyAny>),
}

impl Called {
    /// What it is called.
    pub fn name(&self, py: Python<'_>) -> String {
        match self {
            Called::Known(name) => name.to_string(),
            Called::Given(function) => name_of(function.bind(py)),
        }
    }

    /// Whether the collector of cycles has something to look at.
    pub fn is_object(&self) -> bool {
        matches!(self, Called::Given(_))
    }

    /// Shows the collector what is kept.
    pub fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Called::Known(_) => Ok(()),
            Called::Given(function) => visit.call(function),
        }
    }
}

/// The functions that a pool's workers know by number.
#[derive(Default)]
pub struct Functions {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The one that was asked for last, by its identity.
    last: Option<(usize, Arc<Entry>)>,
    all: HashMap<usize, Arc<Entry>>,
}

struct Entry {
    function: Py<PyWeakrefReference>,
    number: u64,
    name: Arc<str>,
}

impl Known {
    /// What is known of a function. Another object may have come to stand where one stood that is gone.
    #[inline]
    fn entry(&mut self, function: &Bound<'_, PyAny>) -> Option<&Arc<Entry>> {
        let identity = function.as_ptr() as usize;
        if self.last.as_ref().is_none_or(|(last, _)| *last != identity) {
            self.last = Some((identity, Arc::clone(self.all.get(&identity)?)));
        }
        let is_alive =
            |(_, entry): &(usize, Arc<Entry>)| entry.function.bind(function.py()).upgrade().is_some();
        if !self.last.as_ref().is_some_and(is_alive) {
            self.forget(identity);
        }
        self.last.as_ref().map(|(_, entry)| entry)
    }

    fn forget(&mut self, identity: usize) {
        self.last = None;
        self.all.remove(&identity);
    }
}

impl Functions {
    // Never held while Python code runs.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Workers may have begun since that know the program as it is now: a function which has another place there, or
    /// none, is known by number no longer.
    pub fn check(&self, core: &Bound<'_, PyAny>) -> PyResult<()> {
        let all: Vec<(usize, Arc<Entry>)> =
            self.known().all.iter().map(|(identity, entry)| (*identity, Arc::clone(entry))).collect();
        for (identity, entry) in all {
            let still_known = match entry.function.bind(core.py()).upgrade() {
                Some(function) => !core.call_method1("by_reference", (function,))?.is_none(),
                None => false,
            };
            if !still_known {
                self.known().forget(identity);
            }
        }
        Ok(())
    }

    /// The number of a function, which is registered if it is new, and what results keep of it. The number is 0 when
    /// the function must travel with the call.
    #[inline]
    pub fn number(
        &self,
        core: &Bound<'_, PyAny>,
        raw: &RawPool,
        function: &Bound<'_, PyAny>,
    ) -> PyResult<Result<(u64, Called), SubmitError>> {
        if let Some(entry) = self.known().entry(function) {
            return Ok(Ok((entry.number, Called::Known(Arc::clone(&entry.name)))));
        }
        let pickled = core.call_method1("by_reference", (function,))?;
        let Ok(pickled) = pickled.cast::<PyBytes>() else {
            return Ok(Ok((0, Called::Given(function.clone().unbind()))));
        };
        let weak = PyWeakrefReference::new(function)?.unbind();
        let number = match raw.register(pickled.as_bytes()) {
            // 0 says that the function comes with the call.
            Ok(number) => u64::from(number) + 1,
            Err(error) => return Ok(Err(error)),
        };
        let name: Arc<str> = name_of(function).into();
        let entry = Arc::new(Entry { function: weak, number, name: Arc::clone(&name) });
        self.known().all.insert(function.as_ptr() as usize, entry);
        Ok(Ok((number, Called::Known(name))))
    }
}
