//! Leases: whether a process that others depend on is still there for them.
//!
//! A manager's server holds one. What stands in the arena on its behalf is tied to it (`Later::tie_to`): when the lease
//! is over, waits there end with EOFError.

use crate::errors::from_arena;
use manyhands::arena::Handle;
use manyhands::sync::RawLease;
use pyo3::prelude::*;

/// A reference to a lease.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct Lease {
    pub raw: RawLease,
}

#[pymethods]
impl Lease {
    /// The lease with that key that a handle names; without one, a new lease that this process holds.
    #[new]
    #[pyo3(signature = (key, handle = None))]
    fn new(key: u64, handle: Option<u64>) -> PyResult<Lease> {
        let raw = match handle {
            Some(handle) => RawLease::attach(Handle::from_raw(handle), key),
            None => RawLease::hold(key),
        };
        Ok(Lease { raw: raw.map_err(from_arena)? })
    }

    /// What names it to other processes.
    #[getter]
    fn handle(&self) -> u64 {
        self.raw.handle().to_raw()
    }

    /// Whether it is over, as far as is known.
    fn is_over(&self) -> bool {
        self.raw.is_over()
    }

    /// Whether it is over. Asks the kernel whether the process that holds it has ended.
    fn look(&self) -> bool {
        self.raw.look()
    }

    /// Ends it: all waits that are tied to it end.
    fn end(&self) {
        self.raw.end();
    }
}
