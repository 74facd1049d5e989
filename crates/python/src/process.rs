//! The calling process, as the arena knows it: its note, its end, and what the engine did so far.
//!
//! What goes on between the threads of a process is counted only after [`count_threads`], so that it costs nothing
//! else. Children are `child`'s. A process that ends without calling [`leave`] counts as having died, whatever its exit
//! code: what it held is then given to others with a word about it.

use crate::errors::from_arena;
use crate::value::kept_name;
use manyhands::arena::{self, Arena, Counters};
use manyhands::platform::atomic::{AtomicBool, AtomicU64, Ordering};
use manyhands::spawn;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

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
    if let Some(arena) = Arena::current()
        && let Ok(this) = arena::this_process()
    {
        arena.process(this).set_clean();
    }
}

/// What this process is called in the arena.
#[pyfunction]
pub fn own_name() -> PyResult<String> {
    let this = arena::this_process().map_err(from_arena)?;
    Ok(Arena::get().map_err(from_arena)?.process(this).name())
}

/// Changes what this process is called in the arena; 64 bytes of it are kept.
#[pyfunction]
pub fn set_own_name(#[pyo3(from_py_with = kept_name)] name: String) -> PyResult<()> {
    let this = arena::this_process().map_err(from_arena)?;
    Arena::get().map_err(from_arena)?.process(this).set_name(&name);
    Ok(())
}

/// The environment that this process has now, as the C library knows it.
#[pyfunction]
pub fn environment(py: Python<'_>) -> Vec<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)> {
    let bytes = |text: OsString| PyBytes::new(py, text.as_bytes());
    std::env::vars_os().map(|(name, value)| (bytes(name), bytes(value))).collect()
}

/// The signals that the kernel ignores on behalf of this process, whatever the interpreter knows of that.
#[pyfunction]
pub fn ignored_signals() -> Vec<i32> {
    spawn::ignored_signals()
}

/// What the engine did in this arena.
#[pyfunction]
pub fn statistics(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let counted = manyhands::statistics();
    let counts = PyDict::new(py);
    counts.set_item("processes started", counted.processes_started)?;
    counts.set_item("threads started", counted.threads_started)?;
    counts.set_item("calls", counted.calls)?;
    counts.set_item("messages", counted.messages)?;
    counts.set_item("lock waits", counted.lock_waits)?;
    Ok(counts)
}

static COUNTING: AtomicBool = AtomicBool::new(false);

/// Counts from now on what the threads of this process do, too; makes the arena for it.
#[pyfunction]
pub fn count_threads() -> PyResult<()> {
    Arena::get().map_err(from_arena)?;
    COUNTING.store(true, Ordering::Relaxed);
    Ok(())
}

/// Counts one more of what `counter` counts, if anybody wants to know.
#[inline]
pub fn count(counter: impl FnOnce(&Counters) -> &AtomicU64) {
    if COUNTING.load(Ordering::Relaxed) {
        count_slowly(counter);
    }
}

#[cold]
fn count_slowly(counter: impl FnOnce(&Counters) -> &AtomicU64) {
    if let Some(arena) = Arena::current() {
        counter(arena.counters()).fetch_add(1, Ordering::Relaxed);
    }
}

/// A thread was started.
#[pyfunction]
pub fn count_thread() {
    count(|counters| &counters.threads_started);
}
