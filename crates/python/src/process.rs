//! Processes as the Python package needs them: slots claimed before a child exists, notes, counters, the end.
//!
//! A slot travels as a number. Who forks or executes is Python; the arena's fork hooks run in every `fork` of the
//! process, and an executed child adopts the arena it is handed.

use crate::errors::from_arena;
use manyhands::arena::{self, Arena, Handle, ProcessId, Role};
use manyhands::platform::atomic::Ordering;
use manyhands::platform::pidfd::ExitStatus;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::os::fd::AsRawFd;

fn known(slot: u32) -> PyResult<ProcessId> {
    ProcessId::from_raw(slot)
        .ok_or_else(|| PyValueError::new_err(format!("{slot} is not the number of a process")))
}

/// Claims a slot for a child that is about to be started; `role` is "user", "daemon" or "worker".
#[pyfunction]
pub fn claim_process(name: &str, role: &str) -> PyResult<u32> {
    let role = match role {
        "user" => Role::User,
        "daemon" => Role::Daemon,
        "worker" => Role::Worker,
        _ => return Err(PyValueError::new_err(format!("no role is called {role:?}"))),
    };
    let arena = Arena::get().map_err(from_arena)?;
    let child = arena.claim_process(name, role).map_err(from_arena)?;
    Ok(child.raw())
}

/// Names the slot that the next fork of this thread gives to its child.
#[pyfunction]
pub fn next_child(slot: u32) -> PyResult<()> {
    arena::next_child(known(slot)?);
    Ok(())
}

/// Gives back a slot whose child never came to be.
#[pyfunction]
pub fn abandon_process(slot: u32) -> PyResult<()> {
    arena::abandon_child(known(slot)?);
    Ok(())
}

/// Gives a child that is about to be executed references to these objects.
#[pyfunction]
pub fn share_with(slot: u32, handles: Vec<u64>) -> PyResult<()> {
    let handles: Vec<Handle> = handles.into_iter().map(Handle::from_raw).collect();
    Arena::get().map_err(from_arena)?.share_with(known(slot)?, &handles);
    Ok(())
}

/// The descriptors of the arena's memory and doorbell, to be passed on to an executed child.
#[pyfunction]
pub fn arena_descriptors() -> PyResult<(i32, i32)> {
    let arena = Arena::get().map_err(from_arena)?;
    Ok((arena.memfd().as_raw_fd(), arena.doorbell().as_raw_fd()))
}

/// Joins the arena that this executed child was handed, as the owner of the slot that its parent claimed. Takes over
/// both descriptors.
#[pyfunction]
pub fn adopt_arena(memory: i32, doorbell: i32, slot: u32) -> PyResult<()> {
    let slot = known(slot)?;
    let memory = crate::ffi::take_descriptor(memory)?;
    let doorbell = crate::ffi::take_descriptor(doorbell)?;
    Arena::adopt(memory, doorbell, slot).map_err(from_arena)?;
    Ok(())
}

/// The parent knows how a child ended: minus the signal's number, or the exit code. Returns the child's note.
#[pyfunction]
pub fn ended(slot: u32, code: i32) -> PyResult<String> {
    let child = known(slot)?;
    let Some(arena) = Arena::current() else { return Ok(String::new()) };
    if arena.process_state(child).is_some() {
        let status = if code < 0 { ExitStatus::Signaled(-code) } else { ExitStatus::Exited(code) };
        arena.process(child).set_ending(status);
    }
    Ok(arena.process(child).note())
}

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
