//! Numbers within a value whose type is a parameter: their bytes, and a value made of such bytes.
//!
//! A type is looked at by its id, which is that of one of the types named here or none of them. So no value is ever
//! mistaken for what it is not. All of it is known when the program is compiled, and costs nothing when it runs. The
//! bytes are in the machine's own order, for a reader on the same machine.

use std::any::{TypeId, type_name};
use std::marker::PhantomData;
use std::mem::{MaybeUninit, offset_of};

/// What a type is made of, if it is a number, or a row of numbers of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    One,
    /// An array of two elements or more, or a tuple that is like one.
    Array,
    Vec,
}

/// Arrays that are rows: of two elements or more, and as long as serde's are.
macro_rules! arrays {
    ($($length:literal)*) => {
        #[inline(always)]
        fn id_of_array<N: 'static>(length: usize) -> Option<TypeId> {
            match length {
                $($length => Some(TypeId::of::<[N; $length]>()),)*
                _ => None,
            }
        }

        fn id_of_array_behind<N: 'static>(length: usize) -> Option<TypeId> {
            match length {
                $($length => Some(TypeId::of::<&'static [N; $length]>()),)*
                _ => None,
            }
        }
    };
}

arrays! { 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 }

/// Tuples that are rows: whose elements stand one after the other as those of an array do, which the language does not
/// promise.
macro_rules! tuples {
    ($($length:literal: $tuple:ty: ($($place:tt)*);)*) => {
        #[inline(always)]
        fn id_of_tuple<N: 'static>(length: usize) -> Option<TypeId> {
            match length {
                $($length if const {
                    size_of::<$tuple>() == $length * size_of::<N>()
                        $(&& offset_of!($tuple, $place) == $place * size_of::<N>())*
                } => Some(TypeId::of::<$tuple>()),)*
                _ => None,
            }
        }

        fn id_of_tuple_behind<N: 'static>(length: usize) -> Option<TypeId> {
            id_of_tuple::<N>(length)?;
            match length {
                $($length => Some(TypeId::of::<&'static $tuple>()),)*
                _ => None,
            }
        }
    };
}

tuples! {
    2: (N, N): (0 1);
    3: (N, N, N): (0 1 2);
    4: (N, N, N, N): (0 1 2 3);
    5: (N, N, N, N, N): (0 1 2 3 4);
    6: (N, N, N, N, N, N): (0 1 2 3 4 5);
    7: (N, N, N, N, N, N, N): (0 1 2 3 4 5 6);
    8: (N, N, N, N, N, N, N, N): (0 1 2 3 4 5 6 7);
    9: (N, N, N, N, N, N, N, N, N): (0 1 2 3 4 5 6 7 8);
    10: (N, N, N, N, N, N, N, N, N, N): (0 1 2 3 4 5 6 7 8 9);
    11: (N, N, N, N, N, N, N, N, N, N, N): (0 1 2 3 4 5 6 7 8 9 10);
    12: (N, N, N, N, N, N, N, N, N, N, N, N): (0 1 2 3 4 5 6 7 8 9 10 11);
}

macro_rules! kinds {
    ($($kind:ident $type:ty;)*) => {
        /// A kind of number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Number {
            $($kind,)*
        }

        impl Number {
            /// How many bytes one has.
            #[inline(always)]
            pub(crate) const fn size(self) -> usize {
                match self {
                    $(Number::$kind => size_of::<$type>(),)*
                }
            }
        }

        #[inline(always)]
        fn kind_of_one(id: TypeId) -> Option<Number> {
            $(if id == TypeId::of::<$type>() {
                return Some(Number::$kind);
            })*
            None
        }

        #[inline(always)]
        fn kind_of_vec(id: TypeId) -> Option<Number> {
            $(if id == TypeId::of::<Vec<$type>>() {
                return Some(Number::$kind);
            })*
            None
        }

        #[inline(always)]
        fn kind_of_slice(id: TypeId) -> Option<Number> {
            $(if id == TypeId::of::<[$type]>() {
                return Some(Number::$kind);
            })*
            None
        }

        #[inline(always)]
        fn kind_of_array(id: TypeId, size: usize) -> Option<Number> {
            $(if id_of_array::<$type>(size / size_of::<$type>()) == Some(id) {
                return Some(Number::$kind);
            })*
            if id_of_tuple::<f64>(size / size_of::<f64>()) == Some(id) {
                return Some(Number::F64);
            }
            if id_of_tuple::<f32>(size / size_of::<f32>()) == Some(id) {
                return Some(Number::F32);
            }
            None
        }

        #[inline(always)]
        fn kind_of_vec_behind(id: TypeId) -> Option<Number> {
            $(if id == TypeId::of::<&'static Vec<$type>>() {
                return Some(Number::$kind);
            })*
            None
        }

        /// As the type's name says, which is only a hint, what is behind a reference: an array of so many numbers, or a
        /// tuple.
        fn kind_and_length_by_name(name: &str) -> Option<(Number, usize)> {
            let array = name.strip_prefix("&[").and_then(|name| name.strip_suffix(']')?.split_once("; "));
            let tuple = || {
                let elements = name.strip_prefix("&(")?.strip_suffix(')')?;
                Some((elements.split(", ").next()?, elements.split(", ").count()))
            };
            let (number, length) = match array {
                Some((number, length)) => (number, length.parse().ok()?),
                None => tuple()?,
            };
            let kind = match number {
                $(stringify!($type) => Number::$kind,)*
                _ => return None,
            };
            Some((kind, length))
        }

        fn is_row_behind(id: TypeId, kind: Number, length: usize) -> bool {
            let (array, tuple) = match kind {
                $(Number::$kind => (id_of_array_behind::<$type>(length), id_of_tuple_behind::<$type>(length)),)*
            };
            array == Some(id) || tuple == Some(id) && matches!(kind, Number::F32 | Number::F64)
        }

        /// The numbers of a vector.
        ///
        /// # Safety
        /// At `vec` is a vector of numbers of that kind, for as long as the bytes are used.
        #[inline(always)]
        unsafe fn bytes_of_vec<'a>(kind: Number, vec: *const ()) -> &'a [u8] {
            match kind {
                // SAFETY: the caller's promise.
                $(Number::$kind => bytemuck::cast_slice(unsafe { &*vec.cast::<Vec<$type>>() }),)*
            }
        }

        /// Makes a vector of numbers from their bytes.
        ///
        /// # Safety
        /// At `place` is room for a vector of numbers of that kind.
        #[inline(always)]
        unsafe fn make_vec(kind: Number, bytes: &[u8], place: *mut ()) {
            match kind {
                $(Number::$kind => {
                    let (elements, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                    let numbers: Vec<$type> = elements.iter().map(|number| <$type>::from_ne_bytes(*number)).collect();
                    // SAFETY: the caller's promise.
                    unsafe { place.cast::<Vec<$type>>().write(numbers) }
                })*
            }
        }
    };
}

kinds! {
    U8 u8;
    I8 i8;
    U16 u16;
    I16 i16;
    U32 u32;
    I32 i32;
    U64 u64;
    I64 i64;
    F32 f32;
    F64 f64;
}

/// Which numbers a value of this type consists of.
#[inline(always)]
pub(crate) fn numbers_of<V>() -> Option<(Number, Form)> {
    let (id, size) = (typeid::of::<V>(), size_of::<V>());
    if size <= 8
        && let Some(kind) = kind_of_one(id)
    {
        return Some((kind, Form::One));
    }
    if size == size_of::<Vec<u8>>()
        && let Some(kind) = kind_of_vec(id)
    {
        return Some((kind, Form::Vec));
    }
    kind_of_array(id, size).map(|kind| (kind, Form::Array))
}

/// The bytes of a number.
#[inline(always)]
pub(crate) fn bytes_of_number<T: ?Sized>(value: &T) -> Option<(Number, &[u8])> {
    let kind = kind_of_one(typeid::of::<T>())?;
    // SAFETY: it is a number, as its id says; it is borrowed, and has this size.
    let bytes = unsafe { std::slice::from_raw_parts((&raw const *value).cast::<u8>(), kind.size()) };
    Some((kind, bytes))
}

/// The bytes of the numbers in a vector, a slice, an array, a tuple.
#[inline(always)]
pub(crate) fn bytes_of_row<T: ?Sized>(value: &T) -> Option<(Number, &[u8])> {
    let (id, address, size) = (typeid::of::<T>(), &raw const *value, size_of_val(value));
    if size_of::<&T>() == size_of::<&()>()
        && size == size_of::<Vec<u8>>()
        && let Some(kind) = kind_of_vec(id)
    {
        // SAFETY: it is such a vector, as its id says, and borrowed for as long as the bytes are.
        return Some((kind, unsafe { bytes_of_vec(kind, address.cast()) }));
    }
    if size_of::<&T>() == size_of::<&()>()
        && size == size_of::<&()>()
        && let Some(kind) = kind_of_vec_behind(id)
    {
        // SAFETY: it is a reference to such a vector, as its id says, and lives as long as that.
        let vec = unsafe { address.cast::<*const ()>().read() };
        // SAFETY: so it is the address of such a vector, which is borrowed for longer than the bytes are.
        return Some((kind, unsafe { bytes_of_vec(kind, vec) }));
    }
    let kind = if size_of::<&T>() == size_of::<&()>() { kind_of_array(id, size) } else { kind_of_slice(id) }?;
    // SAFETY: it is an array or a slice of numbers, as its id says; it is borrowed, and has this size.
    Some((kind, unsafe { std::slice::from_raw_parts(address.cast::<u8>(), size) }))
}

/// The numbers behind references of one type, all of which are to arrays or tuples of the same length.
pub(crate) struct Behind<T> {
    kind: Number,
    length: usize,
    references: PhantomData<fn(T)>,
}

impl<T> Behind<T> {
    /// `None` unless `T` is such a reference. It is worth asking once for many values.
    #[inline]
    pub(crate) fn new() -> Option<Behind<T>> {
        // The length is no part of what is known of a reference but its name, and what that says is then looked at.
        let name = type_name::<T>();
        let may_be = size_of::<T>() == size_of::<&()>() && (name.starts_with("&[") || name.starts_with("&("));
        let (kind, length) = if may_be { row_behind(typeid::of::<T>(), name)? } else { return None };
        Some(Behind { kind, length, references: PhantomData })
    }

    /// The numbers behind one.
    #[inline]
    pub(crate) fn bytes<'a>(&self, value: &'a T) -> (Number, &'a [u8]) {
        // SAFETY: it is a reference to a row of so many numbers, as the type's id has said when this was made.
        let row = unsafe { (&raw const *value).cast::<*const u8>().read() };
        // SAFETY: so many are there, borrowed for longer than the bytes are.
        (self.kind, unsafe { std::slice::from_raw_parts(row, self.length * self.kind.size()) })
    }
}

fn row_behind(id: TypeId, name: &str) -> Option<(Number, usize)> {
    kind_and_length_by_name(name).filter(|(kind, length)| is_row_behind(id, *kind, *length))
}

/// The value which these bytes are, if it consists of numbers and they are as many bytes.
#[inline(always)]
pub(crate) fn value_of<V>(bytes: &[u8]) -> Option<V> {
    let (kind, form) = numbers_of::<V>()?;
    if form == Form::Vec {
        let mut value = MaybeUninit::<V>::uninit();
        // SAFETY: V is a vector of such numbers, as its id says.
        unsafe { make_vec(kind, bytes, value.as_mut_ptr().cast()) };
        // SAFETY: the vector was just written.
        return Some(unsafe { value.assume_init() });
    }
    // SAFETY: V is a number or an array of numbers, as its id says, which any bytes are; so many are there.
    (bytes.len() == size_of::<V>()).then(|| unsafe { bytes.as_ptr().cast::<V>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_its_bytes_were() {
        fn check<T: PartialEq + std::fmt::Debug>(value: &T, numbers: (Number, Form)) {
            assert_eq!(numbers_of::<T>(), Some(numbers));
            let (kind, bytes) = bytes_of_row(value).or_else(|| bytes_of_number(value)).unwrap();
            assert_eq!(kind, numbers.0);
            assert_eq!(value_of::<T>(bytes).as_ref(), Some(value));
        }
        check(&-1.5_f64, (Number::F64, Form::One));
        check(&200_u8, (Number::U8, Form::One));
        check(&[1.5_f32, -2.5], (Number::F32, Form::Array));
        check(&[7_u8; 32], (Number::U8, Form::Array));
        check(&[-7_i64; 3], (Number::I64, Form::Array));
        check(&(1.5_f64, 2.5, 3.5), (Number::F64, Form::Array));
        check(&(1.5_f32, 2.5_f32), (Number::F32, Form::Array));
        check(&vec![1_u16, 2, 3], (Number::U16, Form::Vec));
        check(&Vec::<f64>::new(), (Number::F64, Form::Vec));
    }

    #[test]
    fn rows_behind_references_are_found() {
        fn check<T>(value: T, expected: &[u8]) {
            assert_eq!(Behind::new().unwrap().bytes(&value).1, expected);
        }
        check(&[1_u8, 2, 3], &[1, 2, 3]);
        check(&[1.5_f64; 32], bytemuck::cast_slice(&[1.5_f64; 32]));
        check(&(1.5_f32, 2.5_f32), bytemuck::cast_slice(&[1.5_f32, 2.5]));
        assert_eq!(bytes_of_row(&&vec![1_u8, 2]), Some((Number::U8, &[1, 2][..])));
        assert!(Behind::<&[u8]>::new().is_none() && Behind::<&[bool; 2]>::new().is_none());
        assert!(Behind::<[u8; 8]>::new().is_none() && Behind::<&(f64, u64)>::new().is_none());
        assert!(Behind::<&(u8, u8)>::new().is_none() && Behind::<&&[u8; 2]>::new().is_none());
    }

    #[test]
    fn other_types_are_none_of_these() {
        assert_eq!(numbers_of::<bool>(), None);
        assert_eq!(numbers_of::<char>(), None);
        assert_eq!(numbers_of::<String>(), None);
        assert_eq!(numbers_of::<&f64>(), None);
        assert_eq!(numbers_of::<[f64; 1]>(), None);
        assert_eq!(numbers_of::<[f64; 33]>(), None);
        assert_eq!(numbers_of::<Vec<[f64; 2]>>(), None);
        assert_eq!(numbers_of::<(f64, f32)>(), None);
        assert!(bytes_of_row("text").is_none() && bytes_of_row(&1_u8).is_none());
        assert_eq!(bytes_of_row(&[1_u8, 2][..]), Some((Number::U8, &[1, 2][..])));
    }

    #[test]
    fn bytes_of_another_length_are_no_value() {
        assert_eq!(value_of::<f64>(&[0; 7]), None);
        assert_eq!(value_of::<[u8; 2]>(&[0; 3]), None);
        assert_eq!(
            value_of::<Vec<u16>>(&[1, 0, 2, 0]),
            Some(vec![u16::from_ne_bytes([1, 0]), u16::from_ne_bytes([2, 0])])
        );
    }
}
