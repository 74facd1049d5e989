//! `Condition` for the threads of one process: waiting for a change of what a lock guards.
//!
//! Its namesake in `shared` is for several processes and has the same methods. A wait takes a guard and gives one back;
//! in between the lock is free. Notifying needs no lock. Nobody is woken who was not notified, but what was waited for
//! may be gone again when the lock is: `wait_while` looks for itself.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::raw::{ConditionStatistics, RawCondition, Regained};
use crate::platform::Deadline;
use crate::sync::lock::typed::{LockGuard, RLockGuard};
use crate::sync::lock::yields::{Hold, Yielding};
use crate::sync::wait::park::{Blocking, WaitError};
use crate::sync::wait::site::Site;

/// A guard that a wait at a [`Condition`] can give up and take again: of a [`Lock`](crate::sync::Lock) or an
/// [`RLock`](crate::sync::RLock).
pub trait Guard: Deref + Yielding {}

impl<T: ?Sized> Guard for LockGuard<'_, T> {}
impl<T: ?Sized> Guard for RLockGuard<'_, T> {}

/// Where threads wait for a change of what a lock guards.
///
/// ```
/// use manyhands::sync::{Condition, Lock};
///
/// static PAGES: Lock<Vec<&str>> = Lock::new(Vec::new());
/// static MORE: Condition = Condition::new();
///
/// let reader = std::thread::spawn(|| {
///     let mut pages = MORE.wait_while(PAGES.lock().unwrap(), |pages| pages.is_empty()).unwrap();
///     pages.pop()
/// });
/// PAGES.lock().unwrap().push("one");
/// MORE.notify_one();
/// assert_eq!(reader.join().unwrap(), Some("one"));
/// ```
pub struct Condition(RawCondition);

/// The methods that both conditions share.
macro_rules! condition_methods {
    () => {
        /// Waits as long as `condition` holds, which is asked before each wait.
        ///
        /// # Errors
        /// As [`Condition::wait`], which also says whether it may panic.
        #[track_caller]
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
        /// As [`Condition::wait`], which also says whether it may panic.
        #[track_caller]
        pub fn wait_timeout<G: Guard>(&self, guard: G, timeout: Duration) -> Result<(G, bool), WaitError> {
            wait(&self.0, guard, Deadline::after(timeout))
        }

        /// Waits as long as `condition` holds, at most for `timeout`; says with the guard whether it holds no more.
        ///
        /// # Errors
        /// As [`Condition::wait`], which also says whether it may panic.
        #[track_caller]
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
    };
}
pub(super) use condition_methods;

impl Condition {
    /// A condition without waiters.
    pub const fn new() -> Self {
        Condition(RawCondition::private())
    }

    /// Gives up the guard's lock, waits to be notified, and takes the lock again.
    ///
    /// # Errors
    /// Those of the lock when it is taken again.
    ///
    /// # Panics
    /// When the guard is one of several that this thread has of an `RLock`: the others would have lost their lock.
    #[track_caller]
    pub fn wait<G: Guard>(&self, guard: G) -> Result<G, WaitError> {
        wait(&self.0, guard, None).map(|(guard, _)| guard)
    }

    condition_methods!();
}

impl Default for Condition {
    fn default() -> Self {
        Condition::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = self.statistics().waiters;
        formatter.debug_struct("Condition").field("waiters", &waiters).finish_non_exhaustive()
    }
}

/// One wait; says with the guard whether a notification ended it.
#[track_caller]
pub(in crate::sync) fn wait<G: Yielding>(
    condition: &RawCondition,
    guard: G,
    deadline: Option<Deadline>,
) -> Result<(G, bool), WaitError> {
    let lock = guard.into_lock();
    // In a fork's child, which does not hold what its parent holds, the guard is had of a lock that is taken once.
    let once = |_| Ok(Hold::BY_ONE_GUARD);
    let regained = condition.wait_as(G::yields(&lock), once, deadline, &Blocking, Site::here());
    let Regained { waited, lock: acquired } = regained.expect("whatever is refused is had once");
    let guard = G::again(lock, acquired?);
    match waited {
        Ok(()) => Ok((guard, true)),
        Err(WaitError::TimedOut) => Ok((guard, false)),
        Err(error) => Err(error),
    }
}

/// Waits while the condition holds; says with the guard whether it holds no more.
#[track_caller]
pub(super) fn wait_while<G: Yielding + Deref>(
    raw: &RawCondition,
    mut guard: G,
    deadline: Option<Deadline>,
    mut condition: impl FnMut(&G::Target) -> bool,
) -> Result<(G, bool), WaitError> {
    let mut in_time = true;
    while condition(&guard) {
        if !in_time {
            return Ok((guard, false));
        }
        (guard, in_time) = wait(raw, guard, deadline)?;
    }
    Ok((guard, true))
}

#[cfg(test)]
mod tests;
