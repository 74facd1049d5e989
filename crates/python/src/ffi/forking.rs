//! What the interpreter must do around a fork, for the engine's supervisors.
//!
//! The same hooks that `os.fork` calls: locks are taken before and given back after, threads are forgotten in the
//! child, `os.register_at_fork`'s functions run. A raw clone is allowed only while nothing but the interpreter, its own
//! modules and the engine are loaded; anything else (numpy's thread pool) may rely on fork handlers that a clone skips.

use manyhands::spawn::{Forking, Loaded};
use pyo3::ffi;

/// Parts of file names of libraries that need no fork handlers.
const HARMLESS: [&str; 12] = [
    "/libc.so.",
    "/libgcc_s.so.",
    "/libm.so.",
    "/libpthread.so.",
    "/libdl.so.",
    "/libutil.so.",
    "/librt.so.",
    "/ld-linux",
    "linux-vdso",
    "/libpython3",
    "/lib-dynload/",
    "/manyhands/_engine.",
];

/// The interpreter of this process, about to be forked by a thread that holds its lock.
pub struct Interpreter {
    /// What was loaded when only the interpreter was; `None` when it is a program's, with whatever that has loaded.
    bare: Option<Loaded>,
}

impl Interpreter {
    /// An interpreter that runs nothing but a supervisor, called before it loads anything for others.
    pub fn bare() -> Interpreter {
        let loaded = Loaded::now();
        let program = std::env::current_exe().ok();
        let known =
            |file: &str| file.is_empty() || program.as_deref() == Some(file.as_ref()) || is_harmless(file);
        let bare = loaded.libraries().iter().all(|file| known(file));
        Interpreter { bare: bare.then_some(loaded) }
    }

    /// The interpreter of a user's program.
    pub fn of_program() -> Interpreter {
        Interpreter { bare: None }
    }
}

fn is_harmless(file: &str) -> bool {
    HARMLESS.iter().any(|known| file.contains(known))
}

impl Forking for Interpreter {
    fn before(&mut self) {
        // SAFETY: the calling thread holds the interpreter lock: supervisors and forks are entered from Python only.
        unsafe { ffi::PyOS_BeforeFork() };
    }

    fn in_parent(&mut self) {
        // SAFETY: as above; paired with `before`.
        unsafe { ffi::PyOS_AfterFork_Parent() };
    }

    fn in_child(&mut self) {
        // SAFETY: as above; paired with `before`, in the one thread that the child has.
        unsafe { ffi::PyOS_AfterFork_Child() };
    }

    fn may_clone_raw(&self) -> bool {
        self.bare.as_ref().is_some_and(|bare| bare.only_since(is_harmless))
    }
}
