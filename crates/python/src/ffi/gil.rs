//! Waiting without the interpreter lock, and running signal handlers in the midst of it.
//!
//! [`Patient`] is how the engine waits on behalf of Python code: it gives the lock up before the first yield,
//! takes it back for signal handlers and at the end, and ends the wait when a handler raises.

use manyhands::sync::Waiting;
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

/// One wait of a thread that holds the interpreter lock.
pub struct Patient<'py> {
    saved: Cell<*mut ffi::PyThreadState>,
    raised: RefCell<Option<PyErr>>,
    py: Python<'py>,
}

impl<'py> Patient<'py> {
    /// For a wait of the calling thread.
    pub fn new(py: Python<'py>) -> Patient<'py> {
        Patient { saved: Cell::new(std::ptr::null_mut()), raised: RefCell::new(None), py }
    }

    /// What a signal handler raised, if that ended the wait.
    pub fn raised(self) -> Option<PyErr> {
        self.raised.take()
    }

    fn give_up(&self) {
        debug_assert!(self.saved.get().is_null(), "the lock is given up once at a time");
        // SAFETY: `py` proves that this thread holds the lock; it is taken back before `py` is used again.
        self.saved.set(unsafe { ffi::PyEval_SaveThread() });
    }

    fn take_back(&self) {
        let saved = self.saved.replace(std::ptr::null_mut());
        if !saved.is_null() {
            // SAFETY: the state that `give_up` saved in this thread, restored once.
            unsafe { ffi::PyEval_RestoreThread(saved) };
        }
    }
}

impl Waiting for Patient<'_> {
    fn before_block(&self) {
        self.give_up();
    }

    fn on_interrupt(&self) -> ControlFlow<()> {
        self.take_back();
        let handled = self.py.check_signals();
        let flow = match handled {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.raised.replace(Some(error));
                ControlFlow::Break(())
            }
        };
        self.give_up();
        flow
    }

    fn before_sleep(&self) -> ControlFlow<()> {
        self.on_interrupt()
    }

    fn after_block(&self) {
        self.take_back();
    }
}
