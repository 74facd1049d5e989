//! Names that sockets have in the file system, and that go with the last process that has them.
//!
//! `connection.SocketListener` has one for an address of the file system. An orderly end removes the name before; this
//! one is for processes that are killed.

use manyhands::spawn;
use pyo3::prelude::*;
use std::path::PathBuf;

/// The name of a socket at which this process listens.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct SocketName {
    _name: spawn::SocketName,
}

#[pymethods]
impl SocketName {
    /// Of the socket at an absolute path; `with_folder` if its folder goes with it, when that is empty.
    #[new]
    fn new(path: PathBuf, with_folder: bool) -> PyResult<SocketName> {
        Ok(SocketName { _name: spawn::SocketName::keep(&path, with_folder)? })
    }
}
