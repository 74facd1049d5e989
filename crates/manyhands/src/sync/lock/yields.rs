//! A lock that is given up for a wait and taken again as it was held: the one way in which conditions do that.
//!
//! How a lock was held is its depth, and whether a guard has it. A guard's lock is not left taken by a process that
//! ends in good order, so it has to be a guard's again. Nothing here waits for a notification; that is the condition's
//! part.

use super::arena::{ArenaLock, ArenaRLock};
use super::error::ReleaseError;
use super::holder::Acquired;
use super::private::{PrivateLock, PrivateRLock};
use super::taking::Taking;
use crate::sync::wait::park::{WaitError, Waiting};
use crate::sync::wait::site::Site;

/// How a lock was held that is given up for a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// How often.
    pub depth: u32,
    /// Whether as by a guard, see [`Taking::guarded`].
    pub guarded: bool,
}

impl Hold {
    /// One guard's.
    pub(in crate::sync) const BY_ONE_GUARD: Hold = Hold { depth: 1, guarded: true };

    fn taking(self, site: Site) -> Taking {
        Taking { site, guarded: self.guarded }
    }
}

/// A lock that a wait can give up and take again as it was held.
pub trait Yields {
    /// Gives the lock up altogether, and says how it was held.
    ///
    /// # Errors
    /// When it is not held, or not by the calling thread where that matters.
    fn give_up(&self) -> Result<Hold, ReleaseError>;

    /// Takes the lock, which the calling thread does not hold, as it was held before, and says where.
    ///
    /// # Errors
    /// When a signal handler ends the wait, the wait is part of a deadlock, or the thread can own nothing in the arena;
    /// the lock is not held then.
    fn regain(&self, hold: Hold, waiting: &dyn Waiting, site: Site) -> Result<Acquired, WaitError>;
}

/// How a guard is had again of a lock that was given up.
pub trait Yielding: Sized {
    /// The lock whose guard it is.
    type Lock: Copy;

    /// The lock; it stays held.
    fn into_lock(self) -> Self::Lock;

    /// What gives the lock up and takes it again.
    fn yields(lock: &Self::Lock) -> &dyn Yields;

    /// A guard of the lock, which is held again.
    fn again(lock: Self::Lock, acquired: Acquired) -> Self;
}

impl Yields for PrivateLock {
    fn give_up(&self) -> Result<Hold, ReleaseError> {
        let guarded = self.is_guarded();
        let released = if guarded { self.release_guarded() } else { self.release() };
        released.map(|()| Hold { depth: 1, guarded })
    }

    fn regain(&self, hold: Hold, waiting: &dyn Waiting, site: Site) -> Result<Acquired, WaitError> {
        self.acquire(None, waiting, hold.taking(site)).map(|()| Acquired::default())
    }
}

impl Yields for PrivateRLock {
    fn give_up(&self) -> Result<Hold, ReleaseError> {
        self.release_all().map(|depth| Hold { depth, guarded: true })
    }

    fn regain(&self, hold: Hold, waiting: &dyn Waiting, site: Site) -> Result<Acquired, WaitError> {
        self.acquire_again(hold.depth, waiting, site).map(|()| Acquired::default())
    }
}

impl Yields for ArenaLock {
    fn give_up(&self) -> Result<Hold, ReleaseError> {
        let guarded = self.is_guarded();
        // Only this process's hold counts: in a fork's child the copy of a guard gives up nothing of the parent's.
        if self.release_mine(guarded) {
            Ok(Hold { depth: 1, guarded })
        } else if self.is_held() {
            Err(ReleaseError::NotMine)
        } else {
            Err(ReleaseError::NotHeld)
        }
    }

    fn regain(&self, hold: Hold, waiting: &dyn Waiting, site: Site) -> Result<Acquired, WaitError> {
        self.acquire(None, waiting, hold.taking(site))
    }
}

impl Yields for ArenaRLock {
    fn give_up(&self) -> Result<Hold, ReleaseError> {
        let guarded = self.lock.is_guarded();
        self.release_all().map(|depth| Hold { depth, guarded })
    }

    fn regain(&self, hold: Hold, waiting: &dyn Waiting, site: Site) -> Result<Acquired, WaitError> {
        self.acquire_again(hold.depth, waiting, hold.taking(site))
    }
}
