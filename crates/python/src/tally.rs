//! Tallies: how much each process has taken and not reported done.
//!
//! A `JoinableQueue` has one, and its `get` counts there without a call into Python. It is for a report of what killed
//! processes have left; nothing is decided by it.

use crate::later::{Later, shared_class};
use crate::value::{Arguments, Named};
use manyhands::arena::Handle;
use manyhands::sync::RawTally;
use pyo3::prelude::*;
use std::sync::Arc;

/// A tally as what counts there keeps it.
pub struct Counted(RawTally);

impl Counted {
    pub fn handle(&self) -> Option<Handle> {
        Some(self.0.handle())
    }

    /// The calling process has one more.
    #[inline]
    pub fn add(&self) {
        self.0.add();
    }
}

shared_class! {
    /// How much each process has of something.
    Tally { raw: Arc<Counted> }:

    /// Makes the tally in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (handle = None))]
    fn open(&self, handle: Option<u64>) -> PyResult<()> {
        let counted = |raw| Arc::new(Counted(raw));
        self.raw.open(handle, |handle| RawTally::attach(handle).map(counted), || RawTally::new().map(counted))
    }

    /// There is one less: of what this process has, or else of what killed ones had, or else of what any other has.
    fn subtract(&self) -> PyResult<()> {
        self.raw.get()?.0.subtract();
        Ok(())
    }

    /// How much killed processes had, and which was the first of them; None when they had nothing.
    fn lost(&self) -> PyResult<Option<(u32, String)>> {
        Ok(self.raw.get()?.0.lost().map(|lost| (lost.count, lost.first.to_string())))
    }
}

impl Tally {
    pub fn counted(&self) -> PyResult<Arc<Counted>> {
        self.raw.get().cloned()
    }
}
