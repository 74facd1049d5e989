//! A barrier of all processes of the arena.
//!
//! A process that ends while one of its threads waits there, or runs the action, breaks the round: its party will never
//! be complete. The waiters get an error that says whose end it was, and the barrier can be reset. An action belongs to
//! the reference that it was given to, not to the barrier: the last to arrive runs its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::typed::{barrier_methods, wait};
use crate::arena::travels;
use crate::arena::{ArenaError, Handle};
use crate::platform::Deadline;
use crate::sync::barrier::raw::{BarrierError, BarrierStatistics, RawBarrier};

/// A place that no party, of whichever process, leaves before all have arrived. A clone refers to the same barrier.
///
/// ```
/// use manyhands::sync::shared::Barrier;
///
/// let barrier = Barrier::new(2)?;
/// let other = std::thread::spawn({
///     let barrier = barrier.clone();
///     move || barrier.wait().unwrap()
/// });
/// assert_eq!(barrier.wait()? + other.join().unwrap(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Barrier {
    raw: RawBarrier,
    action: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Barrier {
    /// A barrier for so many threads.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    ///
    /// # Panics
    /// When `parties` is 0 or more than 65,535.
    pub fn new(parties: u32) -> Result<Self, ArenaError> {
        RawBarrier::shared(parties).map(|raw| Barrier { raw, action: None })
    }

    /// The barrier that a handle names.
    ///
    /// # Errors
    /// When it is gone or no barrier.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        RawBarrier::attach(handle).map(|raw| Barrier { raw, action: None })
    }

    /// The same barrier; a thread that arrives last through this reference or a clone of it runs `action` before any
    /// other goes on. When that panics the barrier is broken.
    #[must_use]
    pub fn with_action(mut self, action: impl Fn() + Send + Sync + 'static) -> Self {
        self.action = Some(Arc::new(action));
        self
    }

    /// What names the barrier to other processes.
    pub fn handle(&self) -> Handle {
        self.raw.handle().expect("a shared barrier stands in the arena")
    }

    barrier_methods!();
}

impl Clone for Barrier {
    fn clone(&self) -> Self {
        let raw = self.raw.clone_shared().expect("a shared barrier stands in the arena");
        Barrier { raw, action: self.action.clone() }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statistics().fmt(formatter)
    }
}

travels!(Barrier);
