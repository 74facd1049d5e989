//! `Lock` and `RLock` of one process: a value and who may touch it.
//!
//! A guard gives access and releases the lock when it is dropped; it stays with the thread that took it. A panic while
//! a guard is held releases the lock and leaves the value as the panic found it: nothing is poisoned or reported. In a
//! child made by `fork` the forking thread still holds what it held, and what other threads held stays held there.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::holder::Acquired;
use super::holder::LockStatistics;
use super::private::{PrivateLock, PrivateRLock};
use super::taking::Taking;
use super::yields::{Yielding, Yields};
use crate::platform::Deadline;
use crate::sync::Site;
use crate::sync::wait::park::{Blocking, WaitError};

/// What both kinds of lock are to the value that they are around.
macro_rules! around_a_value {
    ($lock:ident) => {
        // SAFETY: the value goes where the lock goes.
        unsafe impl<T: ?Sized + Send> Send for $lock<T> {}
        // SAFETY: the lock gives access to the value to one thread at a time, as if it had been sent there.
        unsafe impl<T: ?Sized + Send> Sync for $lock<T> {}

        impl<T> $lock<T> {
            /// The value; no thread can hold the lock.
            pub fn into_inner(self) -> T {
                self.value.into_inner()
            }
        }

        impl<T: Default> Default for $lock<T> {
            #[track_caller]
            fn default() -> Self {
                $lock::new(T::default())
            }
        }
    };
}

around_a_value!(Lock);
around_a_value!(RLock);

/// A value that one thread at a time may touch.
///
/// ```
/// use manyhands::sync::Lock;
///
/// static TOTAL: Lock<u64> = Lock::new(0);
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| *TOTAL.lock().unwrap() += 1);
///     }
/// });
/// assert_eq!(*TOTAL.lock()?, 4);
/// # Ok::<(), manyhands::sync::WaitError>(())
/// ```
///
/// A thread that locks again what it holds would wait for itself, and gets an error. For a lock between processes see
/// [`shared::Lock`](crate::sync::shared::Lock).
pub struct Lock<T: ?Sized> {
    lock: PrivateLock,
    value: UnsafeCell<T>,
}

impl<T> Lock<T> {
    /// A free lock around `value`; the report of a deadlock names it by the caller's place.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Lock { lock: PrivateLock::new(Site::here(), false), value: UnsafeCell::new(value) }
    }
}

impl<T: ?Sized> Lock<T> {
    /// Waits until the lock is free and takes it.
    ///
    /// # Errors
    /// [`WaitError::Deadlock`] when the wait would never end, because each of several threads waits for what the next
    /// one holds. The lock is not taken then; one of them gets the error, the others go on when it releases what it
    /// holds.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> Result<LockGuard<'_, T>, WaitError> {
        self.lock.acquire(None, &Blocking, Taking::guarded_here())?;
        Ok(LockGuard { lock: self, not_send: PhantomData })
    }

    /// Takes the lock if it is free.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        self.lock.try_acquire(Taking::guarded_here()).then(|| LockGuard { lock: self, not_send: PhantomData })
    }

    /// Takes the lock if it comes free in time.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`].
    #[track_caller]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<LockGuard<'_, T>, WaitError> {
        self.lock.acquire(Deadline::after(timeout), &Blocking, Taking::guarded_here())?;
        Ok(LockGuard { lock: self, not_send: PhantomData })
    }

    /// The value, which no other thread can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The lock's holder, and how many wait for it.
    pub fn statistics(&self) -> LockStatistics {
        self.lock.statistics()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Lock");
        match self.try_lock() {
            Some(guard) => debug.field("value", &&*guard),
            None => debug.field("value", &format_args!("<locked>")),
        };
        debug.finish_non_exhaustive()
    }
}

/// Access to the value of a [`Lock`].
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct LockGuard<'a, T: ?Sized> {
    lock: &'a Lock<T>,
    /// The word says which thread holds the lock, so the guard stays there.
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives shared access to the value only.
unsafe impl<T: ?Sized + Sync> Sync for LockGuard<'_, T> {}

impl<T: ?Sized> Deref for LockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held by this guard, and only its holder touches the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for LockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for LockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.lock.release_mine();
    }
}

impl<'a, T: ?Sized> Yielding for LockGuard<'a, T> {
    type Lock = &'a Lock<T>;

    fn into_lock(self) -> &'a Lock<T> {
        ManuallyDrop::new(self).lock
    }

    fn yields<'b>(lock: &'b &'a Lock<T>) -> &'b dyn Yields {
        &lock.lock
    }

    fn again(lock: &'a Lock<T>, _acquired: Acquired) -> Self {
        LockGuard { lock, not_send: PhantomData }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

/// A value that one thread at a time may look at, and that the same thread may lock again while it has it.
///
/// Since a thread may hold several guards at once, they give shared access only; put a `Cell` or `RefCell` inside to
/// change the value.
///
/// ```
/// use manyhands::sync::RLock;
/// use std::cell::Cell;
///
/// let balance = RLock::new(Cell::new(100));
/// let outer = balance.lock().unwrap();
/// let inner = balance.lock().unwrap();
/// inner.set(inner.get() - 30);
/// assert_eq!(outer.get(), 70);
/// ```
pub struct RLock<T: ?Sized> {
    rlock: PrivateRLock,
    value: UnsafeCell<T>,
}

impl<T> RLock<T> {
    /// A free lock around `value`; the report of a deadlock names it by the caller's place.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        RLock { rlock: PrivateRLock::new(Site::here()), value: UnsafeCell::new(value) }
    }
}

impl<T: ?Sized> RLock<T> {
    /// Waits until the lock is free, or this thread's already, and takes it once more.
    ///
    /// # Errors
    /// [`WaitError::TooDeep`] when this thread holds it 4,294,967,295 times; [`WaitError::Deadlock`] as [`Lock::lock`].
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> Result<RLockGuard<'_, T>, WaitError> {
        self.rlock.acquire(None, &Blocking, Site::here())?;
        Ok(RLockGuard { lock: self, not_send: PhantomData })
    }

    /// Takes the lock once more if it is free or this thread's.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<RLockGuard<'_, T>> {
        let taken = self.rlock.try_acquire(Site::here()).unwrap_or(false);
        taken.then(|| RLockGuard { lock: self, not_send: PhantomData })
    }

    /// Takes the lock once more if it comes free in time or is this thread's.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`], and as [`RLock::lock`].
    #[track_caller]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<RLockGuard<'_, T>, WaitError> {
        self.rlock.acquire(Deadline::after(timeout), &Blocking, Site::here())?;
        Ok(RLockGuard { lock: self, not_send: PhantomData })
    }

    /// The lock's holder, and how many wait for it.
    pub fn statistics(&self) -> LockStatistics {
        self.rlock.lock.statistics()
    }
}

impl<T: ?Sized> fmt::Debug for RLock<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RLock").finish_non_exhaustive()
    }
}

/// Access to the value of an [`RLock`].
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct RLockGuard<'a, T: ?Sized> {
    lock: &'a RLock<T>,
    /// The word says which thread holds the lock, so the guard stays there.
    not_send: PhantomData<*const ()>,
}

impl<T: ?Sized> Deref for RLockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held by this thread, and all its guards give shared access only.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RLockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // The guard has not left the thread that took the lock, so this cannot be refused.
        let _ = self.lock.rlock.release();
    }
}

impl<'a, T: ?Sized> Yielding for RLockGuard<'a, T> {
    type Lock = &'a RLock<T>;

    fn into_lock(self) -> &'a RLock<T> {
        let depth = self.lock.rlock.depth();
        assert!(depth == 1, "a wait would take this RLock from {} other guards of this thread", depth - 1);
        ManuallyDrop::new(self).lock
    }

    fn yields<'b>(lock: &'b &'a RLock<T>) -> &'b dyn Yields {
        &lock.rlock
    }

    fn again(lock: &'a RLock<T>, _acquired: Acquired) -> Self {
        RLockGuard { lock, not_send: PhantomData }
    }
}
