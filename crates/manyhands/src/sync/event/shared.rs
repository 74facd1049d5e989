//! An event of all processes of the arena.
//!
//! It holds nothing and has no owner: any process sets and clears it, and a killed one leaves it as it was. Waiters go
//! on when it is set, even if the process that set it was killed before it could wake them.

use std::fmt;
use std::time::Duration;

use crate::arena::travels;
use crate::arena::{ArenaError, Handle};
use crate::platform::Deadline;
use crate::sync::event::raw::{EventStatistics, RawEvent};
use crate::sync::wait::park::{Blocking, WaitError};

/// Something that happens: waiters go on when it is set, and nobody waits while it is. A clone refers to the same
/// event.
///
/// ```
/// use manyhands::sync::shared::Event;
///
/// let ready = Event::new()?;
/// let same = ready.clone();
/// std::thread::spawn(move || same.set());
/// ready.wait();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Event(RawEvent);

impl Event {
    /// An event that is not set.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn new() -> Result<Self, ArenaError> {
        RawEvent::shared().map(Event)
    }

    /// The event that a handle names.
    ///
    /// # Errors
    /// When it is gone or no event.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        RawEvent::attach(handle).map(Event)
    }

    /// What names the event to other processes.
    pub fn handle(&self) -> Handle {
        self.0.handle().expect("a shared event stands in the arena")
    }

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
}

impl Clone for Event {
    fn clone(&self) -> Self {
        Event(self.0.clone_shared().expect("a shared event stands in the arena"))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Event")
            .field("number", &self.handle().index())
            .field("set", &self.is_set())
            .finish_non_exhaustive()
    }
}

travels!(Event);
