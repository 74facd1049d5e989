//! A number, or another small value, that several processes read and change.
//!
//! It is a [`Lock`] around two copies of the value and the number of the one that counts. A change writes the other
//! copy, and then that number, in one store. So the value is whole whenever a process may be killed: it is what it was
//! before the change, or after it. What a `Lock` cannot promise, since its guard changes the value in place, comes at
//! the price of a copy.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::shared::{Lock, LockGuard};
use crate::arena::{ArenaError, Handle, Shared, travels};
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::sync::lock::holder::{DeadOwner, LockStatistics};
use crate::sync::wait::park::WaitError;

/// What the lock is around.
///
/// | word | |
/// |---|---|
/// | `counts`, even | the value is the first copy |
/// | `counts`, odd | the value is the second copy |
///
/// The other copy is what the last change replaced, or is being written by the lock's holder.
#[repr(C)]
struct Copies<T> {
    counts: AtomicU64,
    copies: [T; 2],
}

// SAFETY: repr(C), an atomic and two values of a type that is `Shared`; only the lock's holder touches them.
unsafe impl<T: Shared> Shared for Copies<T> {}

impl<T> Copies<T> {
    /// Which copy is the value.
    fn current(&self) -> usize {
        (self.counts.load(Ordering::Acquire) & 1) as usize
    }

    /// The copy that is not the value.
    fn other(&mut self) -> &mut T {
        &mut self.copies[1 - self.current()]
    }

    /// The other copy, which is written, is the value from here on.
    fn turn(&self) {
        // Release: a thread that sees this, after a kill too, sees all of the copy.
        self.counts.store(self.counts.load(Ordering::Relaxed) ^ 1, Ordering::Release);
    }
}

/// A value that several processes read and change, with a lock of its own. A clone refers to the same value.
///
/// ```
/// use manyhands::Process;
/// use manyhands::shared::Value;
///
/// fn count(total: Value<u64>) {
///     for _ in 0..1000 {
///         total.update(|total| *total += 1).unwrap();
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let total = Value::new(0_u64)?;
///     let process = Process::spawn(count, total.clone())?;
///     count(total.clone());
///     process.join()?;
///     assert_eq!(total.get()?, 2000);
///     Ok(())
/// }
/// ```
///
/// A kill leaves the value whole: a change that was not complete has not happened. The next thread that asks gets the
/// lock, and if it asks by [`Value::lock`] the guard names the dead holder. To change a large value in place, or to
/// wait for a change at a [`Condition`](crate::sync::shared::Condition), there is [`Lock`].
pub struct Value<T: Shared>(Lock<Copies<T>>);

impl<T: Shared + Copy> Value<T> {
    /// A value that nobody holds.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn new(value: T) -> Result<Self, ArenaError> {
        Lock::new(Copies { counts: AtomicU64::new(0), copies: [value; 2] }).map(Value)
    }

    /// The value as it is now.
    ///
    /// # Errors
    /// As [`Value::lock`].
    #[track_caller]
    pub fn get(&self) -> Result<T, WaitError> {
        self.lock().map(|held| *held)
    }

    /// Puts another value in its place.
    ///
    /// # Errors
    /// As [`Value::lock`].
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), WaitError> {
        self.lock().map(|mut held| held.replace(value))
    }

    /// Changes the value by a function, while nobody else can change it, and returns what that returns. The function
    /// must not use the value by another handle.
    ///
    /// # Errors
    /// As [`Value::lock`].
    ///
    /// # Panics
    /// When the function does; the value is then as it was.
    #[track_caller]
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, WaitError> {
        let mut held = self.lock()?;
        let mut value = *held;
        let result = change(&mut value);
        held.replace(value);
        Ok(result)
    }
}

impl<T: Shared> Value<T> {
    /// The value that a handle names.
    ///
    /// # Errors
    /// When it is gone, is something else, or is one of another type; when this process has no address space left for
    /// it.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        Lock::attach(handle).map(Value)
    }

    /// What names the value to other processes.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Waits until nobody holds the value, or its holder is dead, and holds it for several steps. What they change is
    /// the value as soon as the guard is dropped.
    ///
    /// # Errors
    /// [`WaitError::Deadlock`] when this thread holds the value, by whatever handle; [`WaitError::NoOwner`] when it can
    /// own nothing in the arena.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> Result<ValueGuard<'_, T>, WaitError> {
        self.0.lock().map(ValueGuard::of)
    }

    /// Holds the value if nobody does, or a dead process.
    ///
    /// # Errors
    /// [`WaitError::NoOwner`].
    pub fn try_lock(&self) -> Result<Option<ValueGuard<'_, T>>, WaitError> {
        Ok(self.0.try_lock()?.map(ValueGuard::of))
    }

    /// Holds the value if it comes free in time.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`], also when this thread holds the value; [`WaitError::NoOwner`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ValueGuard<'_, T>, WaitError> {
        self.0.lock_timeout(timeout).map(ValueGuard::of)
    }

    /// The value's holder, and how many wait for it.
    pub fn statistics(&self) -> LockStatistics {
        self.0.statistics()
    }
}

impl<T: Shared> Clone for Value<T> {
    fn clone(&self) -> Self {
        Value(self.0.clone())
    }
}

impl<T: Shared> fmt::Debug for Value<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Value").field("number", &self.handle().index()).finish_non_exhaustive()
    }
}

travels!(Value<T: Shared>);

/// Access to a [`Value`] for several steps. Other processes see all that was changed when the guard is dropped; if this
/// process is killed before, they see nothing of it.
#[must_use = "the value is given back as soon as the guard is dropped"]
pub struct ValueGuard<'a, T: Shared> {
    held: LockGuard<'a, Copies<T>>,
    /// Whether the other copy is what the value is to be.
    is_changed: bool,
}

impl<'a, T: Shared> ValueGuard<'a, T> {
    fn of(held: LockGuard<'a, Copies<T>>) -> Self {
        ValueGuard { held, is_changed: false }
    }

    /// The process that held the value when it died, if it was got that way. The value is whole: the dead process's
    /// last change is in it, or never happened.
    pub fn owner_died(&self) -> Option<&DeadOwner> {
        self.held.owner_died()
    }

    fn replace(&mut self, value: T) {
        *self.held.other() = value;
        self.is_changed = true;
    }
}

impl<T: Shared> Deref for ValueGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        let current = self.held.current();
        &self.held.copies[if self.is_changed { 1 - current } else { current }]
    }
}

impl<T: Shared + Copy> DerefMut for ValueGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        if !self.is_changed {
            let value = **self;
            self.replace(value);
        }
        self.held.other()
    }
}

impl<T: Shared> Drop for ValueGuard<'_, T> {
    fn drop(&mut self) {
        if self.is_changed {
            self.held.turn();
        }
    }
}

impl<T: Shared + fmt::Debug> fmt::Debug for ValueGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
