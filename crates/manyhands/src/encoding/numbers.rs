//! Many numbers of one kind: a `Vec<u8>`, a `Vec<f64>`, a slice, an array.
//!
//! Serde passes them one by one, which costs many times what a copy does. So a value whose type is one of these is
//! written and read as one piece. A type cannot distinguish that from serde's encoding: the implementations for these
//! types are the standard ones, and code that asks for the elements one by one gets them.

use super::error::Error;
use super::reader::Reader;
use super::tag;
use crate::platform::numbers::{Form, Number, bytes_of_number, bytes_of_row, numbers_of, value_of};
use serde::de::DeserializeSeed;
use std::marker::PhantomData;

/// This many whole numbers or fewer are written one by one, since small ones are shorter so.
const FEW: usize = 104;

/// The first byte of a number of a kind that is as long as it can be, which names the kind.
#[inline(always)]
const fn tag_of(kind: Number) -> u8 {
    match kind {
        Number::U8 => tag::U8,
        Number::I8 => tag::I8,
        Number::U16 => tag::U16,
        Number::I16 => tag::I16,
        Number::U32 => tag::U32,
        Number::I32 => tag::I32,
        Number::U64 => tag::U64,
        Number::I64 => tag::I64,
        Number::F32 => tag::F32,
        Number::F64 => tag::F64,
    }
}

/// Writes the value if it is a row of numbers which is best written in one piece.
#[inline(always)]
pub(super) fn write<T: ?Sized>(value: &T, out: &mut Vec<u8>) -> bool {
    match bytes_of_row(value) {
        Some((kind, bytes)) => write_row(kind, bytes, out),
        None => false,
    }
}

/// Writes a row of numbers in one piece, if that is best.
#[inline]
pub(super) fn write_row(kind: Number, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    // Small ones of these kinds are no shorter by themselves.
    let always = matches!(kind, Number::U8 | Number::I8 | Number::F32 | Number::F64);
    let count = bytes.len() / kind.size();
    if count < 2 || !always && count <= FEW {
        return false;
    }
    match u8::try_from(count) {
        Ok(count) => out.extend_from_slice(&[tag::SHORT_NUMBERS, tag_of(kind), count]),
        Err(_) => {
            out.reserve(10 + bytes.len());
            out.extend_from_slice(&[tag::LONG_NUMBERS, tag_of(kind)]);
            out.extend_from_slice(&(count as u64).to_ne_bytes());
        }
    }
    out.extend_from_slice(bytes);
    true
}

/// The value's kind and bytes, if it is a float.
#[inline(always)]
pub(super) fn float<T: ?Sized>(value: &T) -> Option<(u8, &[u8])> {
    match bytes_of_number(value) {
        Some((kind @ (Number::F32 | Number::F64), bytes)) => Some((tag_of(kind), bytes)),
        _ => None,
    }
}

/// Which numbers the value is made of that the seed makes: of a marker's own seed, which is the type's implementation,
/// and for these the standard one.
#[inline(always)]
fn numbers_of_seed<'de, S: DeserializeSeed<'de>>() -> Option<(Number, Form)> {
    if typeid::of::<S>() == typeid::of::<PhantomData<S::Value>>() { numbers_of::<S::Value>() } else { None }
}

/// Reads the first number of a row of a kind, if that is what the seed makes, and gives the others as well; else gives
/// the seed back.
#[inline(always)]
pub(super) fn first<'de, S: DeserializeSeed<'de>>(
    seed: S,
    kind: u8,
    bytes: &'de [u8],
) -> Result<(S::Value, &'de [u8]), S> {
    if let Some((wanted, Form::One)) = numbers_of_seed::<S>()
        && tag_of(wanted) == kind
        && let Some((first, rest)) = bytes.split_at_checked(wanted.size())
        && let Some(value) = value_of(first)
    {
        return Ok((value, rest));
    }
    Err(seed)
}

impl<'de> Reader<'de> {
    /// Reads a value, a row of numbers in one piece.
    #[inline(always)]
    pub(super) fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.in_one_piece(seed)?.or_else(|seed| seed.deserialize(self))
    }

    /// Reads the value if it is a row of numbers that stands there in one piece; else gives the seed back.
    #[inline(always)]
    fn in_one_piece<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Result<S::Value, S>, Error> {
        let row = match numbers_of_seed::<S>() {
            Some((kind, Form::Vec)) => self.row_of(tag_of(kind))?,
            Some((kind, Form::Array)) => {
                let length = size_of::<S::Value>();
                self.array_of(tag_of(kind), length / kind.size(), length)
            }
            Some((_, Form::One)) | None => None,
        };
        Ok(row.and_then(value_of).ok_or(seed))
    }
}
