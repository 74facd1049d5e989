//! An event of all processes of the arena.
//!
//! It holds nothing and has no owner: any process sets and clears it, and a killed one leaves it as it was. Waiters go
//! on when it is set, even if the process that set it was killed before it could wake them.

use std::time::Duration;

use super::typed::event_methods;
use crate::arena::ArenaError;
use crate::platform::Deadline;
use crate::sync::event::raw::{EventStatistics, RawEvent};
use crate::sync::reference::reference;
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

    event_methods!();
}

reference!(Event(RawEvent), "event", "set": is_set);
