//! The calling process, as the arena knows it: its note, its end, and what the engine did so far.
//!
//! Children are `child`'s. A process that ends without calling [`leave`] counts as having died, whatever its exit code:
//! what it held is then given to others with a word about it.

use crate::errors::from_arena;
use manyhands::arena::{self, Arena};
use manyhands::platform::atomic::Ordering;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Leaves a note for the parent of this process; at most 320 bytes of it are kept.
#[pyfunction]
pub fn leave_note(text: &str) -> PyResult<()> {
    let this = arena::this_process().map_err(from_arena)?;
    Arena::get().map_err(from_arena)?.process(this).set_note(text);
    Ok(())
}

/// This process ends in good order: what it holds it holds on purpose.
#[pyfunction]
pub fn leave() {
    if let Some(arena) = Arena::current() {
        if let Ok(this) = arena::this_process() {
            arena.process(this).set_clean();
        }
    }
}

/// What the engine did in this arena.
#[pyfunction]
pub fn statistics(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let counted = PyDict::new(py);
    if let Some(arena) = Arena::current() {
        let counters = arena.counters();
        counted.set_item("processes started", counters.processes_started.load(Ordering::Relaxed))?;
        counted.set_item("calls", counters.calls.load(Ordering::Relaxed))?;
        counted.set_item("messages", counters.messages.load(Ordering::Relaxed))?;
        counted.set_item("lock waits", counters.lock_waits.load(Ordering::Relaxed))?;
    }
    Ok(counted)
}
