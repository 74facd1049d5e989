//! The compiled half of the Python package: `manyhands._engine`.
//!
//! Each file is one group of names: `process` (slots, notes, counters), `sync` (locks, semaphores, events), `queue`,
//! `pool`, `value` (what travels without pickle), `buffer` (large payloads as private memory), `command` (subcommands
//! of the command line). It translates, and decides nothing: the engine is the crate `manyhands`. Unsafe code, which the
//! interpreter's raw interface needs, stands in `ffi` alone.

mod errors;
mod ffi;
mod process;

use pyo3::prelude::*;

/// What the Python package calls; private to it.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use super::process::{
        abandon_process, adopt_arena, arena_descriptors, claim_process, ended, leave, leave_note, next_child,
        share_with, statistics,
    };
}
