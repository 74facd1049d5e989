//! Subcommands of the command line that are written in Rust: `manyhands compare`.
//!
//! The arguments go to `manyhands_cli` unchanged, with this interpreter as the one to use. The interpreter lock is
//! released meanwhile, and nothing touches Python objects.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Does what `arguments` ask (the first is the program's name) with the interpreter `python`, and returns the exit
/// code.
#[pyfunction]
#[pyo3(signature = (arguments, python = None))]
pub fn command_line(py: Python<'_>, arguments: Vec<OsString>, python: Option<OsString>) -> PyResult<i32> {
    let python = match python {
        Some(python) => python,
        None => py.import("sys")?.getattr("executable")?.extract()?,
    };
    Ok(py.detach(|| manyhands_cli::main(arguments, &python)))
}
