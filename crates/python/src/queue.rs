//! Queues between processes, as Python's classes build on them.
//!
//! [`Queue`] and [`SimpleQueue`] are base classes: the Python package adds what needs no speed. Plain values go as they
//! are, everything else is pickled before it is put, so `put` never waits for anything but room. Closing is a matter of
//! one process, as in the standard library: a copy of the object in a fork's child is open.

use crate::errors::from_arena;
use crate::ffi::Patient;
use crate::later::{Later, shared_class};
use crate::patience::{limit_of_poll, limit_of_semaphore};
use crate::pickled::{self, Pickled};
use crate::tally::{Counted, Tally};
use crate::value::{self, Arguments, Named, Tag, error_of, truth};
use manyhands::arena::{Handle, this_process};
use manyhands::channel::{Buffer, Content, GetError, Message, PutError, RawQueue, Readiness};
use manyhands::platform::Deadline;
use manyhands::platform::atomic::{AtomicBool, AtomicU32, Ordering};
use manyhands::platform::process::getpid;
use manyhands::sync::RawLease;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

static EMPTY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static FULL: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The exception `queue.Empty`.
pub fn empty(py: Python<'_>) -> PyErr {
    error_of(py, &EMPTY, ("manyhands.queue", "Empty"), ())
}

/// The exception `queue.Full`.
pub fn full(py: Python<'_>) -> PyErr {
    error_of(py, &FULL, ("manyhands.queue", "Full"), ())
}

/// Whether there is to be a wait at all.
fn waits(block: bool, timeout: Option<f64>) -> bool {
    block && timeout.is_none_or(|seconds| seconds > 0.0 || seconds.is_nan())
}

/// A message on its way into a queue.
struct Sent<'a> {
    tag: Tag,
    parts: &'a [&'a [u8]],
    /// What it names in the arena.
    objects: &'a [Handle],
}

impl<'a> Sent<'a> {
    /// A plain value.
    fn plain(tag: Tag, parts: &'a [&'a [u8]]) -> Sent<'a> {
        Sent { tag, parts, objects: &[] }
    }
}

/// A queue, whether this process has closed it, and whether it has put something there before.
pub struct Ends {
    raw: RawQueue,
    /// The process that called `close`; 0 for none.
    closed_by: AtomicU32,
    /// The process that put something last, by its number in the arena; 0 for none.
    put_by: AtomicU32,
    /// Where it is counted what each process takes, if anywhere.
    taken: OnceLock<Arc<Counted>>,
    /// The process that closed the reader; 0 for none.
    reader_closed_by: AtomicU32,
    /// Whether there is a readiness, which each `get` has to keep right.
    is_watched: AtomicBool,
    readiness: Mutex<Option<Readiness>>,
}

impl Ends {
    pub fn new(limit: i64, handle: Option<u64>) -> PyResult<Ends> {
        let raw = match (handle, u64::try_from(limit)) {
            (Some(handle), _) => RawQueue::attach(Handle::from_raw(handle)),
            (None, Ok(limit @ 1..)) => RawQueue::bounded(limit),
            (None, _) => RawQueue::growing(),
        };
        Ok(Ends {
            raw: raw.map_err(from_arena)?,
            closed_by: AtomicU32::new(0),
            put_by: AtomicU32::new(0),
            taken: OnceLock::new(),
            reader_closed_by: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            readiness: Mutex::new(None),
        })
    }

    pub fn queue(&self) -> &RawQueue {
        &self.raw
    }

    pub fn handle(&self) -> Option<Handle> {
        Some(self.raw.handle())
    }

    #[inline]
    fn is_closed(&self) -> bool {
        let by = self.closed_by.load(Ordering::Relaxed);
        by != 0 && by == getpid()
    }

    fn close(&self) {
        self.closed_by.store(getpid(), Ordering::Relaxed);
    }

    /// This process takes nothing more.
    pub fn close_reader(&self) {
        self.reader_closed_by.store(getpid(), Ordering::Relaxed);
        drop(self.readiness().take());
    }

    /// An OSError when the reader is closed in this process. In the standard library a process that has put something
    /// gives up its end for reading, too, when it closes the queue; one that has not can still look.
    #[inline]
    pub fn check_reader(&self) -> PyResult<()> {
        let by = self.reader_closed_by.load(Ordering::Relaxed);
        if by != 0 && by == getpid() || self.is_closed() && self.has_put() {
            return Err(PyOSError::new_err("handle is closed"));
        }
        Ok(())
    }

    fn readiness(&self) -> MutexGuard<'_, Option<Readiness>> {
        // Held for a moment, under the interpreter lock.
        self.readiness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a descriptor that shows whether the queue has something.
    pub fn descriptor(&self) -> PyResult<i32> {
        self.check_reader()?;
        let mut readiness = self.readiness();
        let readiness = match readiness.take().filter(Readiness::is_here) {
            Some(there) => readiness.insert(there),
            None => readiness.insert(Readiness::of(vec![self.raw.clone()])?),
        };
        readiness.refresh();
        self.is_watched.store(true, Ordering::Relaxed);
        Ok(readiness.number())
    }

    /// After a look at the queue that took something or found nothing: its descriptor, if it has one, is to say so.
    #[inline]
    pub fn refresh(&self) {
        if self.is_watched.load(Ordering::Relaxed)
            && let Some(readiness) = &*self.readiness()
        {
            readiness.refresh();
        }
    }

    fn open_again(&self) {
        self.closed_by.store(0, Ordering::Relaxed);
    }

    #[inline]
    fn note_put(&self) {
        if let Ok(process) = this_process() {
            self.put_by.store(process.raw(), Ordering::Relaxed);
        }
    }

    fn has_put(&self) -> bool {
        this_process().is_ok_and(|process| process.raw() == self.put_by.load(Ordering::Relaxed))
    }

    #[inline]
    fn put<Q>(
        &self,
        queue: &Bound<'_, Q>,
        lease: Option<&RawLease>,
        message: Sent<'_>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let Sent { tag, parts, objects } = message;
        let until = if waits(block, timeout) { Some(limit_of_semaphore(timeout)?) } else { None };
        let patient = Patient::on(queue).tied_to(lease);
        // A time that is past lets the queue look before it gives up.
        let deadline = until.unwrap_or_else(|| Deadline::after(Duration::ZERO));
        let put = match (until, parts) {
            _ if !objects.is_empty() => self.raw.put_parts_naming(parts, objects, tag, deadline, &patient),
            (None, [bytes]) => self.raw.try_put(bytes, tag),
            _ => self.raw.put_parts(parts, tag, deadline, &patient),
        };
        match put {
            Ok(()) => Ok(()),
            Err(PutError::Full { .. }) => Err(full(queue.py())),
            Err(PutError::Interrupted { .. }) => {
                Err(patient.raised().expect("a handler raised, or a lease is over"))
            }
            Err(PutError::Arena { source, .. }) => Err(from_arena(source)),
            Err(error) => Err(PyValueError::new_err(error.to_string())),
        }
    }

    fn put_pickled<Q>(
        &self,
        queue: &Bound<'_, Q>,
        lease: Option<&RawLease>,
        pickled: &Pickled<'_>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        pickled.with_parts(|tag, parts| {
            self.put(queue, lease, Sent { tag, parts, objects: &pickled.objects }, block, timeout)
        })
    }

    #[inline]
    pub fn get<'py, Q>(
        &self,
        queue: &Bound<'py, Q>,
        lease: Option<&RawLease>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = queue.py();
        if self.reader_closed_by.load(Ordering::Relaxed) != 0 {
            self.check_reader()?;
        }
        let mut buffer = Buffer::new();
        let until = if waits(block, timeout) { Some(limit_of_poll(py, timeout)?) } else { None };
        let taken = match until {
            None => self.raw.try_get(&mut buffer),
            Some(until) => {
                let patient = Patient::on(queue).tied_to(lease);
                let taken = self.raw.get(&mut buffer, until, &patient);
                if let Err(GetError::Interrupted { .. }) = taken {
                    return Err(patient.raised().expect("a handler raised, or a lease is over"));
                }
                taken
            }
        };
        self.refresh();
        match taken {
            Ok(message) => {
                if let Some(tally) = self.taken.get() {
                    tally.add();
                }
                object(py, message)
            }
            Err(GetError::Empty { .. }) => Err(empty(py)),
            Err(GetError::Arena { source, .. }) => Err(from_arena(source)),
            Err(error) => Err(PyValueError::new_err(error.to_string())),
        }
    }
}

/// The object of a message.
#[inline]
pub fn object<'py>(py: Python<'py>, message: Message<'_>) -> PyResult<Bound<'py, PyAny>> {
    if let Some(object) = value::object(py, message.tag, &message.content)? {
        return Ok(object);
    }
    match message.content {
        Content::Block(block) if message.tag == value::PICKLE_WITH_BUFFERS => {
            pickled::unpickle_with_buffers(py, block)
        }
        content => pickled::unpickle(py, &content),
    }
}

fn closed_error(queue: &Bound<'_, PyAny>) -> PyErr {
    match queue.repr() {
        Ok(text) => PyValueError::new_err(format!("Queue {text} is closed")),
        Err(error) => error,
    }
}

impl Queue {
    pub fn ends(&self) -> PyResult<Arc<Ends>> {
        self.ends.get().cloned()
    }

    #[inline]
    fn hand_over(
        slf: &Bound<'_, Self>,
        obj: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        let (py, lease, ends) = (slf.py(), slf.get().ends.lease(), slf.get().ends.get()?);
        if ends.is_closed() {
            return Err(closed_error(slf));
        }
        if let Some((tag, bytes)) = value::plain(obj) {
            ends.put(slf, lease, Sent::plain(tag, &[&bytes]), block, timeout)?;
            ends.note_put();
            return Ok(true);
        }
        match pickled::pickle(obj, "dumps_queued") {
            Ok(pickled) => {
                ends.put_pickled(slf, lease, &pickled, block, timeout)?;
                ends.note_put();
                Ok(true)
            }
            Err(error) if error.is_instance_of::<PyException>(py) => {
                ends.note_put();
                slf.call_method1("_on_queue_feeder_error", (error.into_value(py), obj))?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

shared_class! {
    /// What `multiprocessing.Queue` is made of.
    Queue { ends: Arc<Ends> }:

    /// Makes the queue in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (maxsize, handle = None))]
    fn open(&self, maxsize: i64, handle: Option<u64>) -> PyResult<()> {
        self.ends.set(Arc::new(Ends::new(maxsize, handle)?))
    }

    /// Puts an object into the queue. It is pickled and handed over before this returns; later changes are not seen.
    ///
    /// Where the queue is full it waits for room, or for `timeout` seconds if that is given, and raises Full when they
    /// are over. With `block` false it raises Full at once. An object that cannot be pickled is reported and dropped.
    /// Raises ValueError when this process has closed the queue.
    #[pyo3(signature = (obj, block = true, timeout = None))]
    fn put(
        slf: &Bound<'_, Self>,
        obj: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        Queue::hand_over(slf, obj, block, timeout).map(|_| ())
    }

    /// `put` that says whether the object is there: one that cannot be pickled is reported and dropped.
    #[pyo3(name = "_manyhands_hand_over", signature = (obj, block = true, timeout = None))]
    fn put_and_say(
        slf: &Bound<'_, Self>,
        obj: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        Queue::hand_over(slf, obj, block, timeout)
    }

    /// Takes the next object out of the queue and returns it. Where the queue is empty, it first waits for one.
    ///
    /// It waits until there is an object, or for `timeout` seconds if that is given, and raises Empty when they are
    /// over. With `block` false it raises Empty at once. Raises ValueError when this process has closed the queue.
    #[pyo3(signature = (block = true, timeout = None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ends = slf.get().ends.get()?;
        if ends.is_closed() {
            return Err(closed_error(slf));
        }
        ends.get(slf, slf.get().ends.lease(), block, timeout)
    }

    /// How many objects wait: exact while nobody else puts or takes.
    fn qsize(&self) -> PyResult<u64> {
        let ends = self.ends.get()?;
        ends.refresh();
        Ok(ends.raw.len())
    }

    /// Whether no object waits.
    fn empty(&self) -> PyResult<bool> {
        let ends = self.ends.get()?;
        ends.check_reader()?;
        ends.refresh();
        Ok(ends.raw.is_empty())
    }

    /// Whether as many objects wait as `maxsize` allows. Without a limit it is False.
    fn full(&self) -> PyResult<bool> {
        Ok(self.ends.get()?.raw.is_full())
    }

    /// Closes the queue for this process: `put` and `get` raise ValueError from now on. Other processes go on using it.
    fn close(&self) -> PyResult<()> {
        let ends = self.ends.get()?;
        ends.close();
        if ends.check_reader().is_err() {
            ends.close_reader();
        }
        Ok(())
    }

    #[getter]
    fn _closed(&self) -> PyResult<bool> {
        Ok(self.ends.get()?.is_closed())
    }

    /// For a program that writes it. Before `__init__` that means nothing, which makes a queue that is open.
    #[setter(_closed)]
    fn set_closed(&self, #[pyo3(from_py_with = truth)] closed: bool) {
        match self.ends.get() {
            Ok(ends) if closed => ends.close(),
            Ok(ends) => ends.open_again(),
            Err(_) => {}
        }
    }

    /// Nothing can be put any more, by any process; what is there can still be taken.
    #[pyo3(name = "_manyhands_shut_down")]
    fn shut_down(&self) -> PyResult<()> {
        self.ends.get().map(|ends| ends.raw.close())
    }

    /// What a process takes counts there from now on.
    #[pyo3(name = "_manyhands_count_in")]
    fn count_in(&self, tally: &Tally) -> PyResult<()> {
        // Once; it stays the same one.
        let _ = self.ends.get()?.taken.set(tally.counted()?);
        Ok(())
    }

    #[getter(_manyhands_is_shut_down)]
    fn is_shut_down(&self) -> PyResult<bool> {
        Ok(self.ends.get()?.raw.is_closed())
    }

    #[getter(_manyhands_maxsize)]
    fn maxsize(&self) -> PyResult<Option<u64>> {
        Ok(self.ends.get()?.raw.limit())
    }
}

impl SimpleQueue {
    pub fn ends(&self) -> PyResult<Arc<Ends>> {
        self.ends.get().cloned()
    }

    #[inline]
    fn open_ends(&self) -> PyResult<&Ends> {
        let ends = self.ends.get()?;
        if ends.is_closed() { Err(PyOSError::new_err("handle is closed")) } else { Ok(ends) }
    }
}

shared_class! {
    /// What `multiprocessing.SimpleQueue` is made of.
    SimpleQueue { ends: Arc<Ends> }:

    /// Makes the queue in the arena, or attaches to the one that a handle names.
    #[pyo3(name = "_manyhands_open", signature = (maxsize, handle = None))]
    fn open(&self, maxsize: i64, handle: Option<u64>) -> PyResult<()> {
        self.ends.set(Arc::new(Ends::new(maxsize, handle)?))
    }

    /// Puts an object into the queue, which always has room for it. Raises what pickling it raises.
    fn put(slf: &Bound<'_, Self>, obj: &Bound<'_, PyAny>) -> PyResult<()> {
        let ends = slf.get().open_ends()?;
        match value::plain(obj) {
            Some((tag, bytes)) => ends.put(slf, None, Sent::plain(tag, &[&bytes]), true, None),
            None => ends.put_pickled(slf, None, &pickled::pickle(obj, "dumps_queued")?, true, None),
        }
    }

    /// Takes the next object out of the queue and returns it, waiting until there is one.
    fn get<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().open_ends()?.get(slf, None, true, None)
    }

    /// Whether no object waits.
    fn empty(&self) -> PyResult<bool> {
        let ends = self.open_ends()?;
        ends.refresh();
        Ok(ends.raw.is_empty())
    }

    /// Closes the queue for this process: its methods raise OSError from now on. Other processes go on using it.
    fn close(&self) -> PyResult<()> {
        let ends = self.ends.get()?;
        ends.close();
        ends.close_reader();
        Ok(())
    }
}
