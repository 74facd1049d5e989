//! The compiled half of `manyhands.threading`: locks, conditions, semaphores, events and barriers for the threads of
//! one process.
//!
//! Each is one of the engine's primitives that behaves as the standard library's class does. `lock` has both kinds of
//! locks, whose hot methods are raw (`ffi::methods`). `condition`, `semaphore`, `event` and `barrier` have one class
//! each; `held` has the locks that a condition stands on. `thread` has what the wait graph, and a look at a thread's
//! state, need of a thread.

mod barrier;
mod condition;
mod event;
mod held;
mod lock;
mod semaphore;
mod thread;

pub use barrier::ThreadBarrier;
pub use condition::ThreadCondition;
pub use event::ThreadEvent;
pub use lock::{ThreadLock, ThreadRLock};
pub use semaphore::ThreadSemaphore;
pub use thread::{ThreadLife, enter_thread, kernel_state};

use crate::errors::deadlock_text;
use crate::ffi::{attached, install, raise_in_wait};
use manyhands::sync::{interrupts_only_raise_if, suspicions_go_to};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyModule;

/// The `repr` of an object, as the standard library writes it.
fn named<T>(object: &Bound<'_, T>, state: &str) -> PyResult<String> {
    let class = object.as_any().get_type();
    let (module, name) = (class.module()?, class.qualname()?);
    // With the standard module's name, which programs know.
    let module = module.to_string();
    let module = module.strip_prefix("manyhands.").unwrap_or(&module);
    Ok(format!("<{module}.{name} at {:#x}: {state}>", object.as_ptr() as usize))
}

/// Whether Ctrl-C has its default effect: it raises KeyboardInterrupt in the main thread.
fn interrupts_raise(py: Python<'_>) -> PyResult<bool> {
    let signal = py.import("_signal")?;
    let handler = signal.call_method1("getsignal", (signal.getattr("SIGINT")?,))?;
    Ok(handler.is(&signal.getattr("default_int_handler")?))
}

/// Puts the raw methods on the locks, and gives the engine the two Python functions that it needs: one that reports a
/// suspected deadlock, and one that asks what Ctrl-C does.
pub fn prepare(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    install::<ThreadLock>(&py.get_type::<ThreadLock>(), &[(c"acquire_lock", c"release_lock")])?;
    install::<ThreadRLock>(&py.get_type::<ThreadRLock>(), &[])?;
    interrupts_only_raise_if(|| attached(|py| interrupts_raise(py).unwrap_or(false)));
    suspicions_go_to(|suspicion| {
        attached(|py| {
            let reported = py
                .import("manyhands._places")
                .and_then(|places| places.call_method1("suspect", (deadlock_text(suspicion),)));
            match reported {
                Ok(_) => {}
                Err(error) if error.is_instance_of::<PyException>(py) => error.write_unraisable(py, None),
                // Ctrl-C came in the midst of the report. It was meant for the program, so it ends the wait.
                Err(interruption) => raise_in_wait(interruption),
            }
        });
    });
    Ok(())
}
