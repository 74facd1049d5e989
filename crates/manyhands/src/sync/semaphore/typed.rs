//! `Semaphore` and `Event` for the threads of one process.
//!
//! Their namesakes in `shared` are for several processes and have the same methods. A permit is given back by the drop
//! of its guard, also when its thread panics. In a fork's child both are copies, on which nobody waits.

use std::fmt;
use std::time::Duration;

use super::raw::{MOST_PERMITS, RawSemaphore, SemaphoreStatistics};
use crate::platform::Deadline;
use crate::sync::semaphore::error::TooManyPermits;
use crate::sync::wait::park::{Blocking, WaitError};

/// A number of permits, of which each thread takes what it needs.
///
/// ```
/// use manyhands::sync::Semaphore;
///
/// static DOWNLOADS: Semaphore = Semaphore::bounded(2);
/// let permit = DOWNLOADS.acquire();
/// assert_eq!(DOWNLOADS.value(), 1);
/// drop(permit);
/// assert_eq!(DOWNLOADS.value(), 2);
/// ```
pub struct Semaphore(RawSemaphore);

/// The methods that both semaphores share.
macro_rules! semaphore_methods {
    () => {
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

        /// How many permits are free, how many guards of a shared semaphore have, and how many threads wait for one.
        pub fn statistics(&self) -> SemaphoreStatistics {
            self.0.statistics()
        }
    };
}
pub(super) use semaphore_methods;

impl Semaphore {
    /// A semaphore with `permits` free ones, to which more may be added.
    pub const fn new(permits: u32) -> Self {
        let maximum = if permits > MOST_PERMITS { permits } else { MOST_PERMITS };
        Semaphore(RawSemaphore::private(permits, maximum))
    }

    /// A semaphore with `permits` free ones, which never has more.
    pub const fn bounded(permits: u32) -> Self {
        Semaphore(RawSemaphore::private(permits, permits))
    }

    /// Waits for a free permit and takes it.
    #[inline]
    pub fn acquire(&self) -> Permit<'_> {
        // Without a deadline nothing ends the wait but a permit.
        while self.0.acquire(None, &Blocking).is_err() {}
        Permit(self)
    }

    /// Takes a permit if one is free.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.0.try_acquire().then(|| Permit(self))
    }

    /// Takes a permit if one comes free in time.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>, WaitError> {
        self.0.acquire(Deadline::after(timeout), &Blocking).map(|()| Permit(self))
    }

    semaphore_methods!();
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Semaphore").field("value", &self.value()).finish_non_exhaustive()
    }
}

/// A permit of a [`Semaphore`].
#[must_use = "the permit is given back as soon as this is dropped"]
#[derive(Debug)]
pub struct Permit<'a>(&'a Semaphore);

impl Permit<'_> {
    /// Keeps the permit for good; [`Semaphore::release`] adds one in its place.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        // Refused when others have given more than they took and the maximum is reached.
        let _ = self.0.release(1);
    }
}
