//! Queues between the threads of a process, as Python's classes build on them.
//!
//! Objects are handed over as they are. [`ThreadQueue`] is what `queue.Queue` and `LifoQueue` are made of. Their items
//! stand in a store of ours until a program looks at the attributes that the standard class has (`mutex`, `queue`, the
//! conditions). Then the queue is *opened*: the items move into those attributes, and the standard library's own
//! functions, which the Python package adds, take over. No Python code runs while a thread is inside a monitor.

use crate::as_made::QUEUE_CLASS;
use crate::errors::{ended, refused_by};
use crate::ffi::{Handing, Patient, within};
use crate::items::{Items, drop_waiting, show_waiting, take_next};
use crate::patience::{Patience, limit_of};
use crate::process::count;
use crate::queue::{empty, full};
use crate::value::{Arguments, Named, error_of, leave_to_init, truth};
use manyhands::channel::{DoneTooOften, Monitor};
use manyhands::platform::atomic::{AtomicBool, Ordering};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use std::ffi::CStr;
use std::sync::{Mutex, PoisonError};

static SHUT_DOWN: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The exception `queue.ShutDown`, for this queue.
fn shut_down(queue: &Bound<'_, PyAny>) -> PyErr {
    refused_by(error_of(queue.py(), &SHUT_DOWN, ("manyhands.queue", "ShutDown"), ()), queue)
}

/// What `queue.Queue` and `queue.LifoQueue` are made of.
#[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
pub struct ThreadQueue {
    monitor: Monitor<Items>,
    /// The limit as the program said it, a number: below 1 it is none.
    maxsize: Mutex<Option<Py<PyAny>>>,
    /// The standard library's functions serve this queue from now on.
    opened: AtomicBool,
}

impl ThreadQueue {
    #[inline]
    fn is_opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    /// The same; a queue whose class has other hooks than at first is opened here.
    fn is_to_be_opened(slf: &Bound<'_, Self>) -> PyResult<bool> {
        if !QUEUE_CLASS.holds(slf.py()) && !slf.get().is_opened() {
            slf.call_method0("_manyhands_look_inside")?;
        }
        Ok(slf.get().is_opened())
    }
}

impl Handing for ThreadQueue {
    const PUT: &'static CStr = c"put($self, /, item, block=True, timeout=None)\n--\n\n\
        Puts an item into the queue. Where the queue is full, it first waits for room.\n\n\
        It waits until there is room, or for `timeout` seconds if that is given, and raises Full when they are\n\
        over. With `block` false it does not wait, and `timeout` means nothing: a full queue raises Full at once.\n\
        Raises ShutDown after a `shutdown`, and ValueError for a `timeout` below 0 on a queue with a limit.";
    const GET: &'static CStr = c"get($self, /, block=True, timeout=None)\n--\n\n\
        Takes the next item out of the queue and returns it. Where the queue is empty, it first waits for one.\n\n\
        It waits until there is an item, or for `timeout` seconds if that is given, and raises Empty when they are\n\
        over. With `block` false it does not wait, and `timeout` means nothing: an empty queue raises Empty at\n\
        once. Raises ValueError for a `timeout` below 0, and ShutDown when the queue is shut down and empty.";

    #[inline]
    fn put_at_once(&self, item: &Bound<'_, PyAny>) -> bool {
        if !QUEUE_CLASS.holds(item.py()) {
            return false;
        }
        let Ok(mut inside) = within(item.py(), &self.monitor) else { return false };
        if self.is_opened() || self.monitor.is_closed() || self.monitor.is_full() {
            return false;
        }
        let items = inside.push(item.clone().unbind());
        inside.leave_with_more(items);
        count(|counters| &counters.messages);
        true
    }

    #[inline]
    fn take_at_once(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        if QUEUE_CLASS.holds(py) { take_next(py, &self.monitor).ok()? } else { None }
    }
}

#[pymethods]
impl ThreadQueue {
    #[new]
    #[pyo3(signature = (*_arguments, **_more))]
    fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> ThreadQueue {
        ThreadQueue {
            monitor: Monitor::new(Items::default(), 0),
            maxsize: Mutex::new(None),
            opened: AtomicBool::new(false),
        }
    }

    /// Has the item put last come first.
    fn _manyhands_serve_last_first(&self, py: Python<'_>) -> PyResult<()> {
        within(py, &self.monitor)?.last_first = true;
        Ok(())
    }

    /// Leaves the queue to the standard library's functions: gives all items, the one to be taken first first.
    fn _manyhands_open<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut inside = within(py, &self.monitor)?;
        self.opened.store(true, Ordering::Release);
        let items = inside.take_all();
        inside.set_items(0);
        drop(inside);
        self.monitor.wake_all();
        PyList::new(py, items)
    }

    #[getter]
    fn _manyhands_opened(&self) -> bool {
        self.is_opened()
    }

    /// Puts an item, waiting for room.
    #[pyo3(name = "_manyhands_put_usually", signature = (item, block = true, timeout = None))]
    fn put(
        slf: &Bound<'_, Self>,
        item: Bound<'_, PyAny>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if Self::is_to_be_opened(slf)? {
            return slf.call_method1("_manyhands_put_opened", (item, block, timeout)).map(drop);
        }
        let mut patience = Patience::new(block, timeout);
        if this.monitor.limit() > 0 {
            patience.check()?;
        }
        loop {
            let mut inside = within(py, &this.monitor)?;
            if this.is_opened() {
                drop(inside);
                return slf.call_method1("_manyhands_put_opened", (item, block, timeout)).map(drop);
            }
            if this.monitor.is_closed() {
                drop(inside);
                return Err(shut_down(slf));
            }
            if !this.monitor.is_full() {
                let items = inside.push(item.unbind());
                inside.leave_with_more(items);
                count(|counters| &counters.messages);
                return Ok(());
            }
            drop(inside);
            let until = patience.until(|| full(py))?;
            let patient = Patient::on(slf);
            if let Err(error) = this.monitor.wait_not_full(until, &patient, || this.is_opened()) {
                return Err(ended(error, patient, || full(py)));
            }
        }
    }

    /// Takes the next item, waiting for one.
    #[pyo3(name = "_manyhands_get_usually", signature = (block = true, timeout = None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if Self::is_to_be_opened(slf)? {
            return slf.call_method1("_manyhands_get_opened", (block, timeout));
        }
        let mut patience = Patience::new(block, timeout);
        patience.check()?;
        loop {
            if let Some(item) = take_next(py, &this.monitor)? {
                return Ok(item.into_bound(py));
            }
            if this.is_opened() {
                return slf.call_method1("_manyhands_get_opened", (block, timeout));
            }
            if this.monitor.is_closed() {
                return Err(shut_down(slf));
            }
            let until = patience.until(|| empty(py))?;
            let patient = Patient::on(slf);
            if let Err(error) = this.monitor.wait_not_empty(until, &patient, || this.is_opened()) {
                return Err(ended(error, patient, || empty(py)));
            }
        }
    }

    /// Reports that the work on an item from `get` is done. `join` waits for one such report per item that was put.
    ///
    /// Raises ValueError when it is called more often than items were put.
    fn task_done(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let inside = within(py, &this.monitor)?;
        if this.is_opened() {
            drop(inside);
            return slf.call_method0("_manyhands_task_done_opened").map(drop);
        }
        inside
            .leave_done(1)
            .map_err(|DoneTooOften| PyValueError::new_err("task_done() called too many times"))
    }

    /// Waits until every item that was put has been reported done, by one `task_done` for each.
    ///
    /// Items that are put meanwhile count, too. A `shutdown` that drops items counts them as done.
    fn join(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        loop {
            if this.is_opened() {
                return slf.call_method0("_manyhands_join_opened").map(drop);
            }
            if this.monitor.unfinished() == 0 {
                return Ok(());
            }
            let patient = Patient::on(slf);
            if let Err(error) = this.monitor.wait_all_done(None, &patient, || this.is_opened()) {
                return Err(ended(error, patient, || unreachable!("no deadline was set")));
            }
        }
    }

    /// Shuts the queue down: `put` raises ShutDown from now on, and so does `get` once the queue is empty.
    ///
    /// Threads that wait in either are woken, and get that error. With `immediate`, items that wait are dropped first,
    /// and count as done.
    #[pyo3(signature = (immediate = false))]
    fn shutdown(slf: &Bound<'_, Self>, #[pyo3(from_py_with = truth)] immediate: bool) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let is_opened = Self::is_to_be_opened(slf)?;
        let mut inside = within(py, &this.monitor)?;
        if is_opened || this.is_opened() {
            drop(inside);
            return slf.call_method1("_manyhands_shutdown_opened", (immediate,)).map(drop);
        }
        this.monitor.close();
        if immediate {
            let dropped = inside.take_all();
            inside.set_items(0);
            let left = this.monitor.unfinished().min(dropped.len());
            inside.leave_done(left).expect("no more than there are");
        }
        Ok(())
    }

    /// How many items wait at this moment.
    ///
    /// The number may be another before the caller looks at it: above 0 does not mean that the next `get` finds an
    /// item.
    fn qsize(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let this = slf.get();
        if Self::is_to_be_opened(slf)? {
            return slf.call_method0("_manyhands_qsize_opened")?.extract();
        }
        Ok(this.monitor.items())
    }

    /// Whether no item waits at this moment.
    ///
    /// Another thread may put or take one before the caller acts on the answer. To wait until all items are done, use
    /// `join`.
    fn empty(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(Self::qsize(slf)? == 0)
    }

    /// Whether as many items wait at this moment as `maxsize` allows. Without a limit it is False.
    ///
    /// Another thread may put or take one before the caller acts on the answer: a `put` with `block` false is surer.
    fn full(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let limit = slf.get().monitor.limit();
        Ok(limit > 0 && Self::qsize(slf)? >= limit)
    }

    /// How many items may wait; 0 or less for as many as come.
    #[getter]
    fn maxsize(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let maxsize = self.maxsize.lock().unwrap_or_else(PoisonError::into_inner);
        match &*maxsize {
            Some(maxsize) => Ok(maxsize.clone_ref(py)),
            None => Ok(0_i64.into_pyobject(py)?.into_any().unbind()),
        }
    }

    #[setter]
    fn set_maxsize(&self, maxsize: Bound<'_, PyAny>) -> PyResult<()> {
        self.monitor.set_limit(limit_of(&maxsize)?);
        let mut kept = self.maxsize.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.replace(maxsize.unbind());
        drop(kept);
        drop(before);
        Ok(())
    }

    /// How many items were put and not reported done.
    #[getter]
    fn unfinished_tasks(&self) -> usize {
        self.monitor.unfinished()
    }

    #[setter]
    fn set_unfinished_tasks(&self, items: usize) {
        self.monitor.set_unfinished(items);
    }

    /// Whether `shutdown` was called.
    #[getter]
    fn _manyhands_is_closed(&self) -> bool {
        self.monitor.is_closed()
    }

    #[setter(_manyhands_is_closed)]
    fn set_is_closed(&self, shut_down: bool) {
        if shut_down {
            self.monitor.close();
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(maxsize) = self.maxsize.try_lock() {
            visit.call(&*maxsize)?;
        }
        show_waiting(&self.monitor, &visit)
    }

    fn __clear__(&self) {
        let maxsize = self.maxsize.try_lock().map(|mut maxsize| maxsize.take());
        drop(maxsize);
        drop_waiting(&self.monitor);
    }
}

/// What `queue.SimpleQueue` is: unbounded, and `put` may be called from anywhere, a destructor or a signal handler
/// included.
#[pyclass(subclass, frozen, weakref, name = "ThreadSimpleQueue", module = "manyhands._engine")]
pub struct ThreadSimpleQueue {
    monitor: Monitor<Items>,
}

impl ThreadSimpleQueue {
    /// Puts an item.
    #[inline]
    pub fn push(&self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut inside = within(item.py(), &self.monitor)?;
        let items = inside.push(item.clone().unbind());
        inside.leave_with_more(items);
        Ok(())
    }
}

impl Handing for ThreadSimpleQueue {
    const PUT: &'static CStr = c"put($self, /, item, block=True, timeout=None)\n--\n\n\
        Puts an item into the queue, which always has room for it.\n\n\
        `block` and `timeout` mean nothing here: they are there because `Queue.put` has them.";
    const GET: &'static CStr = c"get($self, /, block=True, timeout=None)\n--\n\n\
        Takes the next item out of the queue and returns it. Where the queue is empty, it first waits for one.\n\n\
        It waits until there is an item, or for `timeout` seconds if that is given, and raises Empty when they are\n\
        over. With `block` false it does not wait, and `timeout` means nothing: an empty queue raises Empty at\n\
        once. Raises ValueError for a `timeout` below 0.";

    #[inline]
    fn put_at_once(&self, item: &Bound<'_, PyAny>) -> bool {
        count(|counters| &counters.messages);
        self.push(item).is_ok()
    }

    #[inline]
    fn take_at_once(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        take_next(py, &self.monitor).ok()?
    }
}

#[pymethods]
impl ThreadSimpleQueue {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **more), text_signature = "()")]
    fn new(
        cls: &Bound<'_, PyType>,
        args: &Arguments<'_>,
        more: Option<&Named<'_>>,
    ) -> PyResult<ThreadSimpleQueue> {
        leave_to_init(cls, args, more)
            .map(|()| ThreadSimpleQueue { monitor: Monitor::new(Items::default(), 0) })
    }

    /// Puts an item; never waits, and takes `block` and `timeout` for likeness only.
    #[pyo3(name = "_manyhands_put_usually", signature = (item, block = true, timeout = None))]
    fn put(
        &self,
        item: Bound<'_, PyAny>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (block, timeout);
        count(|counters| &counters.messages);
        self.push(&item)
    }

    /// Puts an item into the queue: the same as `put(item)`, under the name that `Queue` has for it.
    fn put_nowait(&self, item: Bound<'_, PyAny>) -> PyResult<()> {
        self.put(item, false, None)
    }

    /// Takes the next item, waiting for one.
    #[pyo3(name = "_manyhands_get_usually", signature = (block = true, timeout = None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let mut patience = Patience::new(block, timeout);
        patience.check()?;
        patience.check_number()?;
        loop {
            if let Some(item) = take_next(py, &this.monitor)? {
                return Ok(item.into_bound(py));
            }
            let until = patience.until(|| empty(py))?;
            let patient = Patient::on(slf);
            if let Err(error) = this.monitor.wait_not_empty(until, &patient, || false) {
                return Err(ended(error, patient, || empty(py)));
            }
        }
    }

    /// Takes the next item out of the queue and returns it, or raises Empty when there is none at this moment.
    fn get_nowait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::get(slf, false, None)
    }

    /// How many items wait at this moment.
    ///
    /// The number may be another before the caller looks at it: above 0 does not mean that the next `get` finds an
    /// item.
    fn qsize(&self) -> usize {
        self.monitor.items()
    }

    /// Whether no item waits at this moment. Another thread may put or take one before the caller acts on the answer.
    fn empty(&self) -> bool {
        self.monitor.items() == 0
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        show_waiting(&self.monitor, &visit)
    }

    fn __clear__(&self) {
        drop_waiting(&self.monitor);
    }
}
