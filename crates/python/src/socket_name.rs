//! Names that sockets have in the file system, and that go with the last process that has them.
//!
//! `connection.SocketListener` has one for an address of the file system. An orderly end removes the name before; this
//! one is for processes that are killed.

use manyhands::spawn;
use pyo3::prelude::*;
use std::path::PathBuf;

/// A folder that was made for names of sockets.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct SocketFolder {
    folder: spawn::SocketFolder,
}

#[pymethods]
impl SocketFolder {
    /// The one at an absolute path.
    #[new]
    fn new(path: PathBuf) -> PyResult<SocketFolder> {
        Ok(SocketFolder { folder: spawn::SocketFolder::keep(&path)? })
    }
}

/// The name of a socket that this process has open.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct SocketName {
    _name: spawn::SocketName,
}

#[pymethods]
impl SocketName {
    /// Of the socket at an absolute path, and its folder, if that was made for it.
    #[new]
    fn new(path: PathBuf, folder: Option<&Bound<'_, SocketFolder>>) -> PyResult<SocketName> {
        let folder = folder.map(|folder| &folder.get().folder);
        Ok(SocketName { _name: spawn::SocketName::keep(&path, folder)? })
    }
}
