//! A condition of all processes of the arena.
//!
//! It goes with a lock of `shared`. A waiter that is killed takes no notification with it. Until it has its lock back,
//! its notification is passed on to another waiter; after that, the next holder of the lock learns of its death.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::typed::{wait, wait_while};
use crate::arena::travels;
use crate::arena::{ArenaError, Handle, Shared};
use crate::platform::Deadline;
use crate::sync::condition::raw::{ConditionStatistics, RawCondition};
use crate::sync::lock::shared::LockGuard;
use crate::sync::lock::shared_rlock::RLockGuard;
use crate::sync::lock::yields::Yielding;
use crate::sync::wait::park::WaitError;

/// A guard that a wait at a [`Condition`] can give up and take again: of a [`Lock`](crate::sync::shared::Lock) or an
/// [`RLock`](crate::sync::shared::RLock) of the arena.
pub trait Guard: Yielding {}

impl<T: Shared> Guard for LockGuard<'_, T> {}
impl Guard for RLockGuard<'_> {}

/// Where threads of any process wait for a change of what a lock guards. A clone refers to the same condition.
///
/// ```
/// use manyhands::sync::shared::{Condition, Lock};
///
/// let (left, done) = (Lock::new(1_u32)?, Condition::new()?);
/// let worker = std::thread::spawn({
///     let (left, done) = (left.clone(), done.clone());
///     move || {
///         *left.lock().unwrap() -= 1;
///         done.notify_all();
///     }
/// });
/// let left = done.wait_while(left.lock()?, |left| *left > 0)?;
/// assert_eq!(*left, 0);
/// # worker.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Condition(RawCondition);

impl Condition {
    /// A condition without waiters.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn new() -> Result<Self, ArenaError> {
        RawCondition::shared().map(Condition)
    }

    /// The condition that a handle names.
    ///
    /// # Errors
    /// When it is gone or no condition.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        RawCondition::attach(handle).map(Condition)
    }

    /// What names the condition to other processes.
    pub fn handle(&self) -> Handle {
        self.0.handle().expect("a shared condition stands in the arena")
    }

    /// Gives up the guard's lock, waits to be notified, and takes the lock again; an `RLock` as often as it was held.
    ///
    /// # Errors
    /// [`WaitError::NoOwner`] and [`WaitError::TooManyWaiters`], and those of the lock when it is taken again. The
    /// guard is gone then, and the lock free.
    pub fn wait<G: Guard>(&self, guard: G) -> Result<G, WaitError> {
        wait(&self.0, guard, None).map(|(guard, _)| guard)
    }

    /// Waits as long as `condition` holds, which is asked before each wait.
    ///
    /// # Errors
    /// As [`Condition::wait`].
    pub fn wait_while<G: Guard + Deref>(
        &self,
        guard: G,
        condition: impl FnMut(&G::Target) -> bool,
    ) -> Result<G, WaitError> {
        wait_while(&self.0, guard, None, condition).map(|(guard, _)| guard)
    }

    /// Waits to be notified, at most for `timeout`; says with the guard whether it was notified in time.
    ///
    /// # Errors
    /// As [`Condition::wait`].
    pub fn wait_timeout<G: Guard>(&self, guard: G, timeout: Duration) -> Result<(G, bool), WaitError> {
        wait(&self.0, guard, Deadline::after(timeout))
    }

    /// Waits as long as `condition` holds, at most for `timeout`; says with the guard whether it holds no more.
    ///
    /// # Errors
    /// As [`Condition::wait`].
    pub fn wait_timeout_while<G: Guard + Deref>(
        &self,
        guard: G,
        timeout: Duration,
        condition: impl FnMut(&G::Target) -> bool,
    ) -> Result<(G, bool), WaitError> {
        wait_while(&self.0, guard, Deadline::after(timeout), condition)
    }

    /// Wakes the thread that has waited longest, if any.
    pub fn notify_one(&self) {
        self.0.notify(1);
    }

    /// Wakes the `count` threads that have waited longest, or as many as wait now, and says how many that were.
    pub fn notify(&self, count: u32) -> u32 {
        self.0.notify(count)
    }

    /// Wakes all threads that wait now, and says how many that were.
    pub fn notify_all(&self) -> u32 {
        self.0.notify_all()
    }

    /// How many threads wait.
    pub fn statistics(&self) -> ConditionStatistics {
        self.0.statistics()
    }
}

impl Clone for Condition {
    fn clone(&self) -> Self {
        Condition(self.0.clone_shared().expect("a shared condition stands in the arena"))
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Condition").field("number", &self.handle().index()).finish_non_exhaustive()
    }
}

travels!(Condition);
