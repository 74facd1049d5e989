//! The compiled half of the Python package: `manyhands._engine`.
//!
//! Each file is one group of names: `child` (processes started), `process` (this one), `sync` (locks, semaphores, events), `queue`,
//! `pool`, `value` (what travels without pickle), `buffer` (large payloads as private memory), `command` (subcommands
//! of the command line). It translates, and decides nothing: the engine is the crate `manyhands`. Unsafe code, which the
//! interpreter's raw interface needs, stands in `ffi` alone.

mod child;
mod errors;
mod ffi;
mod pickled;
mod process;
mod value;

use pyo3::prelude::*;

/// What the Python package calls; private to it.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use super::child::{Child, exec_child, fork_child, serve_zygote, take_request, zygote_child};
    #[pymodule_export]
    use super::ffi::SharedBuffer;
    #[pymodule_export]
    use super::process::{leave, leave_note, statistics};
}
