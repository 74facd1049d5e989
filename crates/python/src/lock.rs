//! Locks between processes, as Python's classes build on them.
//!
//! `acquire` tries once before it releases the interpreter lock; a negative time-out is zero. A process that takes over
//! the lock of a dead one gets a `RuntimeWarning`. It finds the dead process in `owner_died` until the lock is taken
//! the next time. As in the standard library, the child of an `os.fork` has a copy of the forking thread's hold on a
//! re-entrant lock: it may take the lock again, and release it.

use crate::errors::from_wait;
use crate::ffi::{Entering, Patient};
use crate::later::Later;
use crate::lease::Lease;
use crate::own_hold::OwnHold;
use crate::patience::limit_of_semaphore;
use crate::value::truth;
use manyhands::arena::{self, Arena, Role};
use manyhands::platform::atomic::{AtomicBool, Ordering};
use manyhands::platform::process::getpid;
use manyhands::platform::thread::gettid;
use manyhands::sync::{
    Acquired, DeadOwner, Hold, LockStatistics, RawLock, RawRLock, ReleaseError, Site, Taking, Yields,
};
use pyo3::exceptions::{PyAssertionError, PyRuntimeWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyTuple};
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};

/// The last owner that died with the lock, if this process got the lock from it.
#[derive(Default)]
struct LastDeath {
    known: AtomicBool,
    owner: Mutex<Option<String>>,
}

impl LastDeath {
    /// Notes how this process got the lock, and warns if the last owner had died with it.
    #[inline]
    fn note(&self, py: Python<'_>, acquired: Acquired, kind: &str) -> PyResult<()> {
        match acquired.owner_died {
            Some(owner) => self.warn(py, &owner, kind),
            None => {
                if self.known.load(Ordering::Relaxed) {
                    self.set(None);
                }
                Ok(())
            }
        }
    }

    #[cold]
    fn warn(&self, py: Python<'_>, owner: &DeadOwner, kind: &str) -> PyResult<()> {
        self.set(Some(owner.to_string()));
        let text = format!(
            "{owner} died while it held this {kind}; check what the {kind} guards: it may be half changed"
        );
        let text = CString::new(text.replace('\0', " "))?;
        PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1)
    }

    fn set(&self, owner: Option<String>) {
        self.known.store(owner.is_some(), Ordering::Relaxed);
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) = owner;
    }

    fn get(&self) -> Option<String> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_mine(statistics: &LockStatistics) -> bool {
    statistics.holder.as_ref().is_some_and(|holder| holder.pid == getpid() && holder.thread == gettid())
}

fn is_this_process(statistics: &LockStatistics) -> bool {
    statistics.holder.as_ref().is_some_and(|holder| holder.pid == getpid())
}

/// Whether this process is a copy that the program's own `os.fork` made. A `Process` is a fork, too, but it begins with
/// nothing held, as in the standard library.
#[cold]
fn is_copy() -> bool {
    let this = arena::this_process().ok().zip(Arena::current());
    this.is_some_and(|(this, arena)| arena.process(this).role() == Role::Copy)
}

fn released_too_often<E>(_: E) -> PyErr {
    PyValueError::new_err("semaphore or lock released too many times")
}

/// The methods that both kinds of locks share. `$release` turns a refused release into Python's error, `$hold` makes
/// the copy of the hold that a fork takes along, and `$release_copied` releases the lock in such a copy.
macro_rules! lock_class {
    ($(#[$doc:meta])* $name:ident, $raw:ty, $kind:literal, $release:expr, $depth:expr, $hold:expr, $release_copied:expr) => {
        $(#[$doc])*
        #[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
        pub struct $name {
            raw: Later<$raw>,
            last_death: LastDeath,
            /// Counts what the calling thread holds of the lock, in this process's own memory: that is what an
            /// `os.fork` copies. The lock itself is shared, so there the child finds the parent's number, not its own.
            hold: Option<OwnHold>,
        }

        impl $name {
            /// The hold of the thread that forked this process, if this process is such a copy and still has it.
            #[inline]
            fn copied(&self, raw: &$raw) -> Option<&OwnHold> {
                let depth: fn(&$raw) -> u32 = $depth;
                self.hold.as_ref().filter(|hold| hold.depth() > 0 && depth(raw) == 0 && is_copy())
            }

            fn taken(&self, py: Python<'_>, acquired: Acquired) -> PyResult<bool> {
                if let Some(hold) = &self.hold {
                    hold.deepen();
                }
                self.last_death.note(py, acquired, $kind).map(|()| true)
            }

            fn take(slf: &Bound<'_, Self>, timeout: Option<f64>, guarded: bool) -> PyResult<bool> {
                let patient = Patient::on(slf).tied_to(slf.get().raw.lease());
                let taking = Taking { guarded, ..Taking::default() };
                match slf.get().raw.get()?.acquire_as(limit_of_semaphore(timeout)?, &patient, taking) {
                    Ok(acquired) => slf.get().taken(slf.py(), acquired),
                    Err(error) => from_wait(error, patient),
                }
            }

            fn give_up(&self, release: fn(&$raw) -> Result<(), ReleaseError>) -> PyResult<()> {
                let raw = self.raw.get()?;
                if let Some(hold) = self.copied(raw) {
                    hold.rise();
                    let release_copied: fn(&$raw) -> PyResult<()> = $release_copied;
                    return if hold.depth() == 0 { release_copied(raw) } else { Ok(()) };
                }
                if let Some(hold) = &self.hold {
                    hold.rise();
                }
                release(raw).map_err($release)
            }

            /// Whether the calling thread holds it, and has not merely a copy of a hold.
            #[inline]
            pub fn is_held_here(&self) -> PyResult<bool> {
                let depth: fn(&$raw) -> u32 = $depth;
                Ok(depth(self.raw.get()?) > 0)
            }

            /// Takes the lock, for as long as it takes.
            #[inline]
            pub fn enter(slf: &Bound<'_, Self>) -> PyResult<()> {
                if slf.get().try_take(slf.py(), false)? { Ok(()) } else { Self::take(slf, None, false).map(drop) }
            }

            /// Releases the lock that was taken by `enter`.
            #[inline]
            pub fn leave(&self) -> PyResult<()> {
                self.give_up(<$raw>::release)
            }

            /// Gives the lock up for a wait, and says how it was held. It is `None` in a fork's child that has only a
            /// copy of the hold: the caller then uses the lock's methods.
            pub fn give_up_for_wait(slf: &Bound<'_, Self>) -> PyResult<Option<Hold>> {
                let this = slf.get();
                let raw = this.raw.get()?;
                if this.copied(raw).is_some() {
                    return Ok(None);
                }
                // The count in this process follows the lock, or a later fork would copy a hold that is over.
                let own = this.hold.as_ref().filter(|own| own.depth() > 0);
                own.into_iter().for_each(|own| own.set(0));
                raw.give_up().map(Some).map_err($release)
            }

            /// Takes the lock again as it was held.
            pub fn regain(slf: &Bound<'_, Self>, hold: Hold) -> PyResult<()> {
                let this = slf.get();
                let patient = Patient::on(slf).tied_to(this.raw.lease());
                let acquired = match this.raw.get()?.regain(hold, &patient, Site::Unknown) {
                    Ok(acquired) => acquired,
                    Err(error) => return from_wait(error, patient).map(drop),
                };
                if let Some(own) = &this.hold {
                    own.set(hold.depth);
                }
                this.last_death.note(slf.py(), acquired, $kind)
            }

            #[inline]
            fn try_take(&self, py: Python<'_>, guarded: bool) -> PyResult<bool> {
                let raw = self.raw.get()?;
                if let Some(hold) = self.copied(raw) {
                    hold.deepen();
                    return Ok(true);
                }
                match raw.try_acquire_as(Taking { guarded, ..Taking::default() }) {
                    Ok(Some(acquired)) => self.taken(py, acquired),
                    Ok(None) => Ok(false),
                    Err(error) => from_wait(error, Patient::new(py)),
                }
            }
        }

        impl Entering for $name {
            #[inline]
            fn enter_with(slf: &Bound<'_, Self>) -> PyResult<bool> {
                Ok(slf.get().try_take(slf.py(), true)? || Self::take(slf, None, true)?)
            }

            #[inline]
            fn leave_with(&self) -> PyResult<()> {
                self.give_up(<$raw>::release_guarded)
            }
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*_arguments, **_more))]
            fn new(_arguments: &Bound<'_, PyTuple>, _more: Option<&Bound<'_, PyDict>>) -> Self {
                let raw = Later::of(stringify!($name));
                Self { raw, last_death: LastDeath::default(), hold: $hold }
            }

            /// Makes the lock in the arena, or attaches to the one that a handle names.
            #[pyo3(name = "_manyhands_open", signature = (handle = None))]
            fn open(&self, handle: Option<u64>) -> PyResult<()> {
                self.raw.open(handle, <$raw>::attach, <$raw>::shared)
            }

            /// Takes the lock, waiting until it is free, and returns True. The holder of an `RLock` takes it again at
            /// once.
            ///
            /// Returns False when it could not have the lock: at once with `block` false, or when `timeout` seconds are
            /// over; `None` is no limit, and below 0 is 0. When the holder was killed, the next process that asks gets
            /// the lock, and a RuntimeWarning.
            #[pyo3(signature = (block = true, timeout = None))]
            fn acquire(
                slf: &Bound<'_, Self>,
                #[pyo3(from_py_with = truth)] block: bool,
                timeout: Option<f64>,
            ) -> PyResult<bool> {
                if slf.get().try_take(slf.py(), false)? {
                    return Ok(true);
                }
                if !block || timeout.is_some_and(|seconds| seconds <= 0.0) {
                    return Ok(false);
                }
                Self::take(slf, timeout, false)
            }

            /// Releases the lock. If others wait for it, one of them can take it now.
            ///
            /// Any process may release a `Lock`; to release a free one is a ValueError. An `RLock` is released by its
            /// holder alone, once for each time that it was taken; in any other thread that is an AssertionError.
            fn release(&self) -> PyResult<()> {
                self.give_up(<$raw>::release)
            }

            /// The process that died with the lock, if this process got the lock from it.
            #[getter]
            fn owner_died(&self) -> Option<String> {
                self.last_death.get()
            }

            /// The pid of the process that holds the lock, and how many wait for it. The pid is None when the lock is
            /// free. A process that has ended in good order and left the lock taken is still its holder.
            fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let seen = self.raw.get()?.statistics();
                let fields = [("waiters", seen.waiters)].into_py_dict(py)?;
                fields.set_item("holder", seen.holder.map(|holder| holder.pid))?;
                Ok(fields)
            }

            #[getter(_manyhands_handle)]
            fn handle(&self) -> PyResult<u64> {
                Ok(self.raw.get()?.handle().expect("a shared lock has one").to_raw())
            }

            /// Waits here end with the lease.
            #[pyo3(name = "_manyhands_tie")]
            fn tie(&self, lease: &Lease) {
                self.raw.tie_to(lease);
            }

            #[pyo3(name = "_manyhands_is_mine")]
            fn is_mine(&self) -> PyResult<bool> {
                let raw = self.raw.get()?;
                Ok(self.copied(raw).is_some() || is_mine(&raw.statistics()))
            }

            /// Whether a `with` statement holds it.
            #[pyo3(name = "_manyhands_is_guarded")]
            fn is_guarded(&self) -> PyResult<bool> {
                Ok(self.raw.get()?.is_guarded())
            }

            /// How often this process holds it.
            #[pyo3(name = "_manyhands_count")]
            fn count(&self) -> PyResult<u32> {
                let depth: fn(&$raw) -> u32 = $depth;
                let raw = self.raw.get()?;
                Ok(match self.copied(raw).map_or_else(|| depth(raw), OwnHold::depth) {
                    0 => u32::from(is_this_process(&raw.statistics())),
                    depth => depth,
                })
            }

            /// 1 when it is free, else 0.
            #[pyo3(name = "_manyhands_value")]
            fn value(&self) -> PyResult<u32> {
                Ok(u32::from(self.raw.get()?.statistics().holder.is_none()))
            }
        }
    };
}

lock_class! {
    /// The base class of `multiprocessing.Lock`.
    Lock, RawLock, "lock",
    released_too_often,
    |_| 0,
    None,
    |raw| raw.release().map_err(released_too_often)
}

lock_class! {
    /// The base class of `multiprocessing.RLock`.
    RLock, RawRLock, "lock",
    |_| PyAssertionError::new_err("attempt to release recursive lock not owned by thread"),
    RawRLock::depth,
    Some(OwnHold::new()),
    |raw| raw.release_copied().map_err(released_too_often)
}
