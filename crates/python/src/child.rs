//! Children: started by fork, by executing an interpreter, or through a zygote; waited for, signalled.
//!
//! [`Child`] is one that this process started, in any of these ways. A fresh interpreter asks [`take_request`]
//! what it is to become, a zygote [`serve_zygote`]. Payloads are Python's (`manyhands.multiprocessing._child`).

use crate::errors::{from_start, from_wait};
use crate::ffi::{Interpreter, Patient, inherited, serve_as_supervisor};
use crate::patience::limit_of_poll;
use crate::value::kept_name;
use manyhands::arena::{Arena, Handle, Role};
use manyhands::platform::Deadline;
use manyhands::platform::pidfd::{ExitStatus, PidFd};
use manyhands::spawn::{
    Forked, Instruction, Order, Program, Served, Share, StartRequest, Started, start_exec,
    start_through_zygote,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::ffi::CString;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::Arc;
use std::time::Duration;

/// A time-out in seconds as a point in time: `None` waits for ever, a negative one not at all.
pub fn deadline(timeout: Option<f64>) -> Option<Deadline> {
    let seconds = timeout?;
    // A time too long to be expressed is for ever.
    let duration = Duration::try_from_secs_f64(seconds.max(0.0)).ok()?;
    Deadline::after(duration)
}

/// A process that this one started.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct Child {
    started: Arc<Started>,
}

fn code(status: ExitStatus) -> i32 {
    match status {
        ExitStatus::Exited(code) => code,
        ExitStatus::Signaled(signal) => -signal,
    }
}

#[pymethods]
impl Child {
    #[getter]
    fn pid(&self) -> u32 {
        self.started.pid()
    }

    /// The number of a descriptor that polls readable when the process has ended; open as long as this object lives.
    #[getter]
    fn sentinel(&self) -> i32 {
        self.started.sentinel().as_raw_fd()
    }

    /// The exit code, or minus the signal; `None` while it runs.
    fn poll(&self) -> Option<i32> {
        self.started.status().map(code)
    }

    /// Waits until it has ended, or for `timeout` seconds; gives what `poll` gives.
    #[pyo3(signature = (timeout = None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<i32>> {
        let until = limit_of_poll(py, timeout)?;
        let patient = Patient::new(py);
        match self.started.wait(until, &patient) {
            Ok(status) => Ok(status.map(code)),
            Err(error) => from_wait(error, patient).map(|_| None),
        }
    }

    /// Sends it a signal; nothing happens when it has ended.
    fn send_signal(&self, signal: i32) -> PyResult<()> {
        Ok(self.started.signal(signal)?)
    }

    /// What it has left to say of how it ended.
    fn note(&self) -> String {
        Arena::current().map_or(String::new(), |arena| arena.process(self.started.slot()).note())
    }
}

fn role(name: &str) -> PyResult<Role> {
    match name {
        "user" => Ok(Role::User),
        "daemon" => Ok(Role::Daemon),
        "worker" => Ok(Role::Worker),
        _ => Err(PyValueError::new_err(format!("no role is called {name:?}"))),
    }
}

/// Whether a process runs that is none of this arena's, so that it must not be taken for a worker.
#[pyfunction]
pub fn is_stranger(pid: u32) -> bool {
    let (Some(arena), Ok(process)) = (Arena::current(), PidFd::open(pid)) else { return false };
    !arena.is_member(&process) && !process.is_dead()
}

/// Forks this process. The parent gets the child, the child `None`.
#[pyfunction]
pub fn fork_child(
    py: Python<'_>,
    #[pyo3(from_py_with = kept_name)] name: String,
    role_name: &str,
) -> PyResult<Option<Child>> {
    let payload = Instruction::default();
    let order = Order { name: &name, role: role(role_name)?, payload, descriptors: &[], share: Share::All };
    match crate::ffi::fork_interpreter(py, &order).map_err(from_start)? {
        Forked::Parent(started) => Ok(Some(Child { started })),
        Forked::Child(_) => Ok(None),
    }
}

/// What a fresh interpreter is to be started with.
#[derive(Clone, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Start {
    #[pyo3(from_py_with = kept_name)]
    name: String,
    role: String,
    /// The interpreter and its arguments.
    command: Vec<Vec<u8>>,
    payload: Vec<u8>,
    descriptors: Vec<i32>,
    handles: Vec<u64>,
}

impl Start {
    /// What the process is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Passes on the program and the order that this makes.
    pub fn with<R>(
        &self,
        detached: bool,
        go: impl FnOnce(&Program, &Order<'_>) -> PyResult<R>,
    ) -> PyResult<R> {
        let words = self.command.iter().cloned().map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let file =
            words.first().ok_or_else(|| PyValueError::new_err("a command has at least one word"))?.clone();
        let program = Program { file, arguments: words, detached };
        let handles: Vec<Handle> = self.handles.iter().copied().map(Handle::from_raw).collect();
        let descriptors = crate::ffi::borrow_descriptors(&self.descriptors)?;
        let order = Order {
            name: &self.name,
            role: role(&self.role)?,
            payload: Instruction::of(&self.payload),
            descriptors: &descriptors,
            share: Share::These(&handles),
        };
        go(&program, &order)
    }
}

/// Executes an interpreter that asks [`take_request`] what it is to be.
#[pyfunction]
pub fn exec_child(py: Python<'_>, start: Start) -> PyResult<Child> {
    start.with(false, |program, order| {
        let started = py.detach(|| start_exec(program, order)).map_err(from_start)?;
        Ok(Child { started })
    })
}

/// Has a zygote start a process; `command` is the zygote's, which is executed when there is none.
#[pyfunction]
pub fn zygote_child(py: Python<'_>, start: Start) -> PyResult<Child> {
    start.with(true, |program, order| {
        let started = py.detach(|| start_through_zygote(program, order)).map_err(from_start)?;
        Ok(Child { started })
    })
}

/// A payload and descriptors, as a child finds them.
type Request<'py> = (Bound<'py, PyBytes>, Vec<i32>);

/// A request as Python gets it.
pub fn note_request<'py>(py: Python<'py>, request: StartRequest) -> Request<'py> {
    let descriptors = request.descriptors.into_iter().map(IntoRawFd::into_raw_fd).collect();
    (PyBytes::new(py, &request.payload), descriptors)
}

/// In an interpreter that was executed by [`exec_child`]: its payload and descriptors.
#[pyfunction]
pub fn take_request(py: Python<'_>) -> PyResult<Request<'_>> {
    Ok(note_request(py, inherited()?.request()?))
}

/// In an interpreter that was executed as a zygote: serves. Returns in each child, with what it is to do, and at the
/// end `None`. `preload` is called when the zygote knows what it was before it loaded anything for its children.
#[pyfunction]
pub fn serve_zygote<'py>(py: Python<'py>, preload: &Bound<'py, PyAny>) -> PyResult<Option<Request<'py>>> {
    let requester = inherited()?.requester;
    let mut interpreter = Interpreter::bare();
    preload.call0()?;
    match serve_as_supervisor(py, requester, &mut interpreter) {
        Ok(Served::Child(request)) => Ok(Some(note_request(py, request))),
        Ok(Served::End) => Ok(None),
        Err(error) => Err(crate::errors::from_arena(error)),
    }
}
