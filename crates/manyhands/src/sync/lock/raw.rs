//! Locks whose place, private memory or the arena, is chosen when they are made, and which guard nothing by themselves.
//!
//! For bindings to other languages, where no guard's drop says when a lock is released. Rust programs use `Lock`,
//! `RLock` and their namesakes in `shared`. All methods have the same names for both places and for both kinds.

use super::arena::{ArenaLock, ArenaRLock};
use super::holder::{Acquired, LockStatistics};
use super::private::{PrivateLock, PrivateRLock};
use super::taking::Taking;
use super::yields::{Hold, Yields};
use crate::arena::{ArenaError, Handle, Kind};
use crate::platform::Deadline;
use crate::sync::Site;
use crate::sync::lock::error::ReleaseError;
use crate::sync::wait::park::{WaitError, Waiting};

/// A lock that any thread may release; a holder that asks again waits for itself.
pub struct RawLock(Place<PrivateLock, ArenaLock>);

/// A lock that its holder may take again, and that only its holder may release.
pub struct RawRLock(Place<PrivateRLock, ArenaRLock>);

enum Place<P, A> {
    Private(P),
    Arena(A),
}

impl RawLock {
    /// A free lock for the threads of this process.
    pub const fn private() -> Self {
        RawLock(Place::Private(PrivateLock::new(Site::Unknown, false)))
    }

    /// A free lock for the threads of this process, which a deadlock's report names by where it was made.
    pub const fn private_at(made_at: Site) -> Self {
        RawLock(Place::Private(PrivateLock::new(made_at, false)))
    }

    /// A free lock for all processes of the arena.
    ///
    /// # Errors
    /// When the arena has no room for another object, or there is no arena and none can be made.
    pub fn shared() -> Result<Self, ArenaError> {
        ArenaLock::new(Kind::LOCK).map(|lock| RawLock(Place::Arena(lock)))
    }

    /// The lock in the arena that a handle names.
    ///
    /// # Errors
    /// When it is gone or no lock.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        ArenaLock::attach(handle, Kind::LOCK).map(|lock| RawLock(Place::Arena(lock)))
    }

    /// Another reference to the same lock; `None` for a private one.
    pub fn clone_shared(&self) -> Option<Self> {
        match &self.0 {
            Place::Private(_) => None,
            Place::Arena(lock) => Some(RawLock(Place::Arena(lock.clone()))),
        }
    }

    /// What names the lock to other processes; `None` for a private one.
    pub fn handle(&self) -> Option<Handle> {
        match &self.0 {
            Place::Private(_) => None,
            Place::Arena(lock) => Some(lock.object().handle()),
        }
    }

    /// Takes the lock, asleep until it can; any thread may release it.
    ///
    /// # Errors
    /// As [`RawLock::acquire_as`].
    #[inline]
    pub fn acquire(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<Acquired, WaitError> {
        self.acquire_as(deadline, waiting, Taking::default())
    }

    /// Takes the lock, asleep until it can, and says where, and whether any other thread may release it.
    ///
    /// # Errors
    /// When the deadline passes first, a signal handler ends the wait, the wait is part of a deadlock, or the thread
    /// can own nothing in the arena.
    #[inline]
    pub fn acquire_as(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        taking: Taking,
    ) -> Result<Acquired, WaitError> {
        match &self.0 {
            Place::Private(lock) => lock.acquire(deadline, waiting, taking).map(|()| Acquired::default()),
            Place::Arena(lock) => lock.acquire(deadline, waiting, taking),
        }
    }

    /// Takes the lock if that needs no wait; `None` when it does.
    ///
    /// # Errors
    /// When the thread can own nothing in the arena.
    #[inline]
    pub fn try_acquire(&self) -> Result<Option<Acquired>, WaitError> {
        self.try_acquire_as(Taking::default())
    }

    /// Takes the lock if that needs no wait, as [`RawLock::acquire_as`].
    ///
    /// # Errors
    /// When the thread can own nothing in the arena.
    #[inline]
    pub fn try_acquire_as(&self, taking: Taking) -> Result<Option<Acquired>, WaitError> {
        match &self.0 {
            Place::Private(lock) => Ok(lock.try_acquire(taking).then(Acquired::default)),
            Place::Arena(lock) => lock.try_acquire(taking),
        }
    }

    /// Releases the lock, whichever thread took it.
    ///
    /// # Errors
    /// When nobody holds it.
    #[inline]
    pub fn release(&self) -> Result<(), ReleaseError> {
        match &self.0 {
            Place::Private(lock) => lock.release(),
            Place::Arena(lock) => lock.release(false),
        }
    }

    /// Releases the lock, whichever thread took it, at the end of what [`Taking::guarded`] began.
    ///
    /// # Errors
    /// When nobody holds it.
    #[inline]
    pub fn release_guarded(&self) -> Result<(), ReleaseError> {
        match &self.0 {
            Place::Private(lock) => lock.release_guarded(),
            Place::Arena(lock) => lock.release(true),
        }
    }

    /// Whether a thread holds the lock, alive or dead.
    pub fn is_held(&self) -> bool {
        match &self.0 {
            Place::Private(lock) => lock.is_held(),
            Place::Arena(lock) => lock.is_held(),
        }
    }

    /// The lock that it is, for what all kinds do alike.
    fn in_its_place(&self) -> &dyn Yields {
        match &self.0 {
            Place::Private(lock) => lock,
            Place::Arena(lock) => lock,
        }
    }

    /// Whether the lock is held, and was taken as by a guard; see [`Taking::guarded`].
    pub fn is_guarded(&self) -> bool {
        match &self.0 {
            Place::Private(lock) => lock.is_guarded(),
            Place::Arena(lock) => lock.is_guarded(),
        }
    }

    /// The lock's holder, and how many wait for it.
    pub fn statistics(&self) -> LockStatistics {
        match &self.0 {
            Place::Private(lock) => lock.statistics(),
            Place::Arena(lock) => lock.statistics(),
        }
    }
}

impl RawRLock {
    /// A free lock for the threads of this process.
    pub const fn private() -> Self {
        RawRLock(Place::Private(PrivateRLock::new(Site::Unknown)))
    }

    /// A free lock for the threads of this process, which a deadlock's report names by where it was made.
    pub const fn private_at(made_at: Site) -> Self {
        RawRLock(Place::Private(PrivateRLock::new(made_at)))
    }

    /// A free lock for all processes of the arena.
    ///
    /// # Errors
    /// When the arena has no room for another object, or there is no arena and none can be made.
    pub fn shared() -> Result<Self, ArenaError> {
        ArenaLock::new(Kind::RLOCK).map(|lock| RawRLock(Place::Arena(ArenaRLock { lock })))
    }

    /// The lock in the arena that a handle names.
    ///
    /// # Errors
    /// When it is gone or no re-entrant lock.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        ArenaLock::attach(handle, Kind::RLOCK).map(|lock| RawRLock(Place::Arena(ArenaRLock { lock })))
    }

    /// Another reference to the same lock; `None` for a private one.
    pub fn clone_shared(&self) -> Option<Self> {
        match &self.0 {
            Place::Private(_) => None,
            Place::Arena(lock) => Some(RawRLock(Place::Arena(lock.clone()))),
        }
    }

    /// What names the lock to other processes; `None` for a private one.
    pub fn handle(&self) -> Option<Handle> {
        match &self.0 {
            Place::Private(_) => None,
            Place::Arena(rlock) => Some(rlock.lock.object().handle()),
        }
    }

    /// Takes the lock, asleep until it can; at once when the calling thread holds it.
    ///
    /// # Errors
    /// As [`RawRLock::acquire_as`].
    #[inline]
    pub fn acquire(&self, deadline: Option<Deadline>, waiting: &dyn Waiting) -> Result<Acquired, WaitError> {
        self.acquire_as(deadline, waiting, Taking::default())
    }

    /// As [`RawRLock::acquire_as`], and says only where.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn acquire_at(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        site: Site,
    ) -> Result<Acquired, WaitError> {
        self.acquire_as(deadline, waiting, Taking { site, guarded: false })
    }

    /// Takes the lock, asleep until it can, and says where, and whether a guard releases it; at once when the calling
    /// thread holds it. What was taken through a guard in an arena is not left held by a process that ends in good
    /// order.
    ///
    /// # Errors
    /// When the deadline passes first, a signal handler ends the wait, or the wait is part of a deadlock. Also when the
    /// thread can own nothing in the arena, or holds the lock as often as can be counted.
    #[inline]
    pub fn acquire_as(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        taking: Taking,
    ) -> Result<Acquired, WaitError> {
        match &self.0 {
            Place::Private(rlock) => {
                rlock.acquire(deadline, waiting, taking.site).map(|()| Acquired::default())
            }
            Place::Arena(rlock) => rlock.acquire(deadline, waiting, taking),
        }
    }

    /// Takes the lock if that needs no wait; `None` when it does.
    ///
    /// # Errors
    /// When the thread can own nothing in the arena, or holds the lock as often as can be counted.
    #[inline]
    pub fn try_acquire(&self) -> Result<Option<Acquired>, WaitError> {
        self.try_acquire_as(Taking::default())
    }

    /// Takes the lock if that needs no wait, and says where.
    ///
    /// # Errors
    /// As [`RawRLock::try_acquire`].
    #[inline]
    pub fn try_acquire_at(&self, site: Site) -> Result<Option<Acquired>, WaitError> {
        self.try_acquire_as(Taking { site, guarded: false })
    }

    /// Takes the lock if that needs no wait, as [`RawRLock::acquire_as`].
    ///
    /// # Errors
    /// As [`RawRLock::try_acquire`].
    #[inline]
    pub fn try_acquire_as(&self, taking: Taking) -> Result<Option<Acquired>, WaitError> {
        match &self.0 {
            Place::Private(rlock) => Ok(rlock.try_acquire(taking.site)?.then(Acquired::default)),
            Place::Arena(rlock) => rlock.try_acquire(taking),
        }
    }

    /// Releases the lock once.
    ///
    /// # Errors
    /// When the calling thread does not hold it.
    #[inline]
    pub fn release(&self) -> Result<(), ReleaseError> {
        match &self.0 {
            Place::Private(rlock) => rlock.release(),
            Place::Arena(rlock) => rlock.release(),
        }
    }

    /// As [`RawRLock::release`], at the end of what [`Taking::guarded`] began.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn release_guarded(&self) -> Result<(), ReleaseError> {
        self.release()
    }

    /// Releases the lock for good, however often and by whichever thread it is held: for a fork's child that acts on a
    /// copy of its parent's hold.
    ///
    /// # Errors
    /// When nobody holds it; a private lock: when the calling thread does not.
    pub fn release_copied(&self) -> Result<(), ReleaseError> {
        match &self.0 {
            Place::Private(rlock) => rlock.release(),
            Place::Arena(rlock) => rlock.lock.release(false),
        }
    }

    /// Makes the lock free in a fork's child, where its holder may not exist; only while no other thread uses it.
    pub fn free_in_child(&self) {
        match &self.0 {
            Place::Private(rlock) => rlock.free(),
            Place::Arena(rlock) => drop(rlock.lock.release(false)),
        }
    }

    /// The lock that it is, for what all kinds do alike.
    fn in_its_place(&self) -> &dyn Yields {
        match &self.0 {
            Place::Private(rlock) => rlock,
            Place::Arena(rlock) => rlock,
        }
    }

    /// Whether the lock is held, and was taken as by a guard the first time; always, for the threads of one process.
    pub fn is_guarded(&self) -> bool {
        match &self.0 {
            Place::Private(rlock) => rlock.lock.is_guarded(),
            Place::Arena(rlock) => rlock.lock.is_guarded(),
        }
    }

    /// How often the calling thread holds the lock; 0 when it does not.
    pub fn depth(&self) -> u32 {
        match &self.0 {
            Place::Private(rlock) => rlock.depth(),
            Place::Arena(rlock) => rlock.depth(),
        }
    }

    /// The lock's holder, and how many wait for it.
    pub fn statistics(&self) -> LockStatistics {
        match &self.0 {
            Place::Private(rlock) => rlock.lock.statistics(),
            Place::Arena(rlock) => rlock.lock.statistics(),
        }
    }
}

impl Yields for RawLock {
    fn give_up(&self) -> Result<Hold, ReleaseError> {
        self.in_its_place().give_up()
    }

    fn regain(&self, hold: Hold, waiting: &dyn Waiting, site: Site) -> Result<Acquired, WaitError> {
        self.in_its_place().regain(hold, waiting, site)
    }
}

impl Yields for RawRLock {
    fn give_up(&self) -> Result<Hold, ReleaseError> {
        self.in_its_place().give_up()
    }

    fn regain(&self, hold: Hold, waiting: &dyn Waiting, site: Site) -> Result<Acquired, WaitError> {
        self.in_its_place().regain(hold, waiting, site)
    }
}
