//! `Barrier` for the threads of one process: none goes on before all have arrived.
//!
//! Its namesake in `shared` is for several processes and has the same methods. A thread that waits too long breaks the
//! barrier for all, since its round would never be complete; a broken barrier fails at once until it is reset.

use std::fmt;
use std::time::Duration;

use super::raw::{BarrierError, BarrierStatistics, RawBarrier};
use crate::platform::Deadline;
use crate::sync::wait::park::Blocking;

/// A place that no thread leaves before all parties have arrived; it can be used again and again.
///
/// ```
/// use manyhands::sync::Barrier;
///
/// let barrier = Barrier::new(3);
/// let last = std::thread::scope(|scope| {
///     let parties = [(); 3].map(|()| scope.spawn(|| barrier.wait().unwrap()));
///     parties.into_iter().map(|party| party.join().unwrap()).max()
/// });
/// assert_eq!(last, Some(2));
/// ```
pub struct Barrier {
    raw: RawBarrier,
    action: Option<Box<dyn Fn() + Send + Sync>>,
}

/// The methods that both barriers share.
macro_rules! barrier_methods {
    () => {
        /// Waits until all parties have arrived; gives how many had arrived before, which differs for each of them.
        ///
        /// # Errors
        /// When the barrier is broken, or is broken or reset meanwhile; [`BarrierError::PartyDied`] when a process that
        /// waited there has ended.
        pub fn wait(&self) -> Result<u32, BarrierError> {
            wait(&self.raw, None, self.action.as_deref())
        }

        /// Waits as [`Barrier::wait`], at most for `timeout`; when that is over the barrier is broken.
        ///
        /// # Errors
        /// As [`Barrier::wait`], and [`WaitError::TimedOut`](crate::sync::WaitError::TimedOut).
        pub fn wait_timeout(&self, timeout: Duration) -> Result<u32, BarrierError> {
            wait(&self.raw, Deadline::after(timeout), self.action.as_deref())
        }

        /// Breaks the barrier: threads that wait or come fail, until it is reset.
        pub fn abort(&self) {
            self.raw.abort();
        }

        /// Makes the barrier as it was when it was new; waiters fail.
        pub fn reset(&self) {
            self.raw.reset();
        }

        /// How many must arrive, how many have, and whether the barrier is broken.
        pub fn statistics(&self) -> BarrierStatistics {
            self.raw.statistics()
        }
    };
}
pub(super) use barrier_methods;

impl Barrier {
    /// A barrier for so many threads.
    ///
    /// # Panics
    /// When `parties` is 0 or more than 65,535.
    pub const fn new(parties: u32) -> Self {
        Barrier { raw: RawBarrier::private(parties), action: None }
    }

    /// A barrier whose last party runs `action` in each round, before any other goes on. When it panics the barrier is
    /// broken.
    ///
    /// # Panics
    /// As [`Barrier::new`].
    pub fn with_action(parties: u32, action: impl Fn() + Send + Sync + 'static) -> Self {
        Barrier { raw: RawBarrier::private(parties), action: Some(Box::new(action)) }
    }

    barrier_methods!();
}

impl fmt::Debug for Barrier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statistics().fmt(formatter)
    }
}

pub(in crate::sync) fn wait(
    raw: &RawBarrier,
    deadline: Option<Deadline>,
    action: Option<&(dyn Fn() + Send + Sync)>,
) -> Result<u32, BarrierError> {
    raw.wait(deadline, &Blocking, || {
        if let Some(action) = action {
            action();
        }
        true
    })
}

#[cfg(test)]
mod tests;
