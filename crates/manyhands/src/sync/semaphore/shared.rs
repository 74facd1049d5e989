//! A semaphore of all processes of the arena.
//!
//! Its permits come back when their guards are dropped, and when the process that took them is killed. Of more than 20
//! guards at one time (or as many as the semaphore began with, up to 255) those beyond are not recorded and do not come
//! back. In a fork's child the copy of a guard gives nothing back.

use std::time::Duration;

use super::typed::semaphore_methods;
use crate::arena::ArenaError;
use crate::platform::Deadline;
use crate::sync::reference::reference;
use crate::sync::semaphore::error::TooManyPermits;
use crate::sync::semaphore::raw::{MOST_PERMITS, OwnedPermit, RawSemaphore, SemaphoreStatistics};
use crate::sync::wait::park::{Blocking, WaitError};

/// A number of permits, of which each process takes what it needs. A clone refers to the same semaphore.
///
/// A permit taken by [`Semaphore::acquire`] comes back when it is dropped, and when the process that took it is killed.
///
/// ```
/// use manyhands::sync::shared::Semaphore;
///
/// let licences = Semaphore::bounded(2)?;
/// let one = licences.acquire()?;
/// assert_eq!(licences.value(), 1);
/// drop(one);
/// assert!(licences.release(1).is_err(), "there are only two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Semaphore(RawSemaphore);

impl Semaphore {
    /// A semaphore with `permits` free ones, to which more may be added.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn new(permits: u32) -> Result<Self, ArenaError> {
        RawSemaphore::shared(permits, MOST_PERMITS.max(permits)).map(Semaphore)
    }

    /// A semaphore with `permits` free ones, which never has more.
    ///
    /// # Errors
    /// As [`Semaphore::new`].
    pub fn bounded(permits: u32) -> Result<Self, ArenaError> {
        RawSemaphore::shared(permits, permits).map(Semaphore)
    }

    /// Waits for a free permit and takes it.
    ///
    /// # Errors
    /// [`WaitError::NoOwner`] when this process can own nothing in the arena.
    pub fn acquire(&self) -> Result<Permit<'_>, WaitError> {
        self.0.acquire_owned(None, &Blocking).map(|permit| self.permit(permit))
    }

    /// Takes a permit if one is free.
    ///
    /// # Errors
    /// As [`Semaphore::acquire`].
    pub fn try_acquire(&self) -> Result<Option<Permit<'_>>, WaitError> {
        Ok(self.0.try_acquire_owned()?.map(|permit| self.permit(permit)))
    }

    /// Takes a permit if one comes free in time.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`], and as [`Semaphore::acquire`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>, WaitError> {
        self.0.acquire_owned(Deadline::after(timeout), &Blocking).map(|permit| self.permit(permit))
    }

    fn permit(&self, permit: OwnedPermit) -> Permit<'_> {
        Permit { semaphore: self, permit }
    }

    semaphore_methods!();
}

reference!(Semaphore(RawSemaphore), "semaphore", "value": value);

/// A permit of a [`Semaphore`].
#[must_use = "the permit is given back as soon as this is dropped"]
#[derive(Debug)]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    permit: OwnedPermit,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.0.give_back(self.permit);
    }
}
