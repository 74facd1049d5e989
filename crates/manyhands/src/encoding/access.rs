//! The parts of containers as they are read: elements, entries, variants, rows of numbers.
//!
//! Each takes down how many parts are left, so that its reader knows whether the type took them all.
//! Nothing is read ahead: each part is read when the type asks for it.

use super::error::Error;
use super::key::{Key, Name};
use super::reader::Reader;
use super::{numbers, tag};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

/// The elements of a sequence.
pub(super) struct Elements<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) left: &'r mut usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if *self.left == 0 {
            return Ok(None);
        }
        *self.left -= 1;
        self.reader.value(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(*self.left)
    }
}

/// The entries of a map.
pub(super) struct Entries<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) left: &'r mut usize,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if *self.left == 0 {
            return Ok(None);
        }
        *self.left -= 1;
        seed.deserialize(Key(self.reader)).map(Some)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.reader.value(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(*self.left)
    }
}

/// A variant with its content, read as a map.
pub(super) struct OneEntry<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) name: &'de str,
    pub(super) left: &'r mut usize,
}

impl<'de> MapAccess<'de> for OneEntry<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if *self.left == 0 {
            return Ok(None);
        }
        *self.left = 0;
        seed.deserialize(Name(self.name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.reader.value(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(*self.left)
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

/// Numbers that stand there in one piece, or bytes, one by one.
pub(super) struct Row<'de> {
    kind: u8,
    size: usize,
    bytes: &'de [u8],
}

impl<'de> Row<'de> {
    /// A row of a kind that has a size.
    pub(super) fn new(kind: u8, bytes: &'de [u8]) -> Row<'de> {
        Row { kind, size: numbers::size_of_kind(kind).unwrap_or(1), bytes }
    }

    pub(super) fn give<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let value = visitor.visit_seq(&mut self)?;
        match self.bytes.len() / self.size {
            0 => Ok(value),
            left => Err(super::answers::not_all_taken(left)),
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Row<'de> {
    type Error = Error;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some((bytes, rest)) = self.bytes.split_at_checked(self.size).filter(|_| !self.bytes.is_empty())
        else {
            return Ok(None);
        };
        self.bytes = rest;
        seed.deserialize(InRow { kind: self.kind, bytes }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len() / self.size)
    }
}

/// One number of a row.
struct InRow<'de> {
    kind: u8,
    bytes: &'de [u8],
}

impl InRow<'_> {
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
            tag::U8 => visitor.visit_u64(u64::from(u8::from_le_bytes(self.bytes()))),
            tag::F64 => visitor.visit_f64(f64::from_le_bytes(self.bytes())),
            tag::I32 => signed(i64::from(i32::from_le_bytes(self.bytes())), visitor),
            tag::U32 => visitor.visit_u64(u64::from(u32::from_le_bytes(self.bytes()))),
            tag::F32 => visitor.visit_f32(f32::from_le_bytes(self.bytes())),
            tag::I64 => signed(i64::from_le_bytes(self.bytes()), visitor),
            tag::U64 => visitor.visit_u64(u64::from_le_bytes(self.bytes())),
            tag::I16 => signed(i64::from(i16::from_le_bytes(self.bytes())), visitor),
            tag::U16 => visitor.visit_u64(u64::from(u16::from_le_bytes(self.bytes()))),
            _ => signed(i64::from(i8::from_le_bytes(self.bytes())), visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

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
