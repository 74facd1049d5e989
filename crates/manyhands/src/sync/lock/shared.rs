//! A value in the arena that one thread of all processes at a time may touch.
//!
//! Small values stand in the lock's own object, larger ones in a block that the object keeps. A thread that gets the
//! lock from a dead holder finds the value as the holder's death left it, any bit pattern being valid; the guard
//! reports the death.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::time::Duration;

use super::yields::{Yielding, Yields};
use crate::arena::keep;
use crate::arena::travels;
use crate::arena::{Arena, ArenaError, BODY, Handle, Kind, Object, Shared};
use crate::platform::Deadline;
use crate::platform::atomic::{AtomicU8, AtomicU64, Ordering};
use crate::sync::Site;
use crate::sync::lock::arena::{ArenaLock, LockBody};
use crate::sync::lock::holder::LockStatistics;
use crate::sync::lock::holder::{Acquired, DeadOwner};
use crate::sync::lock::taking::Taking;
use crate::sync::wait::park::{Blocking, WaitError};

/// A value that one thread at a time, of whichever process, may touch. A clone refers to the same lock.
///
/// ```
/// use manyhands::sync::shared::Lock;
///
/// let total = Lock::new(0_u64)?;
/// *total.lock()? += 1;
/// assert_eq!(*total.lock()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A thread that locks again what it holds would wait for itself, and gets an error. A process that ends while it holds
/// the lock, in whatever way, leaves it to the next thread that asks, and the guard reports that.
pub struct Lock<T: Shared> {
    lock: ArenaLock,
    value: NonNull<UnsafeCell<T>>,
}

// SAFETY: the lock gives the value to one thread at a time, which then owns it as if it had been sent there: it is
// `Send`.
unsafe impl<T: Shared> Send for Lock<T> {}
// SAFETY: as above.
unsafe impl<T: Shared> Sync for Lock<T> {}

/// Through a guard, from whatever place.
const GUARDED: Taking = Taking { site: Site::Unknown, guarded: true };

/// Where a small value stands in the object's body.
const fn inline_offset<T>() -> usize {
    size_of::<LockBody>().next_multiple_of(align_of::<T>())
}

/// The value's type while the value is not there yet: no type's hash, or one of 2^64.
pub(super) const UNFINISHED: u64 = u64::MAX;

/// A hash (FNV-1a) of the type's name, size and alignment, which distinguishes values of different types. All processes
/// of an arena run the same build, in which a type has one name.
pub(super) fn fingerprint<T>() -> u64 {
    let numbers = [size_of::<T>() as u64, align_of::<T>() as u64].map(u64::to_le_bytes);
    let bytes = numbers.as_flattened().iter().chain(std::any::type_name::<T>().as_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl<T: Shared> Lock<T> {
    const INLINE: bool = inline_offset::<T>() + size_of::<T>() <= BODY;

    /// A free lock around `value`.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn new(value: T) -> Result<Self, ArenaError> {
        const { assert!(align_of::<T>() <= 64, "the arena aligns values to 64 bytes at most") };
        let arena = Arena::get()?;
        let block = if Self::INLINE { None } else { Some(arena.claim_structure(size_of::<T>())?) };
        let object = Object::create::<LockBody>(Kind::LOCK, |_, body| {
            body.value_type.store(UNFINISHED, Ordering::Relaxed);
            body.block.name(block.as_ref());
            Ok(())
        })?;
        keep(arena, block)?;
        let lock = Self::around(arena, object)?;
        // SAFETY: the place is the value's alone, large and aligned enough; a process that guesses the handle is
        // refused until the lock says what its value is.
        unsafe { lock.value.as_ptr().write(UnsafeCell::new(value)) };
        lock.lock.body().value_type.store(fingerprint::<T>(), Ordering::Release);
        Ok(lock)
    }

    /// The lock that a handle names.
    ///
    /// # Errors
    /// When it is gone, is no lock, or is one around a value of another type; when this process has no address space
    /// left for it.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        let object = Object::attach(handle, Kind::LOCK)?;
        if object.body::<LockBody>().value_type.load(Ordering::Acquire) != fingerprint::<T>() {
            return Err(ArenaError::WrongValue { handle, kind: Kind::LOCK });
        }
        Self::around(Arena::get()?, object)
    }

    /// The lock in an object around a `T`.
    fn around(arena: &'static Arena, object: Object) -> Result<Self, ArenaError> {
        let head: &'static LockBody = object.body();
        let value = match head.block.records::<AtomicU8>(arena, size_of::<T>())? {
            [] if !Self::INLINE => {
                return Err(ArenaError::Damaged { what: "a lock's value has no place" });
            }
            [] => {
                let body: &'static [AtomicU64; BODY / 8] = object.body();
                let start = NonNull::from(body).cast::<u8>();
                // SAFETY: the offset lies in the body, since a value that does not fit has a block.
                unsafe { start.add(inline_offset::<T>()) }
            }
            bytes => NonNull::from(bytes).cast(),
        };
        if !value.cast::<T>().is_aligned() {
            return Err(ArenaError::Damaged { what: "a lock's value stands where it cannot" });
        }
        Ok(Lock { lock: ArenaLock::from_object(object, Kind::LOCK), value: value.cast() })
    }

    /// What names the lock to other processes.
    pub fn handle(&self) -> Handle {
        self.lock.object().handle()
    }

    /// Waits until the lock is free, or its holder dead, and takes it.
    ///
    /// # Errors
    /// [`WaitError::Deadlock`] when this thread holds the lock, by whatever handle; [`WaitError::NoOwner`] when it can
    /// own nothing in the arena.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> Result<LockGuard<'_, T>, WaitError> {
        self.lock.acquire(None, &Blocking, Taking::guarded_here()).map(|acquired| self.guard(acquired))
    }

    /// Takes the lock if it is free or its holder dead.
    ///
    /// # Errors
    /// [`WaitError::NoOwner`].
    #[inline]
    pub fn try_lock(&self) -> Result<Option<LockGuard<'_, T>>, WaitError> {
        Ok(self.lock.try_acquire(GUARDED)?.map(|acquired| self.guard(acquired)))
    }

    /// Takes the lock if it comes free in time.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`], also when this thread holds the lock; [`WaitError::NoOwner`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<LockGuard<'_, T>, WaitError> {
        let deadline = Deadline::after(timeout);
        self.lock.acquire(deadline, &Blocking, GUARDED).map(|acquired| self.guard(acquired))
    }

    #[inline]
    fn guard(&self, acquired: Acquired) -> LockGuard<'_, T> {
        LockGuard { lock: self, owner_died: acquired.owner_died, not_send: PhantomData }
    }

    /// The lock's holder, and how many wait for it.
    pub fn statistics(&self) -> LockStatistics {
        self.lock.statistics()
    }
}

impl<T: Shared> Clone for Lock<T> {
    fn clone(&self) -> Self {
        Lock { lock: self.lock.clone(), value: self.value }
    }
}

impl<T: Shared> fmt::Debug for Lock<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lock").field("number", &self.handle().index()).finish_non_exhaustive()
    }
}

travels!(Lock<T: Shared>);

/// Access to the value of a [`Lock`].
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct LockGuard<'a, T: Shared> {
    lock: &'a Lock<T>,
    owner_died: Option<Box<DeadOwner>>,
    /// The word says which thread holds the lock, so the guard stays there.
    not_send: PhantomData<*const ()>,
}

impl<T: Shared> LockGuard<'_, T> {
    /// The process that held the lock when it died, if the lock was got that way: the value may be half changed.
    pub fn owner_died(&self) -> Option<&DeadOwner> {
        self.owner_died.as_deref()
    }
}

impl<T: Shared> Deref for LockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held by this guard, and only its holder touches the value, which `Lock::new` wrote.
        unsafe { &*self.lock.value.as_ref().get() }
    }
}

impl<T: Shared> DerefMut for LockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.value.as_ref().get() }
    }
}

impl<T: Shared> Drop for LockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.lock.release_mine(true);
    }
}

impl<'a, T: Shared> Yielding for LockGuard<'a, T> {
    type Lock = &'a Lock<T>;

    fn into_lock(self) -> &'a Lock<T> {
        let mut guard = ManuallyDrop::new(self);
        guard.owner_died = None;
        guard.lock
    }

    fn yields<'b>(lock: &'b &'a Lock<T>) -> &'b dyn Yields {
        &lock.lock
    }

    fn again(lock: &'a Lock<T>, acquired: Acquired) -> Self {
        lock.guard(acquired)
    }
}

impl<T: Shared + fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
