//! A condition of all processes of the arena.
//!
//! It goes with a lock of `shared`. A waiter that is killed takes no notification with it. Until it has its lock back,
//! its notification is passed on to another waiter; after that, the next holder of the lock learns of its death.

use std::ops::Deref;
use std::time::Duration;

use super::typed::{condition_methods, wait, wait_while};
use crate::arena::{ArenaError, Shared};
use crate::platform::Deadline;
use crate::sync::condition::raw::{ConditionStatistics, RawCondition};
use crate::sync::lock::shared::LockGuard;
use crate::sync::lock::shared_rlock::RLockGuard;
use crate::sync::lock::yields::Yielding;
use crate::sync::reference::reference;
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

    /// Gives up the guard's lock, waits to be notified, and takes the lock again; an `RLock` as often as it was held.
    ///
    /// # Errors
    /// [`WaitError::NoOwner`] and [`WaitError::TooManyWaiters`], and those of the lock when it is taken again. The
    /// guard is gone then, and the lock free.
    pub fn wait<G: Guard>(&self, guard: G) -> Result<G, WaitError> {
        wait(&self.0, guard, None).map(|(guard, _)| guard)
    }

    condition_methods!();
}

reference!(Condition(RawCondition), "condition");
