//! Many numbers of one kind: a `Vec<u8>`, a `Vec<f64>`, a slice.
//!
//! Serde hands them over one by one, which costs many times what a copy does. So where a value is handed over whose type
//! is one of these, it is written and read as one piece. That is no other encoding than serde's as far as a type can tell:
//! the implementations for these types are the standard ones, and who asks for the elements one by one gets them.

use super::error::Error;
use super::reader::Reader;
use super::tag;
use castaway::{LifetimeFree, cast};
use serde::de::DeserializeSeed;
use std::any::TypeId;
use std::marker::PhantomData;

/// So many whole numbers or fewer are written one by one, since small ones are shorter so.
const FEW: usize = 104;

/// A number that goes in one piece with others of its kind.
pub(super) trait Number: Copy + LifetimeFree + 'static {
    /// Which kind.
    const TAG: u8;
    /// Whether few of them, too, are best written in one piece.
    const ALWAYS: bool;

    fn write(numbers: &[Self], out: &mut Vec<u8>);
    /// From whole elements.
    fn read(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! numbers {
    ($($type:ty: $tag:ident, $always:expr;)*) => {$(
        impl Number for $type {
            const TAG: u8 = tag::$tag;
            const ALWAYS: bool = $always;

            fn write(numbers: &[$type], out: &mut Vec<u8>) {
                if cfg!(target_endian = "little") {
                    out.extend_from_slice(bytemuck::cast_slice(numbers));
                } else {
                    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
                }
            }

            fn read(bytes: &[u8]) -> Vec<$type> {
                let (elements, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                elements.iter().map(|element| <$type>::from_le_bytes(*element)).collect()
            }
        }
    )*

        /// How many bytes a number of a kind has.
        pub(super) fn size_of_kind(kind: u8) -> Result<usize, Error> {
            match kind {
                $(tag::$tag => Ok(size_of::<$type>()),)*
                _ => Err(Error::malformed("numbers of no known kind")),
            }
        }

        /// Writes the value if it is a row of numbers which is best written in one piece.
        #[inline(always)]
        pub(super) fn write<T: ?Sized>(value: &T, out: &mut Vec<u8>) -> bool {
            $(
                if let Ok(numbers) = cast!(value, &Vec<$type>) {
                    return write_row::<$type>(numbers, out);
                }
                if let Ok(numbers) = cast!(value, &[$type]) {
                    return write_row::<$type>(numbers, out);
                }
            )*
            false
        }

        /// Reads the value if it is a row of numbers that stands there in one piece; else gives the seed back.
        #[inline(always)]
        pub(super) fn read<'de, S: DeserializeSeed<'de>>(
            seed: S,
            reader: &mut Reader<'de>,
        ) -> Result<Result<S::Value, S>, Error> {
            let wanted = typeid::of::<S>();
            $(
                // The marker's own seed is the type's implementation, which for these is the standard one.
                if wanted == TypeId::of::<PhantomData<Vec<$type>>>() {
                    return read_row::<$type, S>(seed, reader);
                }
            )*
            Ok(Err(seed))
        }
    };
}

numbers! {
    u8: U8, true;
    i8: I8, true;
    u16: U16, false;
    i16: I16, false;
    u32: U32, false;
    i32: I32, false;
    u64: U64, false;
    i64: I64, false;
    f32: F32, true;
    f64: F64, true;
}

fn write_row<N: Number>(numbers: &[N], out: &mut Vec<u8>) -> bool {
    if numbers.len() < 2 || !N::ALWAYS && numbers.len() <= FEW {
        return false;
    }
    match u8::try_from(numbers.len()) {
        Ok(count) => out.extend_from_slice(&[tag::SHORT_NUMBERS, N::TAG, count]),
        Err(_) => {
            out.reserve(10 + size_of_val(numbers));
            out.extend_from_slice(&[tag::LONG_NUMBERS, N::TAG]);
            out.extend_from_slice(&(numbers.len() as u64).to_le_bytes());
        }
    }
    N::write(numbers, out);
    true
}

fn read_row<'de, N, S>(seed: S, reader: &mut Reader<'de>) -> Result<Result<S::Value, S>, Error>
where
    N: Number,
    S: DeserializeSeed<'de>,
{
    let Some(row) = reader.row_of(N::TAG)? else { return Ok(Err(seed)) };
    let mut value: Option<S::Value> = None;
    if let Ok(place) = cast!(&mut value, &mut Option<Vec<N>>) {
        *place = Some(N::read(row));
    }
    Ok(Ok(value.expect("the seed of a vector gives a vector")))
}
