//! Processes of a Rust program: a function that runs in a process of its own.
//!
//! [`Process::spawn`] starts one; [`Builder`] gives it a name, makes it a daemon or chooses the start method. A process
//! that ends by itself waits for its children; daemons are ended with their parent however that ends, others when a
//! signal ended it. The function is like a program's `main`: what it returns becomes the exit code. To get a value
//! back, send it through a queue, or give the call to a pool.

use super::child::PANICKED;
use super::children;
use super::entry::{self, Entry, Failure};
use super::error::{ProcessError, StartError};
use super::handover::Program;
use super::here::here;
use super::request::{Instruction, Order, Share};
use super::started::{Room, Started};
use super::supervisor::claim;
use super::{leaving, reaper, start_exec, zygote};
use crate::arena::{Arena, Role, next_child};
use crate::platform::atomic::Ordering;
use crate::platform::fork::{Side, fork_plain};
use crate::platform::pidfd::ExitStatus;
use crate::platform::{Deadline, memory};
use crate::sync::Blocking;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Termination;
use std::sync::Arc;
use std::time::Duration;

/// How a process comes to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartMethod {
    /// Cloned from a small process that was exec'd once: the same cost whatever the program's memory.
    #[default]
    Zygote,
    /// The program is executed once more.
    Exec,
}

/// Settings of a process that is to be started.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is started before `spawn`"]
pub struct Builder {
    name: Option<String>,
    daemon: bool,
    method: StartMethod,
}

impl Builder {
    /// What it is called in messages; `Process-1` and so on by default.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Whether it ends with its parent however that ends; otherwise a parent that ends waits for it.
    pub fn daemon(mut self, daemon: bool) -> Builder {
        self.daemon = daemon;
        self
    }

    /// How it is started.
    pub fn method(mut self, method: StartMethod) -> Builder {
        self.method = method;
        self
    }

    /// Starts a process that calls `function` with `argument`. `function` is a function, or a closure that captures
    /// nothing; what it returns is what `main` may return, and is reported in the same way.
    ///
    /// # Errors
    /// When the function is not the program's own code, the argument cannot be written, or the system refuses.
    pub fn spawn<F, A, T>(self, function: F, argument: A) -> Result<Process, StartError>
    where
        F: Fn(A) -> T + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        T: Termination,
    {
        const { entry::assert_captures_nothing::<F>() };
        self.start(function, argument)
    }

    fn start<F, A, T>(self, function: F, argument: A) -> Result<Process, StartError>
    where
        F: Fn(A) -> T + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        T: Termination,
    {
        let name = self.name.clone().unwrap_or_else(next_name);
        let entry =
            Entry::of_main(function).map_err(|source| StartError::Entry { name: name.clone(), source })?;
        let arguments = entry::arguments(&argument)
            .map_err(|source| StartError::Arguments { name: name.clone(), source })?;
        let payload = entry.written(&arguments);
        let report =
            memory::note_file("report").map_err(StartError::system(&name, "making a memory file"))?;
        let order = Order {
            name: &name,
            role: self.role(),
            payload: Instruction::entry(&payload),
            descriptors: &[report.as_fd()],
            share: Share::All,
        };
        children::reap();
        let started = match self.method {
            StartMethod::Zygote => zygote::start(&order)?,
            StartMethod::Exec => start_exec::start(&Program::myself(), &order)?,
        };
        drop(argument);
        Ok(Process::of(started, Some(report)))
    }

    /// Forks the calling process; the child calls `run` and ends. It sees a copy of everything.
    ///
    /// # Errors
    /// When the system refuses.
    ///
    /// # Safety
    /// When this process has other threads, `run` may use nothing that could wait for a lock which one of them held: no
    /// allocation, no output. Nothing may hang on values that the caller's stack drops being dropped in the child.
    pub unsafe fn fork(self, run: impl FnOnce()) -> Result<Process, StartError> {
        let name = self.name.clone().unwrap_or_else(next_name);
        let arena = Arena::get().map_err(StartError::arena(&name))?;
        let payload = Instruction::default();
        let order = Order { name: &name, role: self.role(), payload, descriptors: &[], share: Share::All };
        children::reap();
        // Best effort: waiters sweep themselves while there is no reaper.
        let _ = reaper::ensure(arena);
        let room =
            Room::reserve().map_err(StartError::system(&name, "opening a descriptor of the process"))?;
        let slot = claim(arena, &order)?;
        next_child(slot);
        // SAFETY: the caller's promise.
        match unsafe { fork_plain() } {
            Ok(Side::Child) => {
                leaving::register();
                let code = entry::caught(run).map_or(PANICKED, |()| 0);
                std::process::exit(code)
            }
            Ok(Side::Parent(pid)) => {
                arena.adopt_slot_for(slot, pid);
                reaper::note_started(arena);
                let started = Started::new(name.clone(), slot, order.role, pid, room)
                    .map_err(StartError::system(&name, "opening a descriptor of the process"))?;
                Ok(Process::of(Arc::new(started), None))
            }
            Err(error) => {
                arena.abandon_slot(slot);
                Err(StartError::system(&name, "fork")(error))
            }
        }
    }

    fn role(&self) -> Role {
        if self.daemon { Role::Daemon } else { Role::User }
    }
}

/// `Process-N`; in a process that has such a name itself, its name and `:N`.
fn next_name() -> String {
    let number = here().named.fetch_add(1, Ordering::Relaxed) + 1;
    let own = Arena::current()
        .and_then(|arena| crate::arena::this_process().ok().map(|process| arena.process(process).name()));
    match own {
        Some(own) if own.starts_with("Process-") => format!("{own}:{number}"),
        _ => format!("Process-{number}"),
    }
}

/// A process that this one started. Dropping the handle leaves the process running.
#[derive(Debug)]
pub struct Process {
    started: Arc<Started>,
    report: Option<OwnedFd>,
}

impl Process {
    /// Starts a process that calls `function` with `argument`: see [`Builder::spawn`].
    ///
    /// # Errors
    /// As there.
    pub fn spawn<F, A, T>(function: F, argument: A) -> Result<Process, StartError>
    where
        F: Fn(A) -> T + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        T: Termination,
    {
        const { entry::assert_captures_nothing::<F>() };
        Process::builder().start(function, argument)
    }

    /// Settings for a process to start.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn of(started: Arc<Started>, report: Option<OwnedFd>) -> Process {
        leaving::register();
        children::add(&started);
        Process { started, report }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.started.name()
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.started.pid()
    }

    /// Whether it ends with its parent however that ends.
    pub fn is_daemon(&self) -> bool {
        self.started.role() == Role::Daemon
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.started.is_alive()
    }

    /// How it ended: exit code or signal; `None` while it runs.
    pub fn status(&self) -> Option<ExitStatus> {
        self.started.status()
    }

    /// Polls readable when it has ended.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.started.sentinel()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it did not end in good order: its function panicked, its exit code was not 0, or a signal ended it.
    pub fn join(&self) -> Result<(), ProcessError> {
        self.wait(None).unwrap_or(Ok(()))
    }

    /// Waits until it has ended, at most for `timeout`; `None` when it still runs then.
    ///
    /// # Errors
    /// As [`Process::join`].
    pub fn join_timeout(&self, timeout: Duration) -> Option<Result<(), ProcessError>> {
        self.wait(Deadline::after(timeout))
    }

    fn wait(&self, deadline: Option<Deadline>) -> Option<Result<(), ProcessError>> {
        let (name, pid, parent) = (self.name().to_owned(), self.pid(), self.started.parent());
        if parent != crate::platform::process::getpid() {
            return Some(Err(ProcessError::NotMine { name, pid, parent }));
        }
        // Nothing interrupts it.
        let status = self.started.wait(deadline, &Blocking).unwrap_or_default()?;
        Some(match self.failure() {
            Some(failure) => Err(ProcessError::Failed { name, pid, failure }),
            None => ProcessError::of(&name, pid, status),
        })
    }

    fn failure(&self) -> Option<Failure> {
        let report = self.report.as_ref()?;
        entry::failure(&memory::read_note(report).ok()?)
    }

    /// Asks it to end (SIGTERM). Nothing happens when it has ended.
    ///
    /// # Errors
    /// EPERM when it runs as another user.
    pub fn terminate(&self) -> io::Result<()> {
        self.started.signal(libc::SIGTERM)
    }

    /// Ends it at once (SIGKILL). Nothing happens when it has ended.
    ///
    /// # Errors
    /// EPERM when it runs as another user.
    pub fn kill(&self) -> io::Result<()> {
        self.started.signal(libc::SIGKILL)
    }

    /// Sends it a signal. Nothing happens when it has ended.
    ///
    /// # Errors
    /// EPERM when it runs as another user, EINVAL for no signal.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        self.started.signal(signal)
    }
}
