//! A semaphore of all processes of the arena.
//!
//! Its permits come back when their guards are dropped, and when the process that took them is killed. Of more than 20
//! guards at one time (or as many as the semaphore began with, up to 255) those beyond are not recorded and do not come
//! back. In a fork's child the copy of a guard gives nothing back.

use std::fmt;
use std::time::Duration;

use crate::arena::travels;
use crate::arena::{ArenaError, Handle};
use crate::platform::Deadline;
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

    /// The semaphore that a handle names.
    ///
    /// # Errors
    /// When it is gone or no semaphore.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        RawSemaphore::attach(handle).map(Semaphore)
    }

    /// What names the semaphore to other processes.
    pub fn handle(&self) -> Handle {
        self.0.handle().expect("a shared semaphore stands in the arena")
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

    /// Adds `count` free permits.
    ///
    /// # Errors
    /// When there would be more than the maximum; none is added then.
    pub fn release(&self, count: u32) -> Result<(), TooManyPermits> {
        self.0.release(count)
    }

    /// How many permits are free.
    pub fn value(&self) -> u32 {
        self.0.value()
    }

    /// How many permits are free and taken, and how many threads wait for one.
    pub fn statistics(&self) -> SemaphoreStatistics {
        self.0.statistics()
    }
}

impl Clone for Semaphore {
    fn clone(&self) -> Self {
        Semaphore(self.0.clone_shared().expect("a shared semaphore stands in the arena"))
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Semaphore")
            .field("number", &self.handle().index())
            .field("value", &self.value())
            .finish_non_exhaustive()
    }
}

travels!(Semaphore);

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
