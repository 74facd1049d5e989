//! The parts of values as they are read: elements of sequences, numbers of rows, names with their values, contents of
//! variants.
//!
//! Each takes down how many parts are left, so that its reader knows whether the type took them all.
//! Nothing is read ahead: each part is read when the type asks for it.

use super::error::Error;
use super::key::{Key, Name};
use super::numbers;
use super::pairs::{Called, Pairs};
use super::reader::Reader;
use super::tag;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

/// The elements of a sequence.
pub(super) struct Elements<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) left: usize,
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Error;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.reader.value(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Numbers of one kind that stand there in one piece, or bytes, one by one.
pub(super) struct Numbers<'de> {
    pub(super) kind: u8,
    /// Whole numbers.
    pub(super) bytes: &'de [u8],
}

impl<'de> SeqAccess<'de> for &mut Numbers<'de> {
    type Error = Error;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        match numbers::first(seed, self.kind, self.bytes) {
            Ok((number, rest)) => {
                self.bytes = rest;
                Ok(Some(number))
            }
            Err(seed) => {
                let number;
                (number, self.bytes) = InRow::first(self.kind, self.bytes)?;
                number.give(seed).map(Some)
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        tag::size_of_kind(self.kind).ok().map(|size| self.bytes.len() / size)
    }
}

/// The fields of a struct that stand there as `f64`s.
///
/// Nothing of it is asked when the program runs but how many are left, and that is known when it is compiled: a struct
/// whose fields are such is copied.
pub(super) struct Floats<'de>(pub(super) &'de [u8]);

impl<'de> SeqAccess<'de> for &mut Floats<'de> {
    type Error = Error;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        match numbers::first(seed, tag::F64, self.0) {
            Ok((number, rest)) => {
                self.0 = rest;
                Ok(Some(number))
            }
            Err(seed) => {
                let number;
                (number, self.0) = InRow::first(tag::F64, self.0)?;
                number.give(seed).map(Some)
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len() / size_of::<f64>())
    }
}

/// Names and values, read as a map.
pub(super) struct ByName<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) pairs: Pairs<'de>,
}

impl<'de> MapAccess<'de> for &mut ByName<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        match self.pairs.next(self.reader)? {
            Some(Called::Name(name)) => seed.deserialize(Name(name)).map(Some),
            Some(Called::Key) => seed.deserialize(Key(self.reader)).map(Some),
            None => Ok(None),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        match self.pairs {
            Pairs::Numbers(.., kind) => {
                let number;
                (number, self.reader.rest) = InRow::first(kind, self.reader.rest)?;
                number.give(seed)
            }
            _ => self.reader.value(seed),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        match self.pairs {
            Pairs::Entries(left) => Some(left),
            _ => None,
        }
    }
}

/// A variant, read as one.
pub(super) struct Variant<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) name: &'de str,
    pub(super) has_content: bool,
}

impl Variant<'_, '_> {
    fn needs_content(&self, wanted: &'static str) -> Result<(), Error> {
        if self.has_content { Ok(()) } else { Err(Error::invalid_type(Unexpected::UnitVariant, &wanted)) }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        Ok((seed.deserialize(Name(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    #[inline]
    fn unit_variant(self) -> Result<(), Error> {
        if self.has_content { serde::Deserialize::deserialize(self.reader) } else { Ok(()) }
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        self.needs_content("newtype variant")?;
        self.reader.value(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.needs_content("tuple variant")?;
        self.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.needs_content("struct variant")?;
        self.reader.deserialize_struct("", fields, visitor)
    }
}

/// One number of a row.
pub(super) struct InRow<'de> {
    kind: u8,
    bytes: &'de [u8],
}

impl<'de> InRow<'de> {
    /// The first one of a row of that kind, and the others.
    #[inline]
    pub(super) fn first(kind: u8, bytes: &'de [u8]) -> Result<(InRow<'de>, &'de [u8]), Error> {
        let (bytes, rest) = bytes.split_at_checked(tag::size_of_kind(kind)?).ok_or_else(Error::ended)?;
        Ok((InRow { kind, bytes }, rest))
    }

    /// Gives it to the seed, which makes a value of it.
    #[inline(never)]
    pub(super) fn give<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self)
    }

    #[inline(always)]
    fn bytes<const N: usize>(&self) -> [u8; N] {
        self.bytes.first_chunk().copied().unwrap_or([0; N])
    }
}

impl<'de> Deserializer<'de> for InRow<'_> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.kind {
            tag::U8 => visitor.visit_u64(u64::from(u8::from_ne_bytes(self.bytes()))),
            tag::F64 => visitor.visit_f64(f64::from_ne_bytes(self.bytes())),
            tag::I32 => signed(i64::from(i32::from_ne_bytes(self.bytes())), visitor),
            tag::U32 => visitor.visit_u64(u64::from(u32::from_ne_bytes(self.bytes()))),
            tag::F32 => visitor.visit_f32(f32::from_ne_bytes(self.bytes())),
            tag::I64 => signed(i64::from_ne_bytes(self.bytes()), visitor),
            tag::U64 => visitor.visit_u64(u64::from_ne_bytes(self.bytes())),
            tag::I16 => signed(i64::from(i16::from_ne_bytes(self.bytes())), visitor),
            tag::U16 => visitor.visit_u64(u64::from(u16::from_ne_bytes(self.bytes()))),
            _ => signed(i64::from(i8::from_ne_bytes(self.bytes())), visitor),
        }
    }

    transparent! { option newtype_struct }

    fn is_human_readable(&self) -> bool {
        true
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// As a reader gives them: what is not negative as an unsigned number.
#[inline(always)]
fn signed<'de, V: Visitor<'de>>(number: i64, visitor: V) -> Result<V::Value, Error> {
    match u64::try_from(number) {
        Ok(number) => visitor.visit_u64(number),
        Err(_) => visitor.visit_i64(number),
    }
}
