//! The loop that a pool's worker runs.
//!
//! It takes calls, finds their functions (unpickled once each), calls them and writes the answers. What a call raises
//! is its answer, as far as it is an `Exception`; anything else ends the worker. An answer that cannot be sent becomes
//! an exception that says so. Only the call at hand is ever lost.

use super::call::{Kind, PackedInts, Steps, unpacked, unpacked_ints};
use crate::answer::{INTS, RAISED};
use crate::errors::from_arena;
use crate::ffi::Patient;
use crate::pickled::{self, pickle};
use crate::value;
use manyhands::arena::Handle;
use manyhands::executor::{CallRequest, Worker as RawWorker, WorkerEnd};
use manyhands::platform::atomic::{AtomicBool, Ordering};
use pyo3::exceptions::{PyException, PyMemoryError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyTuple, PyType};
use std::collections::HashMap;

/// A process as a worker of a pool.
#[pyclass(frozen, module = "manyhands._engine")]
pub struct Worker {
    raw: RawWorker,
    /// A call's function runs.
    calls: AtomicBool,
}

#[pymethods]
impl Worker {
    /// Makes this process a worker of the pool.
    #[new]
    fn new(pool: u64) -> PyResult<Worker> {
        let raw = RawWorker::enlist(Handle::from_raw(pool)).map_err(from_arena)?;
        Ok(Worker { raw, calls: AtomicBool::new(false) })
    }

    /// No worker can work here, for this reason: all calls of the pool fail with it.
    fn break_pool(&self, reason: &str) {
        self.raw.break_pool(reason);
    }

    /// Whether a call's function runs now: what a signal's handler raises is that call's then.
    #[getter]
    fn _calls(&self) -> bool {
        self.calls.load(Ordering::Relaxed)
    }

    /// Takes and runs calls until the worker's life is over. `sends_all`: whatever a call raises is its answer, and an
    /// answer that cannot be sent is reported by the error itself, as a process executor's workers do.
    fn work(&self, py: Python<'_>, sends_all: bool) -> PyResult<()> {
        let patient = Patient::new(py);
        let calls = &self.calls;
        let mut desk = Desk { py, functions: HashMap::new(), last: None, sends_all, reads: false, calls };
        match self.raw.work(&patient, &mut |request| desk.run(request)) {
            WorkerEnd::Interrupted => Err(patient.raised().expect("a handler raised")),
            _ => Ok(()),
        }
    }
}

struct Desk<'py, 'w> {
    py: Python<'py>,
    functions: HashMap<u64, Bound<'py, PyAny>>,
    /// The one that was asked for last.
    last: Option<(u64, Bound<'py, PyAny>)>,
    sends_all: bool,
    /// A call's arguments are being made of its bytes.
    reads: bool,
    calls: &'w AtomicBool,
}

impl<'py> Desk<'py, '_> {
    fn run(&mut self, request: &mut CallRequest<'_>) {
        self.reads = true;
        let called = self.call(request);
        self.calls.store(false, Ordering::Relaxed);
        match called {
            Ok(result) => self.answer(request, &result),
            Err(error) if self.reads && self.sends_all && self.may_send(&error) => {
                let unreadable = self
                    .py
                    .import("manyhands.errors")
                    .and_then(|errors| errors.call_method1("unreadable", (error.into_value(self.py),)));
                self.answer_raised(request, unreadable.map_or_else(|error| error, PyErr::from_value));
            }
            Err(error) if self.may_send(&error) => self.answer_raised(request, error),
            Err(error) => self.end(error),
        }
    }

    /// The arguments are there: what comes now is the call itself. A signal that has come by now is not the call's: its
    /// handler runs here. What it raises is the call's answer all the same, since nothing else could hear of it.
    fn begin(&mut self) -> PyResult<()> {
        self.reads = false;
        self.py.check_signals()?;
        self.calls.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether what was raised is for the requester.
    fn may_send(&self, error: &PyErr) -> bool {
        self.sends_all && !self.reads || error.is_instance_of::<PyException>(self.py)
    }

    /// SystemExit, KeyboardInterrupt and the like are not for the requester: the process ends over its call.
    fn end(&self, error: PyErr) {
        let ended = self
            .py
            .import("manyhands.multiprocessing._work")
            .and_then(|work| work.call_method1("end_worker", (error.into_value(self.py),)));
        if let Err(error) = ended {
            error.print(self.py);
        }
        std::process::abort();
    }

    fn call(&mut self, request: &mut CallRequest<'_>) -> PyResult<Answer<'py>> {
        let py = self.py;
        if let Some(refusal) = request.take_refusal() {
            // It is the call's answer, not the error of who reads.
            self.reads = false;
            return Err(from_arena(refusal));
        }
        let damaged = value::damaged;
        let (kind, tag) = Kind::of(request.tag).ok_or_else(damaged)?;
        match kind {
            Kind::One => {
                let argument = value::object(py, tag, request.arguments())?.ok_or_else(damaged)?;
                let function = self.function(request)?.clone();
                self.begin()?;
                function.call1((argument,)).map(Answer::Object)
            }
            Kind::Plain => {
                let arguments = unpacked(py, request.arguments())?;
                let function = self.function(request)?.clone();
                self.begin()?;
                function.call1(arguments).map(Answer::Object)
            }
            Kind::Pickled => {
                let (function, rest) = self.unpickled(request, tag)?;
                let arguments = rest[0].cast::<PyTuple>()?;
                let keywords = rest[1].cast::<PyDict>()?;
                let keywords = (!keywords.is_empty()).then_some(keywords);
                self.begin()?;
                function.call(arguments, keywords).map(Answer::Object)
            }
            Kind::Ints => {
                let function = self.function(request)?.clone();
                // Made one by one as they are asked for, so that they need no memory of their own.
                let bytes = crate::ffi::bytes(py, request.arguments())?;
                let numbers = ARRAY.import(py, "array", "array")?.call1(("q", bytes))?;
                self.begin()?;
                each(&MAP, py, ("builtins", "map"), &function, &numbers)
            }
            Kind::Steps => {
                let function = self.function(request)?.clone();
                self.begin()?;
                each(&MAP, py, ("builtins", "map"), &function, &Steps::unpacked(py, request.arguments())?)
            }
            Kind::Chunk => {
                let (function, rest) = self.unpickled(request, tag)?;
                self.begin()?;
                each(&MAP, py, ("builtins", "map"), &function, &rest[0])
            }
            Kind::Star => {
                let (function, rest) = self.unpickled(request, tag)?;
                self.begin()?;
                each(&STARMAP, py, ("itertools", "starmap"), &function, &rest[0])
            }
        }
    }

    /// A function that the pool's owner registered.
    #[inline]
    fn function(&mut self, request: &CallRequest<'_>) -> PyResult<&Bound<'py, PyAny>> {
        let number = request.function;
        if self.last.as_ref().is_none_or(|last| last.0 != number) {
            let function = self.find(request)?;
            self.last = Some((number, function));
        }
        Ok(&self.last.as_ref().expect("it was just found").1)
    }

    fn find(&mut self, request: &CallRequest<'_>) -> PyResult<Bound<'py, PyAny>> {
        let number = request.function;
        if let Some(function) = self.functions.get(&number) {
            return Ok(function.clone());
        }
        let payload = u32::try_from(number.wrapping_sub(1)).map(|at| request.worker().function(at));
        let payload = payload.unwrap_or(Ok(None)).map_err(from_arena)?.ok_or_else(|| {
            PyRuntimeError::new_err(format!("call {} is of a function that nobody sent", request.number))
        })?;
        let function = pickled::unpickle(self.py, &payload)?;
        self.functions.insert(number, function.clone());
        Ok(function)
    }

    /// The function, and the pickled arguments.
    fn unpickled(
        &mut self,
        request: &mut CallRequest<'_>,
        tag: value::Tag,
    ) -> PyResult<(Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>)> {
        let object = if tag == value::PICKLE_WITH_BUFFERS {
            let block = match request.take_arguments() {
                Some(block) => block,
                // The call may be run again, so the arguments stay where they are.
                None => copy_of(request.arguments())?,
            };
            pickled::unpickle_with_buffers(self.py, block)?
        } else {
            pickled::unpickle(self.py, request.arguments())?
        };
        let mut parts: Vec<Bound<'py, PyAny>> = object.cast_into::<PyTuple>()?.iter().collect();
        if request.function == 0 {
            let function = parts.remove(0);
            return Ok((function, parts));
        }
        Ok((self.function(request)?.clone(), parts))
    }

    fn answer(&mut self, request: &mut CallRequest<'_>, result: &Answer<'py>) {
        let written = match result {
            Answer::Object(object) => match value::plain(object) {
                Some((tag, bytes)) => request.answer(tag, &[&bytes]),
                None => return self.answer_pickled(request, object),
            },
            Answer::Ints(numbers) => request.answer(INTS, &[numbers.as_bytes()]),
            Answer::Chunk(results) => return self.answer_pickled(request, results.as_any()),
        };
        if let Err(error) = written {
            self.answer_raised(request, PyMemoryError::new_err(error.to_string()));
        }
    }

    fn answer_pickled(&mut self, request: &mut CallRequest<'_>, object: &Bound<'py, PyAny>) {
        match pickle(object, "dumps_answer") {
            Ok(pickled) => {
                let written =
                    pickled.with_parts(|tag, parts| request.answer_naming(tag, parts, &pickled.objects));
                if let Err(error) = written {
                    self.answer_raised(request, PyMemoryError::new_err(error.to_string()));
                }
            }
            Err(error) if self.sends_all => self.answer_raised(request, error),
            Err(error) if self.may_send(&error) => {
                let unsendable = self
                    .py
                    .import("manyhands.multiprocessing._work")
                    .and_then(|work| work.call_method1("unsendable", (error.into_value(self.py), object)));
                self.answer_raised(request, unsendable.map_or_else(|error| error, PyErr::from_value));
            }
            Err(error) => self.end(error),
        }
    }

    fn answer_raised(&mut self, request: &mut CallRequest<'_>, error: PyErr) {
        let payload = self
            .py
            .import("manyhands.multiprocessing._work")
            .and_then(|work| work.call_method1("failure", (error.into_value(self.py),)))
            .and_then(|payload| Ok(payload.cast_into::<PyBytes>()?));
        // When not even that fits, the answer says that none could be written.
        if let Ok(payload) = payload {
            let _ = request.answer(RAISED, &[payload.as_bytes()]);
        }
    }
}

static ARRAY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static MAP: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static STARMAP: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The results of a function for each element. The interpreter's own `map` calls faster than we could.
fn each<'py>(
    mapper: &'static PyOnceLock<Py<PyType>>,
    py: Python<'py>,
    (module, name): (&str, &str),
    function: &Bound<'py, PyAny>,
    elements: &Bound<'py, PyAny>,
) -> PyResult<Answer<'py>> {
    let mut results =
        mapper.import(py, module, name)?.call1((function, elements))?.cast_into::<PyIterator>()?;
    let mut numbers = PackedInts::default();
    while let Some(result) = results.next().transpose()? {
        if numbers.push(&result).is_err() {
            let all = PyList::new(py, unpacked_ints(numbers.as_bytes()))?;
            all.append(result)?;
            all.call_method1("extend", (results,))?;
            return Ok(Answer::Chunk(all));
        }
    }
    Ok(Answer::Ints(numbers))
}

/// What a call gave.
enum Answer<'py> {
    Object(Bound<'py, PyAny>),
    /// The results of a chunk.
    Chunk(Bound<'py, PyList>),
    /// The same, when all are integers of 64 bits.
    Ints(PackedInts),
}

fn copy_of(bytes: &[u8]) -> PyResult<manyhands::arena::Block> {
    let arena = manyhands::arena::Arena::get().map_err(from_arena)?;
    let mut block = arena.claim_block(bytes.len()).map_err(from_arena)?;
    block.copy_from_slice(bytes);
    Ok(block)
}
