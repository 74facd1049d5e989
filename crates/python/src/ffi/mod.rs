//! The raw interfaces of the interpreter and of the system; all unsafe code of this crate is here.
//!
//! * `gil` gives the interpreter lock up while a thread waits; `forking` does what the interpreter needs around a fork;
//! * `buffer` shows received memory to Python, `copies` makes objects of it; `shared_memory` shows what all write;
//! * `functions` makes methods look like functions; `methods` and `queue_methods` put the hot methods of locks and of
//!   queues on their classes;
//! * `descriptor_io` moves messages over a pipe's or a socket's descriptor;
//! * `places` finds out where in a Python program something happens.
//!
//! Everything exported from here is safe to call while the interpreter lock is held.

mod buffer;
mod copies;
mod descriptor_io;
mod forking;
mod functions;
mod gil;
mod methods;
mod places;
mod queue_methods;
mod shared_memory;

pub use buffer::{SharedBuffer, bytes_of};
pub use copies::{byte_array, bytes, text};
pub use descriptor_io::{read_message, write_message};
pub use forking::Interpreter;
pub use functions::look_like_functions;
pub use gil::{Patient, attached, keep_own_waits, prepare_forks, raise_in_wait, waits_for};
pub use methods::{Entering, Guarding, LONGEST, install, install_with, trust_with};
pub use places::{MadeIn, behind, here, kept_code, learn_places, made_here, mark_of_code};
pub use queue_methods::{Handing, install_queue, within};
pub use shared_memory::{SharedMemory, note_shared};

use manyhands::arena::ArenaError;
use manyhands::spawn::{
    Forked, ForkedSupervisor, Inherited, Order, Requester, Served, StartError, fork_process, fork_supervisor,
    serve,
};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use std::os::fd::BorrowedFd;

/// The descriptors and settings that this interpreter got from the one that executed it.
pub fn inherited() -> PyResult<Inherited> {
    // SAFETY: called in the first lines of an interpreter's program, when the process still has one thread.
    let taken = unsafe { Inherited::take() }.map_err(crate::errors::from_arena)?;
    taken.ok_or_else(|| PyRuntimeError::new_err("this process was not started by manyhands"))
}

/// Descriptors by their numbers, for as long as the numbers are borrowed.
pub fn borrow_descriptors(numbers: &[i32]) -> PyResult<Vec<BorrowedFd<'_>>> {
    let borrow = |number: &i32| {
        // SAFETY: F_GETFD only asks whether the number is open.
        if *number < 0 || unsafe { libc::fcntl(*number, libc::F_GETFD) } == -1 {
            return Err(PyOSError::new_err((libc::EBADF, format!("descriptor {number} is not open"))));
        }
        // SAFETY: it is open. The caller, which passes it on to a child, keeps it open until that is done, as with any
        // number in Python.
        Ok(unsafe { BorrowedFd::borrow_raw(*number) })
    };
    numbers.iter().map(borrow).collect()
}

/// Takes an object out of the lists of the collector of cycles. A program may hold a million results that refer to
/// nothing, and the collector would look at each of them every time.
pub fn untrack(object: &Bound<'_, PyAny>) {
    // SAFETY: an object of a class made here, which the collector has known since it was made. Untracking is allowed at
    // any time, and again when the object is freed.
    unsafe { pyo3::ffi::PyObject_GC_UnTrack(object.as_ptr().cast()) };
}

/// Puts an object back into the lists of the collector of cycles.
pub fn track(object: &Bound<'_, PyAny>) {
    // SAFETY: an object of a class that the collector can look at, complete since it was made. It is tracked only if it
    // is not yet.
    unsafe {
        if pyo3::ffi::PyObject_GC_IsTracked(object.as_ptr()) == 0 {
            pyo3::ffi::PyObject_GC_Track(object.as_ptr().cast());
        }
    }
}

/// Whether an object may come to refer to others. The collector need not look at the holder of one that cannot.
pub fn may_refer(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: any type may be asked about.
    unsafe { pyo3::ffi::PyType_GetFlags(object.get_type_ptr()) & pyo3::ffi::Py_TPFLAGS_HAVE_GC != 0 }
}

/// Forks this interpreter, as `os.fork` does.
pub fn fork_interpreter(_py: Python<'_>, order: &Order<'_>) -> Result<Forked, StartError> {
    // SAFETY: the hooks of `Interpreter` do what a fork of an interpreter needs. A program that forks while other
    // threads run has chosen to, as with `os.fork`.
    unsafe { fork_process(order, &mut Interpreter::of_program()) }
}

/// Serves as a supervisor, in an interpreter that was made to be one.
pub fn serve_as_supervisor(
    _py: Python<'_>,
    requester: Requester,
    interpreter: &mut Interpreter,
) -> Result<Served, ArenaError> {
    // SAFETY: as for a fork of this interpreter, whose hooks each child goes through.
    unsafe { serve(requester, interpreter, manyhands::MAKE_SUPERVISED) }
}

/// Forks this interpreter as a supervisor of a pool's workers.
pub fn fork_template(_py: Python<'_>, name: &str) -> Result<ForkedSupervisor, StartError> {
    // SAFETY: as above.
    unsafe { fork_supervisor(name, &mut Interpreter::of_program()) }
}
