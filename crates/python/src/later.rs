//! What an object is made of once its `__init__` has run.
//!
//! The classes that programs derive from make an empty object of whatever arguments: a subclass takes those that it
//! likes, and its own `__init__` calls ours.

use crate::errors::from_arena;
use crate::lease::Lease;
use manyhands::arena::{ArenaError, Handle};
use manyhands::sync::RawLease;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::OnceLock;

/// Empty until it is set, once.
pub struct Later<T> {
    set: OnceLock<T>,
    /// The lease with which waits there end.
    lease: OnceLock<RawLease>,
    class: &'static str,
}

impl<T> Later<T> {
    /// Of an object of that class, which errors name.
    pub fn of(class: &'static str) -> Later<T> {
        Later { set: OnceLock::new(), lease: OnceLock::new(), class }
    }

    /// Sets it.
    ///
    /// # Errors
    /// When it was set before.
    pub fn set(&self, what: T) -> PyResult<()> {
        let refused = |_| PyRuntimeError::new_err(format!("{}.__init__() was called before", self.class));
        self.set.set(what).map_err(refused)
    }

    /// Sets it to the object in the arena that a handle names, or else to one that is made.
    ///
    /// # Errors
    /// When it was set before, or the arena has no such object or no room for one.
    pub fn open(
        &self,
        handle: Option<u64>,
        attach: impl FnOnce(Handle) -> Result<T, ArenaError>,
        make: impl FnOnce() -> Result<T, ArenaError>,
    ) -> PyResult<()> {
        let opened = handle.map_or_else(make, |handle| attach(Handle::from_raw(handle)));
        self.set(opened.map_err(from_arena)?)
    }

    /// Ties the waits there to a lease, once.
    pub fn tie_to(&self, lease: &Lease) {
        let _ = self.lease.set(lease.raw.clone());
    }

    /// The lease with which waits there end.
    pub fn lease(&self) -> Option<&RawLease> {
        self.lease.get()
    }

    /// What it was set to.
    ///
    /// # Errors
    /// When it was not set.
    #[inline]
    pub fn get(&self) -> PyResult<&T> {
        self.set.get().ok_or_else(|| self.was_not_set())
    }

    #[cold]
    fn was_not_set(&self) -> PyErr {
        PyRuntimeError::new_err(format!("{}.__init__() was not called", self.class))
    }
}

/// A class over an object of the arena, with the methods that it has besides: it is empty until it is opened.
macro_rules! shared_class {
    ($(#[$doc:meta])* $name:ident { $field:ident: $kept:ty }: $($methods:tt)*) => {
        $(#[$doc])*
        #[pyclass(subclass, frozen, weakref, module = "manyhands._engine")]
        pub struct $name {
            $field: Later<$kept>,
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*_arguments, **_more))]
            fn new(_arguments: &Arguments<'_>, _more: Option<&Named<'_>>) -> $name {
                $name { $field: Later::of(stringify!($name)) }
            }

            #[getter(_manyhands_handle)]
            fn handle(&self) -> PyResult<u64> {
                Ok(self.$field.get()?.handle().expect("a shared object has one").to_raw())
            }

            /// Waits here end with the lease.
            #[pyo3(name = "_manyhands_tie")]
            fn tie(&self, lease: &crate::lease::Lease) {
                self.$field.tie_to(lease);
            }

            $($methods)*
        }
    };
}

pub(crate) use shared_class;
