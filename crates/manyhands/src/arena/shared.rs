//! Which types may stand in the arena, and how places in it are named.
//!
//! A place is an [`Offset`] from the arena's start, never an address, since each process may map the arena
//! elsewhere. A type may stand there when every process may read and write it at any time, killed halfway or not.

use std::marker::PhantomData;

/// Types that may stand in shared memory.
///
/// # Safety
/// Every bit pattern is a valid value; there is no pointer, reference or address in it, and no drop glue. The layout is
/// fixed (`repr(C)` or `repr(transparent)`). Whatever is written after the value was made known to others is an atomic,
/// or is ordered by one. It is `Send`, since a handle on it travels to any thread of any process.
pub unsafe trait Shared: Send + 'static {}

macro_rules! shared {
    ($($type:ty),*) => {$(
        // SAFETY: a plain number or an atomic one: fixed layout, every pattern valid, no address in it.
        unsafe impl Shared for $type {}
    )*};
}

shared!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64);
shared!(
    crate::platform::atomic::AtomicU8,
    crate::platform::atomic::AtomicU16,
    crate::platform::atomic::AtomicU32,
    crate::platform::atomic::AtomicU64,
    crate::platform::atomic::AtomicI64,
    crate::platform::atomic::AtomicUsize
);

// SAFETY: an array is its elements, one after the other.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {}

/// The place of a `T` in the arena, in bytes from its start. Zero is the header's place and stands for "none".
#[repr(transparent)]
pub struct Offset<T> {
    bytes: u64,
    what: PhantomData<fn() -> T>,
}

impl<T> Offset<T> {
    /// The place `bytes` from the arena's start.
    pub const fn new(bytes: u64) -> Offset<T> {
        Offset { bytes, what: PhantomData }
    }

    /// The distance from the arena's start in bytes.
    pub const fn bytes(self) -> u64 {
        self.bytes
    }
}

impl<T> Clone for Offset<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Offset<T> {}

impl<T> std::fmt::Debug for Offset<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:#x}", self.bytes)
    }
}

/// Declares a record of the arena: a `repr(C)` struct all of whose fields may stand there, so that it may, too. For
/// layers that are not to write `unsafe` themselves. Alignment beyond the fields' own goes into the brackets.
macro_rules! shared_record {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident [$($align:meta)?] {
        $($(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty,)*
    }) => {
        $(#[$attribute])*
        #[repr(C)]
        $(#[repr($align)])?
        $visibility struct $name {
            $($(#[$field_attribute])* $field_visibility $field: $type,)*
        }

        const _: () = {
            const fn may_be_shared<T: $crate::arena::Shared>() {}
            $(may_be_shared::<$type>();)*
            assert!(!std::mem::needs_drop::<$name>());
        };

        // SAFETY: repr(C), and that each field is `Shared` and the whole has no drop glue was checked just above.
        unsafe impl $crate::arena::Shared for $name {}
    };
}

pub(crate) use shared_record;
