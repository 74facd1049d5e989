//! Waiting without the interpreter lock, and running signal handlers in the midst of it.
//!
//! [`Patient`] is how the engine waits on behalf of Python code. It gives the lock up before the first yield and takes
//! it back at the end. In between it takes it back to run signal handlers, and ends the wait when one raises. While the
//! wait lasts, other threads can ask what this one waits for, and whether it has that and needs only the interpreter
//! lock. When very many threads need the lock at the same time, they come to it through a door.
//!
//! A wait may begin inside a wait: a signal handler, or a destructor that runs while the lock is taken back, may wait
//! for something else. So each thread has a stack of waits, and every reference is dropped outside the locks of this
//! module.

use super::places::behind;
use manyhands::platform::atomic::{AtomicBool, AtomicU32, Ordering};
use manyhands::platform::process::getpid;
use manyhands::platform::thread::gettid;
use manyhands::sync::{Door, RawLease, Site, Waiting, this_thread_number};
use pyo3::exceptions::PyEOFError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How many threads at most ask for the interpreter lock at the same time after a wait. A thread that waits for it
/// wakes every 5 ms to ask again; with thousands of threads they would do nothing else. A smaller number would starve
/// them beside a thread that computes: each would ask only after another has had its turn.
const MOST_AT_THE_LOCK: u32 = 64;

/// How many times as often as others a wait for an answer yields. To read a message, call a Python function and write
/// the answer takes some 10 us, and a processor that idles some 50 us to wake.
const EAGER: u32 = 6;

/// The text of the error for a wait whose lease is over.
const MANAGER_ENDED: &str = "the manager that this object belongs to has ended";

static DOOR: Door = Door::new(MOST_AT_THE_LOCK);

/// Takes the interpreter lock back.
///
/// # Safety
/// `saved` is what `PyEval_SaveThread` returned in this thread, and was not restored yet.
unsafe fn restore(saved: *mut ffi::PyThreadState) {
    // The first thread handles the signals, so it does not wait at the door behind the others.
    if is_first_thread() {
        // SAFETY: the caller's promise.
        return unsafe { ffi::PyEval_RestoreThread(saved) };
    }
    let is_inside = DOOR.enter();
    // While the interpreter is torn down, this call ends the thread and never returns. The thread's place at the door
    // is then lost. That harms nothing: the first thread, the only one that still runs Python code, needs no place.
    // SAFETY: the caller's promise.
    unsafe { ffi::PyEval_RestoreThread(saved) };
    if is_inside {
        DOOR.leave();
    }
}

/// A wait, which has given the interpreter lock up.
struct Noted {
    /// What the thread waits for, where that is known.
    object: Option<Py<PyAny>>,
    /// Whether the wait is over, and the thread only needs the interpreter lock.
    ready: Arc<AtomicBool>,
}

/// The waits of each thread, innermost last, by its number in the wait graph.
type Waits = BTreeMap<u32, Vec<Noted>>;

/// The waits of this process. With an interpreter lock only its holder touches them, so a fork never comes in the midst
/// of a change. Without one, another thread may be changing them at the moment of a fork. The child's copy then stays
/// locked for ever, so the child goes on with a new book, the next one.
struct Book {
    waits: Mutex<Waits>,
    next: OnceLock<Box<Book>>,
}

impl Book {
    const fn new() -> Book {
        Book { waits: Mutex::new(BTreeMap::new()), next: OnceLock::new() }
    }

    /// The book of this process.
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

/// Called in a fork's child, where only the calling thread exists: forgets the waits of all others.
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
    // Outside the lock: these may be the last references to what others waited for, and a destructor runs Python code.
    drop(others);
}

/// Registers [`keep_own_waits`] to run in the child of every fork.
pub fn prepare_forks(py: Python<'_>, keep_own_waits: &Bound<'_, PyAny>) -> PyResult<()> {
    let named = PyDict::new(py);
    named.set_item("after_in_child", keep_own_waits)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&named)).map(drop)
}

/// `None` when the thread is in no wait of the engine; else whether it is ready to go on, and what it waits for.
#[pyfunction]
pub fn waits_for(py: Python<'_>, number: u32) -> Option<(bool, Option<Py<PyAny>>)> {
    let noted = Book::own().waits();
    let last = noted.get(&number)?.last()?;
    Some((last.ready.load(Ordering::Relaxed), last.object.as_ref().map(|object| object.clone_ref(py))))
}

/// Runs code that needs the interpreter lock, in a thread that may have given it up in the midst of a wait. It may have
/// to wait for the lock, so it is for rare cases.
pub fn attached<R>(run: impl FnOnce(Python<'_>) -> R) -> R {
    // SAFETY: any thread may ask for the lock, whether it has it or not. It is given back below.
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

/// Ends the wait that this thread is in with `error`: Python code ran in the midst of it, and a signal handler raised
/// there.
pub fn raise_in_wait(error: PyErr) {
    RAISED_LATE.set(Some(error));
}

/// One wait of a thread that holds the interpreter lock.
pub struct Patient<'py> {
    saved: Cell<*mut ffi::PyThreadState>,
    raised: RefCell<Option<PyErr>>,
    object: Option<Bound<'py, PyAny>>,
    /// How many frames further out the wait began, for the program.
    callers: u32,
    ready: RefCell<Option<Arc<AtomicBool>>>,
    /// The word of a lease with which the wait ends, and what it says until then.
    lease: Option<(&'static AtomicU32, u32)>,
    eagerness: u32,
    py: Python<'py>,
}

impl<'py> Patient<'py> {
    /// A wait of the calling thread.
    pub fn new(py: Python<'py>) -> Patient<'py> {
        Patient {
            saved: Cell::new(std::ptr::null_mut()),
            raised: RefCell::new(None),
            object: None,
            callers: 0,
            ready: RefCell::new(None),
            lease: None,
            eagerness: 1,
            py,
        }
    }

    /// A wait of the calling thread for this object.
    pub fn on<T>(object: &Bound<'py, T>) -> Patient<'py> {
        Patient { object: Some(object.as_any().clone()), ..Patient::new(object.py()) }
    }

    /// Reports the place of the caller's caller as the place of the wait.
    pub fn for_caller(self) -> Patient<'py> {
        Patient { callers: self.callers + 1, ..self }
    }

    /// Waits for the other side of a conversation, which mostly answers sooner than a sleeper wakes.
    pub fn for_answer(self) -> Patient<'py> {
        Patient { eagerness: EAGER, ..self }
    }

    /// Ends with a lease, if there is one.
    pub fn tied_to(self, lease: Option<&RawLease>) -> Patient<'py> {
        Patient { lease: lease.map(RawLease::beside), ..self }
    }

    /// What a signal handler raised, if that has ended the wait; EOFError when a lease was over.
    pub fn raised(self) -> Option<PyErr> {
        let is_over = || self.lease.is_some_and(|(word, held)| word.load(Ordering::Acquire) != held);
        self.raised.take().or_else(|| is_over().then(|| PyEOFError::new_err(MANAGER_ENDED)))
    }

    /// The token of the thread that waits.
    pub fn py(&self) -> Python<'py> {
        self.py
    }

    fn give_up(&self) {
        debug_assert!(self.saved.get().is_null(), "the lock is given up once at a time");
        // Before the lock is given up: the next thread that has it may ask at once what this one does.
        self.is_ready(false);
        // SAFETY: `py` proves that this thread holds the lock; it is taken back before `py` is used again.
        self.saved.set(unsafe { ffi::PyEval_SaveThread() });
    }

    fn take_back(&self) {
        let saved = self.saved.replace(std::ptr::null_mut());
        if !saved.is_null() {
            // Before the lock is asked for, which may take long: the wait itself is over, and reports should say so.
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
        // Outside the lock: this may be the last reference to the object, and a destructor runs Python code, which may
        // wait.
        drop(noted);
        drop((last, only));
    }
}

impl Waiting for Patient<'_> {
    fn before_block(&self) {
        // Noted while the lock is still held, so a thread that has the lock never sees this one waiting unnoted.
        self.note();
        self.give_up();
    }

    fn on_interrupt(&self) -> ControlFlow<()> {
        self.take_back();
        // The lock is given up again even if a handler raised. The engine has still to leave its wait: it takes its
        // record out of the list and passes wake-ups on, and may sleep on the way. `after_block` takes the lock back
        // for good.
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

    // A signal that came between two sleeps interrupts neither of them, so its handler is looked for here.
    fn before_sleep(&self) -> ControlFlow<()> {
        self.on_interrupt()
    }

    fn after_block(&self) {
        self.take_back();
        self.forget();
    }

    fn eagerness(&self) -> u32 {
        self.eagerness
    }

    fn beside(&self) -> Option<(&'static AtomicU32, u32)> {
        self.lease
    }

    fn site(&self) -> Site {
        // Without the lock this thread's frames may not be read.
        if self.saved.get().is_null() { behind(self.py, self.callers) } else { Site::Unknown }
    }
}
