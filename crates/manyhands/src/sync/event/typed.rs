//! `Event` for the threads of one process.
//!
//! Its namesake in `shared` is for several processes and has the same methods. In a fork's child it is a copy, on which
//! nobody waits.

use std::fmt;
use std::time::Duration;

use super::raw::{EventStatistics, RawEvent};
use crate::platform::Deadline;
use crate::sync::wait::park::{Blocking, WaitError};
use crate::sync::wait::site::Site;

/// Something that happens: waiters go on when it is set, and nobody waits while it is.
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

/// The methods that both events share.
macro_rules! event_methods {
    () => {
        /// Sets the event: waiters go on, even if it is cleared at once.
        pub fn set(&self) {
            self.0.set();
        }

        /// Clears the event: threads that come now wait for the next time.
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
    };
}
pub(super) use event_methods;

impl Event {
    /// An event that is not set.
    pub const fn new() -> Self {
        Event(RawEvent::private())
    }

    event_methods!();

    /// As [`RawEvent::wait_for_end_of`].
    pub(crate) fn wait_for_end_of(
        &self,
        joined: u32,
        deadline: Option<Deadline>,
        site: Site,
    ) -> Result<(), WaitError> {
        self.0.wait_for_end_of(joined, deadline, site, &Blocking)
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
