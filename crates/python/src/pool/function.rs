//! Functions that pickle by reference: sent to the workers once, then named by a number.
//!
//! Known by identity, so each known function is kept alive as long as the pool. Whether a function is such a one, Python
//! decides (`Pool._by_reference`): it knows what the workers can import.

use manyhands::executor::{RawPool, SubmitError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The functions that a pool's workers know by number.
#[derive(Default)]
pub struct Functions {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Identity and number of the one that was asked for last.
    last: (usize, u64),
    all: HashMap<usize, (u64, Py<PyAny>)>,
    /// Those that mean something else to newer workers. Kept, since calls of theirs may be under way.
    outdated: Vec<Py<PyAny>>,
}

impl Known {
    #[inline]
    fn number(&mut self, identity: usize) -> Option<u64> {
        if self.last.0 != identity {
            self.last = (identity, self.all.get(&identity)?.0);
        }
        Some(self.last.1)
    }
}

impl Functions {
    /// Workers may have begun since that know the program as it is now: a function which has another place there, or none,
    /// is known by number no longer.
    pub fn check(&self, pool: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = pool.py();
        let all: Vec<(usize, Py<PyAny>)> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.all.iter().map(|(identity, (_, function))| (*identity, function.clone_ref(py))).collect()
        };
        for (identity, function) in all {
            if pool.call_method1("_by_reference", (&function,))?.is_none() {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.last = (0, 0);
                known.all.remove(&identity);
                known.outdated.push(function);
            }
        }
        Ok(())
    }

    /// Whether the pool keeps the function, since its workers know it by number.
    #[inline]
    pub fn knows(&self, function: &Bound<'_, PyAny>) -> bool {
        let identity = function.as_ptr() as usize;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).number(identity).is_some()
    }

    /// The number of a function, which is registered if it is new; `None` when it must travel with the call.
    #[inline]
    pub fn number(
        &self,
        pool: &Bound<'_, PyAny>,
        raw: &RawPool,
        function: &Bound<'_, PyAny>,
    ) -> PyResult<Result<Option<u64>, SubmitError>> {
        let identity = function.as_ptr() as usize;
        // Never held while Python code runs.
        if let Some(number) = self.known.lock().unwrap_or_else(PoisonError::into_inner).number(identity) {
            return Ok(Ok(Some(number)));
        }
        let pickled = pool.call_method1("_by_reference", (function,))?;
        let Ok(pickled) = pickled.cast::<PyBytes>() else { return Ok(Ok(None)) };
        let number = match raw.register(pickled.as_bytes()) {
            // 0 says that the function comes with the call.
            Ok(number) => u64::from(number) + 1,
            Err(error) => return Ok(Err(error)),
        };
        let entry = (number, function.clone().unbind());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).all.insert(identity, entry);
        Ok(Ok(Some(number)))
    }
}
