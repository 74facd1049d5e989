//! Waiting without the interpreter lock, and running signal handlers in the midst of it.
//!
//! [`Patient`] is how the engine waits on behalf of Python code: it gives the lock up before the first yield, takes it
//! back for signal handlers and at the end, and ends the wait when a handler raises. While it lasts, others can ask
//! what its thread waits for, and whether it has that and only wants the interpreter lock back. When very many want
//! that at the same time, they come to it through a door.

use super::places::behind;
use manyhands::platform::atomic::{AtomicBool, Ordering};
use manyhands::platform::process::getpid;
use manyhands::platform::thread::gettid;
use manyhands::sync::{Door, Site, Waiting, this_thread_number};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How many threads at most ask for the interpreter lock at the same time after a wait. Whoever waits for it wakes
/// every 5 ms to ask again: with thousands that is all they do. Fewer would be kept from it by a thread that computes,
/// as each would only ask when another has had its turn.
const MOST_AT_THE_LOCK: u32 = 64;

static DOOR: Door = Door::new(MOST_AT_THE_LOCK);

/// Takes the interpreter lock back.
///
/// # Safety
/// `saved` is what `PyEval_SaveThread` gave in this thread, and was not restored yet.
unsafe fn restore(saved: *mut ffi::PyThreadState) {
    // The first thread has signals to handle, and does not wait for others.
    if is_first_thread() {
        // SAFETY: the caller's promise.
        return unsafe { ffi::PyEval_RestoreThread(saved) };
    }
    let is_inside = DOOR.enter();
    // While the interpreter is being torn down this ends the thread. Its place is lost then; the first thread needs
    // none. SAFETY: the caller's promise.
    unsafe { ffi::PyEval_RestoreThread(saved) };
    if is_inside {
        DOOR.leave();
    }
}

/// A wait that has given the interpreter lock up.
struct Noted {
    /// What is waited for, where that is known.
    object: Option<Py<PyAny>>,
    /// Whether only the interpreter lock is wanted just now.
    ready: Arc<AtomicBool>,
}

/// The waits of each thread, by its number in the wait graph; a signal handler may wait within a wait.
type Waits = BTreeMap<u32, Vec<Noted>>;

/// The waits, and those of a fork's child whose copy of them is not to be had: another thread was writing there. That
/// takes an interpreter without a lock, under which alone these are touched otherwise.
struct Book {
    waits: Mutex<Waits>,
    next: OnceLock<Box<Book>>,
}

impl Book {
    const fn new() -> Book {
        Book { waits: Mutex::new(BTreeMap::new()), next: OnceLock::new() }
    }

    /// This process's.
    fn own() -> &'static Book {
        static FIRST: Book = Book::new();
        let mut book = &FIRST;
        while let Some(next) = book.next.get() {
            book = next;
        }
        book
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In a fork's child: only the calling thread is here, and only its waits are kept.
#[pyfunction]
pub fn keep_own_waits() {
    let book = Book::own();
    let others = match book.waits.try_lock() {
        Ok(mut waits) => {
            let own = this_thread_number();
            let mut others = std::mem::take(&mut *waits);
            waits.extend(others.remove_entry(&own));
            others
        }
        Err(_) => {
            book.next.get_or_init(|| Box::new(Book::new()));
            return;
        }
    };
    // What others waited for may go with this, and run code.
    drop(others);
}

/// Has a fork's child keep no waits but its own.
pub fn prepare_forks(py: Python<'_>, keep_own_waits: &Bound<'_, PyAny>) -> PyResult<()> {
    let named = PyDict::new(py);
    named.set_item("after_in_child", keep_own_waits)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&named)).map(drop)
}

/// Whether a thread is in a wait of the engine: `None`, or whether it is ready to go on, and what it waits for.
#[pyfunction]
pub fn waits_for(py: Python<'_>, number: u32) -> Option<(bool, Option<Py<PyAny>>)> {
    let noted = Book::own().waits();
    let last = noted.get(&number)?.last()?;
    Some((last.ready.load(Ordering::Relaxed), last.object.as_ref().map(|object| object.clone_ref(py))))
}

/// Runs what needs the interpreter lock in a thread that may have given it up in the midst of a wait, and is in no
/// hurry.
pub fn attached<R>(run: impl FnOnce(Python<'_>) -> R) -> R {
    // SAFETY: any thread may ask for the lock, whether it has it or not; given back below.
    let before = unsafe { ffi::PyGILState_Ensure() };
    // SAFETY: attached by the line above.
    let result = unsafe { Python::attach_unchecked(run) };
    // SAFETY: what `Ensure` gave, in the same thread.
    unsafe { ffi::PyGILState_Release(before) };
    result
}

thread_local! {
    static IS_FIRST: Cell<Option<bool>> = const { Cell::new(None) };
    static RAISED_LATE: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Whether the calling thread is the process's first one, in which Python handles signals.
fn is_first_thread() -> bool {
    IS_FIRST.get().unwrap_or_else(|| {
        let is_first = gettid() == getpid();
        IS_FIRST.set(Some(is_first));
        is_first
    })
}

/// Has the wait of this thread, in whose midst Python code ran, end with what a signal's handler raised in there.
pub fn raise_in_wait(error: PyErr) {
    RAISED_LATE.set(Some(error));
}

/// One wait of a thread that holds the interpreter lock.
pub struct Patient<'py> {
    saved: Cell<*mut ffi::PyThreadState>,
    raised: RefCell<Option<PyErr>>,
    object: Option<Bound<'py, PyAny>>,
    /// How many callers further out the program waits.
    callers: u32,
    ready: RefCell<Option<Arc<AtomicBool>>>,
    py: Python<'py>,
}

impl<'py> Patient<'py> {
    /// For a wait of the calling thread.
    pub fn new(py: Python<'py>) -> Patient<'py> {
        Patient {
            saved: Cell::new(std::ptr::null_mut()),
            raised: RefCell::new(None),
            object: None,
            callers: 0,
            ready: RefCell::new(None),
            py,
        }
    }

    /// For a wait of the calling thread for this object.
    pub fn on<T>(object: &Bound<'py, T>) -> Patient<'py> {
        Patient { object: Some(object.as_any().clone()), ..Patient::new(object.py()) }
    }

    /// On behalf of whoever called the caller.
    pub fn for_caller(self) -> Patient<'py> {
        Patient { callers: self.callers + 1, ..self }
    }

    /// What a signal handler raised, if that ended the wait.
    pub fn raised(self) -> Option<PyErr> {
        self.raised.take()
    }

    /// The token of the thread that waits.
    pub fn py(&self) -> Python<'py> {
        self.py
    }

    fn give_up(&self) {
        debug_assert!(self.saved.get().is_null(), "the lock is given up once at a time");
        self.is_ready(false);
        // SAFETY: `py` proves that this thread holds the lock; it is taken back before `py` is used again.
        self.saved.set(unsafe { ffi::PyEval_SaveThread() });
    }

    fn take_back(&self) {
        let saved = self.saved.replace(std::ptr::null_mut());
        if !saved.is_null() {
            self.is_ready(true);
            // SAFETY: the state that `give_up` saved in this thread, restored once.
            unsafe { restore(saved) };
        }
    }

    fn is_ready(&self, ready: bool) {
        if let Some(noted) = &*self.ready.borrow() {
            noted.store(ready, Ordering::Relaxed);
        }
    }

    fn note(&self) {
        let ready = Arc::new(AtomicBool::new(false));
        self.ready.replace(Some(Arc::clone(&ready)));
        let object = self.object.as_ref().map(|object| object.clone().unbind());
        let mut noted = Book::own().waits();
        noted.entry(this_thread_number()).or_default().push(Noted { object, ready });
    }

    fn forget(&self) {
        let number = this_thread_number();
        let mut noted = Book::own().waits();
        let waits = noted.get_mut(&number);
        let last = waits.and_then(|waits| if waits.len() > 1 { waits.pop() } else { None });
        let only = if last.is_none() { noted.remove(&number) } else { None };
        // An object may go with this, and run code.
        drop(noted);
        drop((last, only));
    }
}

impl Waiting for Patient<'_> {
    fn before_block(&self) {
        self.note();
        self.give_up();
    }

    fn on_interrupt(&self) -> ControlFlow<()> {
        self.take_back();
        let handled = RAISED_LATE.take().map_or_else(|| self.py.check_signals(), Err);
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
        self.forget();
    }

    fn site(&self) -> Site {
        // While it is given up there is no looking at frames.
        if self.saved.get().is_null() { behind(self.py, self.callers) } else { Site::Unknown }
    }
}
