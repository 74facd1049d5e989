//! `Semaphore` and `Event` for the threads of one process.
//!
//! Their namesakes in `shared` are for several processes and have the same methods. A permit is given back by the drop
//! of its guard, also when its thread panics. In a fork's child both are copies, on which nobody waits.

use std::fmt;
use std::time::Duration;

use super::error::TooManyPermits;
use super::park::{Blocking, WaitError};
use super::raw_event::{EventStatistics, RawEvent};
use super::raw_semaphore::{MOST_PERMITS, RawSemaphore, SemaphoreStatistics};
use crate::platform::Deadline;

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

    /// How many permits are free, and how many threads wait for one.
    pub fn statistics(&self) -> SemaphoreStatistics {
        self.0.statistics()
    }
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
    fn drop(&mut self) {
        // Refused when others have given more than they took and the maximum is reached.
        let _ = self.0.release(1);
    }
}

/// Something that happens: whoever waits goes on when it is set, and nobody waits while it is.
///
/// ```
/// use manyhands::sync::Event;
///
/// static READY: Event = Event::new();
/// std::thread::spawn(|| READY.set());
/// READY.wait();
/// assert!(READY.is_set());
/// ```
pub struct Event(RawEvent);

impl Event {
    /// An event that is not set.
    pub const fn new() -> Self {
        Event(RawEvent::private())
    }

    /// Sets the event: whoever waits goes on, also when it is cleared at once.
    pub fn set(&self) {
        self.0.set();
    }

    /// Clears the event: whoever comes now waits for the next time.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// Whether the event is set.
    pub fn is_set(&self) -> bool {
        self.0.is_set()
    }

    /// Waits until the event is set.
    pub fn wait(&self) {
        // Without a deadline nothing ends the wait but the event.
        while self.0.wait(None, &Blocking).is_err() {}
    }

    /// As [`Event::wait`], for a wait that is in the wait graph as something else.
    pub(crate) fn wait_unwatched(&self) {
        while self.0.wait_unwatched().is_err() {}
    }

    /// Waits until the event is set, at most for `timeout`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), WaitError> {
        self.0.wait(Deadline::after(timeout), &Blocking)
    }

    /// Whether the event is set, and how many wait for it.
    pub fn statistics(&self) -> EventStatistics {
        self.0.statistics()
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Event").field("set", &self.is_set()).finish_non_exhaustive()
    }
}
