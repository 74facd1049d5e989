//! The interpreter's part in a fork that a supervisor of the engine makes.
//!
//! These are the hooks that `os.fork` calls. Locks are taken before the fork and given back after it, threads are
//! forgotten in the child, and the functions given to `os.register_at_fork` run.
//!
//! A raw clone skips the fork handlers of libraries. So it is allowed only while nothing is loaded but the interpreter,
//! its own modules and the engine: anything else, such as numpy with its thread pool, may rely on its handlers.

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
    /// What was loaded when the process had nothing but the interpreter. `None` for the interpreter of a program, which
    /// may have loaded anything.
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
        // Runs the program's hooks, then takes the import lock, which is held until one of the two functions below. A
        // fork while another thread imports would leave the child a lock that no thread of it ever releases.
        // SAFETY: the calling thread holds the interpreter lock: supervisors and forks are entered from Python only.
        unsafe { ffi::PyOS_BeforeFork() };
    }

    fn in_parent(&mut self) {
        // SAFETY: as above; paired with `before`.
        unsafe { ffi::PyOS_AfterFork_Parent() };
    }

    fn in_child(&mut self) {
        // Drops the states of the threads that the child does not have, and makes the interpreter's locks anew: the
        // threads that waited for them are not there. Only then does it run the program's hooks, which are Python code.
        // SAFETY: as above; paired with `before`, in the only thread that the child has.
        unsafe { ffi::PyOS_AfterFork_Child() };
    }

    fn may_clone_raw(&self) -> bool {
        self.bare.as_ref().is_some_and(|bare| bare.only_since(is_harmless))
    }
}
