//! `Thread`: a thread with an owner, a name and a state, whose end can be waited for.
//!
//! It is the standard library's thread with what that lacks. That is a wait with a limit, a look at what it is doing,
//! and an edge in the wait graph for a thread that joins it. So a thread which waits for a lock of its joiner is a
//! deadlock and not a hang. A panic in it is an error for the joiner, with its message. Dropped, it is joined: no
//! thread outlives its owner unless it is detached.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::platform::Deadline;
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::stat;
use crate::platform::thread::gettid;
use crate::sync::{
    DeadlockStep, Event, Site, WaitError, adopt_number, is_waiting, name_this_thread, reserve_number,
    return_number, this_thread_number, wait_of,
};

/// What a thread is doing, as known when it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadState {
    /// It has been made and has not begun.
    New,
    /// It could run, and waits for permission, as a binding's interpreter may give it; never reported of a thread that
    /// only runs Rust.
    Ready,
    /// It runs.
    Running,
    /// It sleeps: in a wait of the engine, or in the kernel.
    Blocked,
    /// It has ended.
    Dead,
}

/// Why a thread gave no result.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ThreadError {
    /// It panicked, with this message; the panic itself is there for `std::panic::resume_unwind`.
    #[error("thread {name:?} panicked: {message}")]
    Panicked {
        /// The thread's name.
        name: String,
        /// What the panic said; a placeholder when it was no text.
        message: String,
        /// The panic.
        payload: Box<dyn Any + Send>,
    },
    /// It will never end, since it waits for the thread that joins it.
    #[error(transparent)]
    Wait(#[from] WaitError),
}

impl fmt::Debug for ThreadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

struct Shared<T> {
    /// Its number in the wait graph, from before it begins.
    number: u32,
    tid: AtomicU32,
    ended: Event,
    result: Mutex<Option<std::thread::Result<T>>>,
}

/// A thread that gives a `T`. Its drop joins it.
///
/// ```
/// use manyhands::Thread;
///
/// let words = Thread::spawn(|| "one two".split(' ').count())?;
/// assert_eq!(words.join()?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the thread is joined as soon as this is dropped"]
pub struct Thread<T> {
    name: String,
    shared: Arc<Shared<T>>,
    handle: Option<std::thread::JoinHandle<()>>,
}

/// How a thread is to be: its name, its stack.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is started before `spawn`"]
pub struct ThreadBuilder {
    name: Option<String>,
    stack_size: Option<usize>,
}

impl ThreadBuilder {
    /// Names the thread, for reports and for the system's tools, which show the first 15 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives it a stack of so many bytes.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no room for another thread, or the name holds a NUL.
    pub fn spawn<T: Send + 'static>(self, run: impl FnOnce() -> T + Send + 'static) -> io::Result<Thread<T>> {
        let name = self.name.unwrap_or_else(|| "thread".to_owned());
        if name.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a thread's name cannot hold a NUL"));
        }
        let number = reserve_number();
        let (tid, ended, result) = (AtomicU32::new(0), Event::new(), Mutex::new(None));
        let shared = Arc::new(Shared { number, tid, ended, result });
        let mut builder = std::thread::Builder::new().name(name.clone());
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        let handle = builder.spawn({
            let (shared, name) = (shared.clone(), name.clone());
            move || {
                adopt_number(number);
                name_this_thread(&name);
                shared.tid.store(gettid(), Ordering::Release);
                let result = catch_unwind(AssertUnwindSafe(run));
                *shared.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                shared.ended.set();
            }
        });
        let handle = handle.inspect_err(|_| return_number(number))?;
        Ok(Thread { name, shared, handle: Some(handle) })
    }

    /// Makes the thread without starting it.
    pub fn prepare<T: Send + 'static>(self, run: impl FnOnce() -> T + Send + 'static) -> NewThread<T> {
        NewThread { builder: self, run: Box::new(run) }
    }
}

/// A thread that has been made and not started. It is started once and has no end to wait for before; that is a matter
/// of compiling.
///
/// ```
/// use manyhands::{Thread, ThreadState};
///
/// let new = Thread::builder().name("later").prepare(|| 6 * 7);
/// assert_eq!(new.state(), ThreadState::New);
/// let thread = new.start()?;
/// assert_eq!(thread.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it does not run before `start`"]
pub struct NewThread<T> {
    builder: ThreadBuilder,
    run: Box<dyn FnOnce() -> T + Send>,
}

impl<T: Send + 'static> NewThread<T> {
    /// Starts the thread.
    ///
    /// # Errors
    /// As [`ThreadBuilder::spawn`].
    pub fn start(self) -> io::Result<Thread<T>> {
        self.builder.spawn(self.run)
    }

    /// [`ThreadState::New`].
    pub fn state(&self) -> ThreadState {
        ThreadState::New
    }
}

impl<T> fmt::Debug for NewThread<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewThread").field("builder", &self.builder).finish_non_exhaustive()
    }
}

impl Thread<()> {
    /// A thread to be: name it, then [`ThreadBuilder::spawn`] it.
    pub fn builder() -> ThreadBuilder {
        ThreadBuilder::default()
    }
}

impl<T: Send + 'static> Thread<T> {
    /// Starts a thread that runs `run`.
    ///
    /// # Errors
    /// As [`ThreadBuilder::spawn`].
    pub fn spawn(run: impl FnOnce() -> T + Send + 'static) -> io::Result<Thread<T>> {
        ThreadBuilder::default().spawn(run)
    }
}

impl<T> Thread<T> {
    /// Waits for the thread's end and gives its result.
    ///
    /// # Errors
    /// [`ThreadError::Panicked`]; [`ThreadError::Wait`] with a deadlock when it waits for the calling thread. In that
    /// case it is left alone.
    #[track_caller]
    pub fn join(mut self) -> Result<T, ThreadError> {
        let waited = self.wait_at(Site::here());
        if let Err(error) = waited {
            self.handle = None;
            return Err(error.into());
        }
        self.result()
    }

    /// Waits for the thread's end, at most for `timeout`, and gives its result, or itself when it has not ended.
    ///
    /// # Errors
    /// [`ThreadError::Panicked`].
    pub fn join_timeout(mut self, timeout: Duration) -> Result<Result<T, Self>, ThreadError> {
        let (number, deadline) = (self.shared.number, Deadline::after(timeout));
        match self.shared.ended.wait_for_end_of(number, deadline, Site::Unknown) {
            Ok(()) => self.result().map(Ok),
            Err(_) => Ok(Err(self)),
        }
    }

    fn wait_at(&self, site: Site) -> Result<(), WaitError> {
        if self.shared.ended.is_set() {
            return Ok(());
        }
        self.shared.ended.wait_for_end_of(self.shared.number, None, site)
    }

    /// The result of a thread that has ended.
    fn result(&mut self) -> Result<T, ThreadError> {
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
        let result = self.shared.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.expect("it is written before the end is told, and taken once").map_err(|payload| {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            let message = text.unwrap_or_else(|| "something that is no text".to_owned());
            ThreadError::Panicked { name: self.name.clone(), message, payload }
        })
    }

    /// Lets the thread run on its own: nobody waits for its end.
    pub fn detach(mut self) {
        self.handle = None;
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        !self.shared.ended.is_set()
    }

    /// Whether it is the calling thread.
    pub(crate) fn is_this(&self) -> bool {
        self.shared.number == this_thread_number()
    }

    /// The kernel's number of it; `None` before it has begun.
    pub fn native_id(&self) -> Option<u32> {
        Some(self.shared.tid.load(Ordering::Relaxed)).filter(|tid| *tid != 0)
    }

    /// What it is doing now: in a wait of the engine, or else what the kernel says of it.
    ///
    /// ```
    /// use manyhands::{Lock, Thread, ThreadState};
    ///
    /// static LOCK: Lock<u32> = Lock::new(7);
    /// let guard = LOCK.lock()?;
    /// let thread = Thread::spawn(|| LOCK.lock().map(|number| *number))?;
    /// while thread.state() != ThreadState::Blocked {}
    /// drop(guard);
    /// assert_eq!(thread.join()??, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state(&self) -> ThreadState {
        if !self.is_alive() {
            return ThreadState::Dead;
        }
        let Some(tid) = self.native_id() else { return ThreadState::New };
        if is_waiting(self.shared.number) {
            return ThreadState::Blocked;
        }
        match stat::state_of_thread(tid) {
            Some(b'R') => ThreadState::Running,
            Some(_) => ThreadState::Blocked,
            None => ThreadState::Dead,
        }
    }
}

impl<T> Thread<T> {
    /// What it waits for, where, and which thread has that, if it is in a wait of the engine that has no limit.
    ///
    /// ```
    /// # use manyhands::{Event, Lock, Thread};
    /// static LOCK: Lock<()> = Lock::new(());
    /// let guard = LOCK.lock()?;
    /// let thread = Thread::spawn(|| LOCK.lock().map(drop))?;
    /// let wait = loop {
    ///     if let Some(wait) = thread.waits_for() {
    ///         break wait;
    ///     }
    /// };
    /// assert!(wait.object.contains("lock"));
    /// # drop(guard);
    /// # thread.join()??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn waits_for(&self) -> Option<DeadlockStep> {
        if self.is_alive() { wait_of(self.shared.number) } else { None }
    }
}

impl<T> Drop for Thread<T> {
    fn drop(&mut self) {
        if self.handle.is_some()
            && let Err(error) = self.wait_at(Site::Unknown)
        {
            eprintln!("manyhands: thread {:?} is left alone: {error}", self.name);
        } else if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

impl<T> fmt::Debug for Thread<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Thread");
        debug.field("name", &self.name).field("state", &self.state()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
