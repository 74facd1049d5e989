//! Numbers, or other small values, that several processes read and change, any number of them, behind one lock.
//!
//! The object is a lock, whose block has the elements. Each process maps that block once more for itself, at one
//! address from the first element to the last. Elements are changed in place: a process that is killed in the midst
//! leaves what it has written so far. The next guard reports the death, also when single elements were read or set
//! before.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use super::arena::{ArenaLock, LockBody};
use super::holder::{Acquired, DeadOwner, DeadRecord, LockStatistics};
use super::shared::{UNFINISHED, fingerprint};
use super::taking::Taking;
use crate::arena::{Arena, ArenaError, BODY, Handle, Kind, MappedBlock, Object, Shared, keep, travels};
use crate::platform::Deadline;
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::sync::Site;
use crate::sync::wait::park::{Blocking, WaitError};

/// The body of the object: that of a lock, whose block has the elements, and what goes with them.
#[repr(C)]
struct ArrayBody {
    lock: LockBody,
    /// How many elements there are; never changes.
    length: AtomicU64,
    /// A dead holder that no guard has reported yet, for the lock's holder alone.
    unreported: DeadRecord,
}

const _: () = assert!(size_of::<ArrayBody>() <= BODY);

// SAFETY: repr(C), atomics only.
unsafe impl Shared for ArrayBody {}

/// What the lock is around, by its type: any number of these, and not one `T`.
struct Elements<T>([T; 1]);

/// Values of one type in a row that several processes read and change, with a lock of their own. A clone refers to the
/// same array.
///
/// ```
/// use manyhands::Process;
/// use manyhands::shared::Array;
///
/// fn square((numbers, from): (Array<u64>, usize)) {
///     for index in (from..numbers.len()).step_by(2) {
///         numbers.update(index, |number| *number *= *number).unwrap();
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let numbers = Array::new(5, |index| index as u64)?;
///     let process = Process::spawn(square, (numbers.clone(), 0))?;
///     square((numbers.clone(), 1));
///     process.join()?;
///     assert_eq!(numbers.lock()?[..], [0, 1, 4, 9, 16]);
///     Ok(())
/// }
/// ```
///
/// Every element is reached through the lock, one by one or, for many at once, through the guard of [`Array::lock`],
/// which is a slice. Each array takes whole pages of memory, and a map in each process that has it: for a few numbers
/// there is [`Value`](crate::sync::shared::Value) of `[T; N]`.
///
/// # Panics
/// An index that is out of range is a mistake in the program, as with a slice: [`Array::get`], [`Array::set`] and
/// [`Array::update`] panic, before they take the lock.
pub struct Array<T: Shared> {
    // Dropped before the lock, whose object keeps the memory.
    elements: Arc<MappedBlock>,
    lock: ArenaLock,
    /// As it was when the memory was mapped: what stands in the arena is not asked again.
    length: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: Shared> Array<T> {
    /// So many elements, each made by a function of its index.
    ///
    /// # Errors
    /// When the arena has no room for them, or maps or address space have run out.
    pub fn new(length: usize, mut make: impl FnMut(usize) -> T) -> Result<Self, ArenaError> {
        Self::made(length, |array| {
            for index in 0..length {
                // SAFETY: inside the map, which is aligned to a page, and nobody else knows of it yet.
                unsafe { array.first().add(index).write(make(index)) };
            }
            Ok(())
        })
    }

    /// So many elements, all of whose bytes are zero. The memory is taken from the system page by page, as elements are
    /// first used.
    ///
    /// # Errors
    /// As [`Array::new`].
    pub fn zeroed(length: usize) -> Result<Self, ArenaError> {
        Self::made(length, |array| array.elements.empty(Arena::get()?, &array.lock.body().block))
    }

    /// An array whose elements `fill` writes; any bytes are valid ones.
    fn made(length: usize, fill: impl FnOnce(&Self) -> Result<(), ArenaError>) -> Result<Self, ArenaError> {
        const { assert!(align_of::<T>() <= 64, "the arena aligns values to 64 bytes at most") };
        let arena = Arena::get()?;
        let block = MappedBlock::claim(arena, length.saturating_mul(size_of::<T>()))?;
        let object = Object::create::<LockBody>(Kind::LOCK, |_, body| {
            body.value_type.store(UNFINISHED, Ordering::Relaxed);
            body.block.name(Some(&block));
            Ok(())
        })?;
        object.body::<ArrayBody>().length.store(length as u64, Ordering::Relaxed);
        keep(arena, Some(block))?;
        let array = Self::around(arena, object)?;
        fill(&array)?;
        array.lock.body().value_type.store(fingerprint::<Elements<T>>(), Ordering::Release);
        Ok(array)
    }

    /// The array that a handle names.
    ///
    /// # Errors
    /// When it is gone, is something else, or has elements of another type; when maps or address space have run out.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        let object = Object::attach(handle, Kind::LOCK)?;
        if object.body::<LockBody>().value_type.load(Ordering::Acquire) != fingerprint::<Elements<T>>() {
            return Err(ArenaError::WrongValue { handle, kind: Kind::LOCK });
        }
        Self::around(Arena::get()?, object)
    }

    /// The array in an object whose block has the elements.
    fn around(arena: &'static Arena, object: Object) -> Result<Self, ArenaError> {
        let body: &'static ArrayBody = object.body();
        let length = body.length.load(Ordering::Relaxed) as usize;
        let bytes = length.saturating_mul(size_of::<T>());
        let elements = Arc::new(MappedBlock::of(arena, &body.lock.block, bytes)?);
        Ok(Array { elements, lock: ArenaLock::from_object(object, Kind::LOCK), length, of: PhantomData })
    }

    fn body(&self) -> &'static ArrayBody {
        self.lock.object().body()
    }

    /// Where the first element is.
    fn first(&self) -> *mut T {
        self.elements.as_ptr().cast()
    }

    /// What names the array to other processes.
    pub fn handle(&self) -> Handle {
        self.lock.object().handle()
    }

    /// How many elements there are: as many as when the array was made.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until nobody holds the array, or its holder is dead, and holds all of it.
    ///
    /// # Errors
    /// [`WaitError::Deadlock`] when this thread holds the array, by whatever handle; [`WaitError::NoOwner`] when it can
    /// own nothing in the arena.
    #[track_caller]
    pub fn lock(&self) -> Result<ArrayGuard<'_, T>, WaitError> {
        self.hold(None, Taking::guarded_here()).map(ArrayGuard::reporting)
    }

    /// Holds the array if nobody does, or a dead process.
    ///
    /// # Errors
    /// [`WaitError::NoOwner`].
    pub fn try_lock(&self) -> Result<Option<ArrayGuard<'_, T>>, WaitError> {
        let acquired = self.lock.try_acquire(Taking { site: Site::Unknown, guarded: true })?;
        Ok(acquired.map(|acquired| self.held(acquired)).map(ArrayGuard::reporting))
    }

    /// Holds the array if it comes free in time.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`], also when this thread holds the array; [`WaitError::NoOwner`].
    #[track_caller]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ArrayGuard<'_, T>, WaitError> {
        self.hold(Deadline::after(timeout), Taking::guarded_here()).map(ArrayGuard::reporting)
    }

    fn hold(&self, deadline: Option<Deadline>, taking: Taking) -> Result<ArrayGuard<'_, T>, WaitError> {
        self.lock.acquire(deadline, &Blocking, taking).map(|acquired| self.held(acquired))
    }

    fn held(&self, acquired: Acquired) -> ArrayGuard<'_, T> {
        if let Some(owner) = acquired.owner_died {
            self.body().unreported.keep(&owner);
        }
        ArrayGuard { array: self, owner_died: None, not_send: PhantomData }
    }

    /// The array's holder, and how many wait for it.
    pub fn statistics(&self) -> LockStatistics {
        self.lock.statistics()
    }
}

impl<T: Shared + Copy> Array<T> {
    /// The elements of a slice, copied.
    ///
    /// # Errors
    /// As [`Array::new`].
    pub fn from_slice(elements: &[T]) -> Result<Self, ArenaError> {
        Self::made(elements.len(), |array| {
            // SAFETY: as many are inside the map, which is aligned to a page, and nobody else knows of it yet.
            unsafe { array.first().copy_from_nonoverlapping(elements.as_ptr(), elements.len()) };
            Ok(())
        })
    }

    /// The element at `index` as it is now.
    ///
    /// # Errors
    /// As [`Array::lock`].
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn get(&self, index: usize) -> Result<T, WaitError> {
        self.at(index).map(|held| held[index])
    }

    /// Puts another element at `index`.
    ///
    /// # Errors
    /// As [`Array::lock`].
    ///
    /// # Panics
    /// When there is none to be replaced.
    #[track_caller]
    pub fn set(&self, index: usize, element: T) -> Result<(), WaitError> {
        self.at(index).map(|mut held| held[index] = element)
    }

    /// Changes the element at `index` by a function, while nobody else can change it, and returns what that returns.
    /// The function must not use the array. An element of 8 bytes or less is written in one step, so that a kill leaves
    /// the old one or the new one.
    ///
    /// # Errors
    /// As [`Array::lock`].
    ///
    /// # Panics
    /// When there is none. When the function panics; the element is then as it was.
    #[track_caller]
    pub fn update<R>(&self, index: usize, change: impl FnOnce(&mut T) -> R) -> Result<R, WaitError> {
        let mut held = self.at(index)?;
        let mut element = held[index];
        let result = change(&mut element);
        held[index] = element;
        Ok(result)
    }

    /// Holds the array for one element. A death is left for the next guard of the program's own to report.
    #[track_caller]
    fn at(&self, index: usize) -> Result<ArrayGuard<'_, T>, WaitError> {
        let (length, number) = (self.len(), self.handle().index());
        assert!(
            index < length,
            "index {index} is out of range: the shared array with the number {number} has {length} elements"
        );
        self.hold(None, Taking::guarded_here())
    }
}

impl<T: Shared> Clone for Array<T> {
    fn clone(&self) -> Self {
        let (elements, lock) = (Arc::clone(&self.elements), self.lock.clone());
        Array { elements, lock, length: self.length, of: PhantomData }
    }
}

impl<T: Shared> fmt::Debug for Array<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Array");
        shown.field("number", &self.handle().index()).field("len", &self.len()).finish_non_exhaustive()
    }
}

travels!(Array<T: Shared>);

/// Access to all elements of an [`Array`], as a slice.
#[must_use = "the array is given back as soon as the guard is dropped"]
pub struct ArrayGuard<'a, T: Shared> {
    array: &'a Array<T>,
    owner_died: Option<DeadOwner>,
    /// The word says which thread holds the lock, so the guard stays there.
    not_send: PhantomData<*const ()>,
}

impl<T: Shared> ArrayGuard<'_, T> {
    /// The same guard, which says who died with the array since the last one that did.
    fn reporting(mut self) -> Self {
        self.owner_died = self.array.body().unreported.take();
        self
    }

    /// The process that held the array when it died, unless a guard has reported it before. The elements are as it left
    /// them, and perhaps changed since then; what it did with several of them may be half done.
    pub fn owner_died(&self) -> Option<&DeadOwner> {
        self.owner_died.as_ref()
    }
}

impl<T: Shared> Deref for ArrayGuard<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: so many elements are mapped and were written when the array was made. The lock is held by this guard,
        // and only its holder touches them.
        unsafe { std::slice::from_raw_parts(self.array.first(), self.array.len()) }
    }
}

impl<T: Shared> DerefMut for ArrayGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.array.first(), self.array.len()) }
    }
}

impl<T: Shared> Drop for ArrayGuard<'_, T> {
    fn drop(&mut self) {
        self.array.lock.release_mine(true);
    }
}

impl<T: Shared + fmt::Debug> fmt::Debug for ArrayGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
