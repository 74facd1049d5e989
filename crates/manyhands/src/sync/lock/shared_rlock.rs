//! A lock in the arena that its holder may take again.
//!
//! It guards no value of its own. Its holder is one thread of one process: a fork's child does not hold what its parent
//! holds. A holder whose process ends, in whatever way, loses all its holds at once, and the next holder learns of
//! that.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::time::Duration;

use super::yields::{Yielding, Yields};
use crate::arena::ArenaError;
use crate::platform::Deadline;
use crate::sync::Site;
use crate::sync::lock::holder::LockStatistics;
use crate::sync::lock::holder::{Acquired, DeadOwner};
use crate::sync::lock::raw::RawRLock;
use crate::sync::lock::taking::Taking;
use crate::sync::reference::reference;
use crate::sync::wait::park::{Blocking, WaitError};

/// Through a guard. Deadlocks of one thread with itself, which would report a place, cannot happen here.
const GUARDED: Taking = Taking { site: Site::Unknown, guarded: true };

/// A re-entrant lock of all processes of the arena. A clone refers to the same lock.
///
/// ```
/// use manyhands::sync::shared::RLock;
///
/// let rlock = RLock::new()?;
/// let outer = rlock.lock()?;
/// let inner = rlock.lock()?;
/// assert_eq!(rlock.depth(), 2);
/// # drop((inner, outer));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RLock(RawRLock);

impl RLock {
    /// A free lock.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn new() -> Result<Self, ArenaError> {
        RawRLock::shared().map(RLock)
    }

    /// Waits until the lock is free, its holder dead, or this thread its holder, and takes it once more.
    ///
    /// # Errors
    /// [`WaitError::NoOwner`] when this thread can own nothing in the arena; [`WaitError::TooDeep`].
    pub fn lock(&self) -> Result<RLockGuard<'_>, WaitError> {
        self.0.acquire_as(None, &Blocking, GUARDED).map(|acquired| self.guard(acquired))
    }

    /// Takes the lock once more if that needs no wait.
    ///
    /// # Errors
    /// As [`RLock::lock`].
    pub fn try_lock(&self) -> Result<Option<RLockGuard<'_>>, WaitError> {
        Ok(self.0.try_acquire_as(GUARDED)?.map(|acquired| self.guard(acquired)))
    }

    /// Takes the lock once more if that becomes possible in time.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`], and as [`RLock::lock`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<RLockGuard<'_>, WaitError> {
        let deadline = Deadline::after(timeout);
        self.0.acquire_as(deadline, &Blocking, GUARDED).map(|acquired| self.guard(acquired))
    }

    fn guard(&self, acquired: Acquired) -> RLockGuard<'_> {
        RLockGuard { rlock: self, owner_died: acquired.owner_died, not_send: PhantomData }
    }

    /// How often this thread holds the lock.
    pub fn depth(&self) -> u32 {
        self.0.depth()
    }

    /// The lock's holder, and how many wait for it.
    pub fn statistics(&self) -> LockStatistics {
        self.0.statistics()
    }
}

reference!(RLock(RawRLock), "re-entrant lock");

/// One hold of an [`RLock`].
#[must_use = "the lock is released as soon as the guard is dropped"]
#[derive(Debug)]
pub struct RLockGuard<'a> {
    rlock: &'a RLock,
    owner_died: Option<Box<DeadOwner>>,
    /// The word says which thread holds the lock, so the guard stays there.
    not_send: PhantomData<*const ()>,
}

impl RLockGuard<'_> {
    /// The process that held the lock when it died, if the lock was got that way.
    pub fn owner_died(&self) -> Option<&DeadOwner> {
        self.owner_died.as_deref()
    }
}

impl Drop for RLockGuard<'_> {
    fn drop(&mut self) {
        // Refused in a fork's child, which does not hold what its parent holds.
        let _ = self.rlock.0.release();
    }
}

impl<'a> Yielding for RLockGuard<'a> {
    type Lock = &'a RLock;

    fn into_lock(self) -> &'a RLock {
        let mut guard = ManuallyDrop::new(self);
        guard.owner_died = None;
        guard.rlock
    }

    fn yields<'b>(rlock: &'b &'a RLock) -> &'b dyn Yields {
        &rlock.0
    }

    fn again(rlock: &'a RLock, acquired: Acquired) -> Self {
        rlock.guard(acquired)
    }
}
