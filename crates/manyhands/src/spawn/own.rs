//! What a process knows for itself alone, and a fork's child must not take for its own.
//!
//! A child must not take its parent's children, zygote or reaper for its own, nor find a lock held by a thread that it
//! has not got. So each record is keyed by pid: a process that finds another's makes a fresh one and leaves the old.

use crate::platform::atomic::{AtomicPtr, Ordering};
use crate::platform::process::getpid;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A record of the calling process, made when it is first asked for.
pub(super) struct Own<T>(AtomicPtr<Keyed<T>>);

struct Keyed<T> {
    pid: u32,
    record: T,
}

impl<T: Default + Send + Sync + 'static> Own<T> {
    pub(super) const fn new() -> Own<T> {
        Own(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The calling process's record, if it has one.
    pub(super) fn present(&self) -> Option<&'static T> {
        // SAFETY: null, or a record that was leaked by `get` and is never freed.
        let keyed = unsafe { self.0.load(Ordering::Acquire).as_ref() };
        keyed.filter(|keyed| keyed.pid == getpid()).map(|keyed| &keyed.record)
    }

    /// The calling process's record.
    pub(super) fn get(&self) -> &'static T {
        let pid = getpid();
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            // SAFETY: null, or a record that was leaked below and is never freed.
            if let Some(keyed) = unsafe { seen.as_ref() }
                && keyed.pid == pid
            {
                return &keyed.record;
            }
            let fresh = Box::into_raw(Box::new(Keyed { pid, record: T::default() }));
            match self.0.compare_exchange(seen, fresh, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => seen = fresh,
                Err(now) => {
                    // SAFETY: made above and shown to nobody.
                    drop(unsafe { Box::from_raw(fresh) });
                    seen = now;
                }
            }
        }
    }
}

/// A lock's content, whatever a panic left there: each holder leaves it whole at every step.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
