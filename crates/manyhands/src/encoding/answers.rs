//! Bytes as values: serde's deserializer.
//!
//! It answers what a type asks for as JSON's deserializer does, so what round-trips there round-trips here: a struct is read from
//! the fields that stand there, in any order; a variant may be read as a text or a map, bytes as a sequence, `Some` as its value.
//! Where JSON loses something (numbers as keys, `Some(None)`, numbers that are none), this does not.

use super::access::{Elements, Entries, OneEntry, Row, Variant};
use super::error::Error;
use super::fields::{ByName, Fields};
use super::reader::{ByPlace, Head, Reader};
use super::tag;
use crate::arena::Shape;
use serde::de::{Deserializer, Error as _, Unexpected, Visitor};

impl<'de> Reader<'de> {
    /// Gives the number that comes next to the visitor.
    #[inline(never)]
    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let tag = self.byte()?;
        match tag {
            ..tag::POSITIVE_END => visitor.visit_u64(u64::from(tag)),
            tag::U8 => visitor.visit_u64(u64::from(self.byte()?)),
            tag::U16 => visitor.visit_u64(u64::from(u16::from_le_bytes(self.array()?))),
            tag::U32 => visitor.visit_u64(u64::from(u32::from_le_bytes(self.array()?))),
            tag::U64 => visitor.visit_u64(u64::from_le_bytes(self.array()?)),
            tag::F64 => visitor.visit_f64(f64::from_le_bytes(self.array()?)),
            tag::F32 => visitor.visit_f32(f32::from_le_bytes(self.array()?)),
            tag::NEGATIVE..tag::NEGATIVE_END => {
                visitor.visit_i64(i64::from(tag) - i64::from(tag::NEGATIVE_END))
            }
            tag::I8 => visitor.visit_i64(i64::from(i8::from_le_bytes(self.array()?))),
            tag::I16 => visitor.visit_i64(i64::from(i16::from_le_bytes(self.array()?))),
            tag::I32 => visitor.visit_i64(i64::from(i32::from_le_bytes(self.array()?))),
            tag::I64 => visitor.visit_i64(i64::from_le_bytes(self.array()?)),
            tag::U128 => visitor.visit_u128(u128::from_le_bytes(self.array()?)),
            tag::I128 => visitor.visit_i128(i128::from_le_bytes(self.array()?)),
            tag => Err(unexpected(&Head::Other(tag), &visitor)),
        }
    }

    #[inline]
    fn sequence<V: Visitor<'de>>(&mut self, count: usize, visitor: V) -> Result<V::Value, Error> {
        let mut left = count;
        let value = visitor.visit_seq(Elements { reader: self, left: &mut left })?;
        all_taken(left, value)
    }

    fn fields<V: Visitor<'de>>(&mut self, mut fields: Fields, visitor: V) -> Result<V::Value, Error> {
        let value = visitor.visit_map(ByName { reader: self, fields: &mut fields })?;
        fields.end(self)?;
        Ok(value)
    }

    /// Whether fields that stand there as `names` lists them are to be read by their places.
    #[inline]
    fn is_by_place(&mut self, shape: &'static Shape, names: &'static [&'static str]) -> bool {
        if !shape.is(names) || shape.is_read_by_name() {
            return false;
        }
        match &mut self.by_place {
            ByPlace::Forbidden(shapes) => {
                shapes.push(shape);
                false
            }
            by_place => {
                *by_place = ByPlace::Used;
                true
            }
        }
    }

    fn entries<V: Visitor<'de>>(&mut self, count: usize, visitor: V) -> Result<V::Value, Error> {
        let mut left = count;
        let value = visitor.visit_map(Entries { reader: self, left: &mut left })?;
        all_taken(left, value)
    }

    #[inline(never)]
    fn any_text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.head()? {
            Head::Text(text) | Head::UnitVariant(text) => visitor.visit_borrowed_str(text),
            head => Err(unexpected(&head, &visitor)),
        }
    }

    #[inline(never)]
    fn any_sequence<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.head()? {
            Head::Sequence(count) => self.sequence(count, visitor),
            Head::Numbers(kind, row) => Row::new(kind, row).give(visitor),
            Head::Bytes(bytes) => Row::new(tag::U8, bytes).give(visitor),
            head => Err(unexpected(&head, &visitor)),
        }
    }

    #[inline(never)]
    fn any_struct<V: Visitor<'de>>(
        &mut self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.head()? {
            Head::Struct(Fields::Shaped(shape, _)) if self.is_by_place(shape, names) => {
                self.sequence(names.len(), visitor)
            }
            Head::Struct(fields) => self.fields(fields, visitor),
            Head::Map(count) => self.entries(count, visitor),
            Head::Variant(name) => self.variant_as_map(name, visitor),
            Head::Sequence(count) => self.sequence(count, visitor),
            Head::Numbers(kind, row) => Row::new(kind, row).give(visitor),
            head => Err(unexpected(&head, &visitor)),
        }
    }

    #[inline(never)]
    fn any_enum<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let (name, has_content) = match self.head()? {
            Head::UnitVariant(name) | Head::Text(name) => (name, false),
            Head::Variant(name) => (name, true),
            Head::Struct(mut fields) => {
                let Some(name) = fields.next(self)? else {
                    return Err(unexpected(&Head::Map(0), &visitor));
                };
                let value = visitor.visit_enum(Variant { reader: self, name, has_content: true })?;
                fields.end(self)?;
                return Ok(value);
            }
            head @ Head::Map(1) => match self.text_if_next()? {
                Some(name) => (name, true),
                None => return Err(unexpected(&head, &visitor)),
            },
            head => return Err(unexpected(&head, &visitor)),
        };
        visitor.visit_enum(Variant { reader: self, name, has_content })
    }

    /// A variant and its content, as a map of one entry.
    fn variant_as_map<V: Visitor<'de>>(&mut self, name: &'de str, visitor: V) -> Result<V::Value, Error> {
        let mut left = 1;
        let value = visitor.visit_map(OneEntry { reader: self, name, left: &mut left })?;
        all_taken(left, value)
    }
}

#[inline]
fn all_taken<T>(left: usize, value: T) -> Result<T, Error> {
    if left == 0 { Ok(value) } else { Err(not_all_taken(left)) }
}

#[cold]
pub(super) fn not_all_taken(left: usize) -> Error {
    Error::custom(format_args!("{left} more elements stand there than the type takes"))
}

/// What stands there is not what the visitor takes.
#[cold]
fn unexpected<'de>(head: &Head<'de>, visitor: &impl Visitor<'de>) -> Error {
    let found = match head {
        Head::Text(text) => Unexpected::Str(text),
        Head::Bytes(bytes) => Unexpected::Bytes(bytes),
        Head::Sequence(_) | Head::Numbers(..) => Unexpected::Seq,
        Head::Struct(_) | Head::Map(_) => Unexpected::Map,
        Head::UnitVariant(_) => Unexpected::UnitVariant,
        Head::Variant(_) => Unexpected::Other("variant"),
        Head::Other(tag::UNIT) => Unexpected::Unit,
        Head::Other(tag::NONE | tag::SOME) => Unexpected::Option,
        Head::Other(tag::TRUE) => Unexpected::Bool(true),
        Head::Other(tag::FALSE) => Unexpected::Bool(false),
        Head::Other(_) => Unexpected::Other("number"),
    };
    Error::invalid_type(found, visitor)
}

/// Methods that ask for a whole number.
macro_rules! whole_numbers {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.rest {
                [small @ ..tag::POSITIVE_END, rest @ ..] => {
                    self.rest = rest;
                    visitor.visit_u64(u64::from(*small))
                }
                _ => self.number(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.rest.split_first_chunk::<9>() {
            Some(([tag::F64, number @ ..], rest)) => {
                self.rest = rest;
                visitor.visit_f64(f64::from_le_bytes(*number))
            }
            _ => self.number(visitor),
        }
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.rest.split_first_chunk::<5>() {
            Some(([tag::F32, number @ ..], rest)) => {
                self.rest = rest;
                visitor.visit_f32(f32::from_le_bytes(*number))
            }
            _ => self.number(visitor),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.head()? {
            Head::Text(text) | Head::UnitVariant(text) => visitor.visit_borrowed_str(text),
            Head::Bytes(bytes) => Row::new(tag::U8, bytes).give(visitor),
            Head::Sequence(count) => self.sequence(count, visitor),
            Head::Numbers(kind, row) => Row::new(kind, row).give(visitor),
            Head::Struct(fields) => self.fields(fields, visitor),
            Head::Map(count) => self.entries(count, visitor),
            Head::Variant(name) => self.variant_as_map(name, visitor),
            Head::Other(tag::TRUE | tag::FALSE) => self.deserialize_bool(visitor),
            Head::Other(tag::UNIT | tag::NONE) => self.deserialize_unit(visitor),
            Head::Other(tag::SOME) => self.deserialize_option(visitor),
            Head::Other(_) => self.number(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.byte()? {
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            tag => Err(unexpected(&Head::Other(tag), &visitor)),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text_if_next()? {
            Some(text) => match (text.chars().next(), text.chars().nth(1)) {
                (Some(only), None) => visitor.visit_char(only),
                _ => visitor.visit_borrowed_str(text),
            },
            None => Err(unexpected(&self.head()?, &visitor)),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let [tag @ tag::TEXT..tag::TEXT_END, rest @ ..] = self.rest {
            self.rest = rest;
            return visitor.visit_borrowed_str(self.text(usize::from(tag - tag::TEXT))?);
        }
        self.any_text(visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.head()? {
            Head::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Head::Text(text) | Head::UnitVariant(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            Head::Sequence(count) => self.sequence(count, visitor),
            Head::Numbers(kind, row) => Row::new(kind, row).give(visitor),
            head => Err(unexpected(&head, &visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.none_if_next()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.byte()? {
            tag::UNIT | tag::NONE => visitor.visit_unit(),
            tag::SOME => self.deserialize_unit(visitor),
            tag => Err(unexpected(&Head::Other(tag), &visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        // No type is called so; it is how libraries tell their own formats of something special, which they write as a
        // struct: serde_json's `RawValue`.
        let is_special =
            name.starts_with('$') && matches!(self.peek()?, tag::STRUCT..tag::MAP_END | tag::SHAPED);
        if is_special { self.deserialize_map(visitor) } else { visitor.visit_newtype_struct(self) }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let [tag @ tag::SEQUENCE..tag::SEQUENCE_END, rest @ ..] = self.rest {
            self.rest = rest;
            return self.sequence(usize::from(tag - tag::SEQUENCE), visitor);
        }
        self.any_sequence(visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.head()? {
            Head::Map(count) => self.entries(count, visitor),
            Head::Struct(fields) => self.fields(fields, visitor),
            Head::Variant(name) => self.variant_as_map(name, visitor),
            head => Err(unexpected(&head, &visitor)),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let [tag::SHAPED, number, rest @ ..] = self.rest
            && *number != tag::LONG_SHAPE
            && let Some(shape) = self.arena.and_then(|arena| arena.shape(u16::from(*number)))
            && self.is_by_place(shape, names)
        {
            self.rest = rest;
            return self.sequence(names.len(), visitor);
        }
        self.any_struct(names, visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let [tag @ (tag::UNIT_VARIANT | tag::VARIANT), rest @ ..] = self.rest {
            let has_content = *tag == tag::VARIANT;
            self.rest = rest;
            let name = self.name()?;
            return visitor.visit_enum(Variant { reader: self, name, has_content });
        }
        self.any_enum(visitor)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}
