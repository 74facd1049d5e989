//! Bytes as values: serde's deserializer.
//!
//! It answers what a type asks for as JSON's deserializer does, so what round-trips there round-trips here. A struct is
//! read from the fields that stand there, in any order. A variant may be read as a text or a map, bytes as a sequence,
//! `Some` as its value. Where JSON loses something (numbers as keys, `Some(None)`, numbers that are none), this does
//! not.

use super::access::{ByName, Elements, Floats, Numbers, Variant};
use super::error::Error;
use super::opening::Opening;
use super::pairs::Pairs;
use super::parts::{Parts, Whole};
use super::reader::Reader;
use super::tag::{self, NO_ROW};
use serde::de::{Deserializer, Error as _, Unexpected, Visitor};

impl<'de> Reader<'de> {
    /// Gives the number that comes next to the visitor.
    #[inline(never)]
    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.whole()? {
            Whole::Unsigned(number) => return visitor.visit_u64(number),
            Whole::Negative(number) => return visitor.visit_i64(number),
            Whole::No => {}
        }
        match self.byte()? {
            tag::F64 => visitor.visit_f64(f64::from_ne_bytes(self.array()?)),
            tag::F32 => visitor.visit_f32(f32::from_ne_bytes(self.array()?)),
            tag::U128 => visitor.visit_u128(u128::from_ne_bytes(self.array()?)),
            tag::I128 => visitor.visit_i128(i128::from_ne_bytes(self.array()?)),
            tag => Err(unexpected(&Opening::Other(tag), &visitor)),
        }
    }

    /// Gives the elements, or numbers of a kind, that come next to the visitor.
    #[inline(always)]
    fn elements<V: Visitor<'de>>(&mut self, count: usize, kind: u8, visitor: V) -> Result<V::Value, Error> {
        if kind != NO_ROW {
            return self.row(count, kind, visitor);
        }
        let mut elements = Elements { reader: self, left: count };
        let value = visitor.visit_seq(&mut elements)?;
        match elements.left {
            0 => Ok(value),
            left => Err(Error::not_all_taken(left)),
        }
    }

    #[inline(never)]
    fn row<V: Visitor<'de>>(&mut self, count: usize, kind: u8, visitor: V) -> Result<V::Value, Error> {
        let size = tag::size_of_kind(kind)?;
        let length = count.checked_mul(size).ok_or_else(Error::ended)?;
        let mut row = Numbers { kind, bytes: self.bytes(length)? };
        let value = visitor.visit_seq(&mut row)?;
        match row.bytes.len() / size {
            0 => Ok(value),
            left => Err(Error::not_all_taken(left)),
        }
    }

    #[inline(never)]
    fn pairs<V: Visitor<'de>>(&mut self, pairs: Pairs<'de>, visitor: V) -> Result<V::Value, Error> {
        let mut by_name = ByName { reader: self, pairs };
        let value = visitor.visit_map(&mut by_name)?;
        by_name.pairs.end(self)?;
        Ok(value)
    }

    #[inline(always)]
    fn parts<V: Visitor<'de>>(&mut self, parts: Parts<'de>, visitor: V) -> Result<V::Value, Error> {
        match parts {
            Parts::Elements(count, kind) => self.elements(count, kind, visitor),
            Parts::Pairs(pairs) => self.pairs(pairs, visitor),
        }
    }

    #[inline(never)]
    fn any_struct<V: Visitor<'de>>(
        &mut self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let parts = match self.placed_fields(names) {
            Some(count) => Parts::Elements(count, NO_ROW),
            None => self.any_fields(names)?.map_err(|opening| unexpected(&opening, &visitor))?,
        };
        self.parts(parts, visitor)
    }
}

/// What stands there is not what the visitor takes.
#[cold]
fn unexpected<'de>(opening: &Opening<'de>, visitor: &impl Visitor<'de>) -> Error {
    let found = match opening {
        Opening::Text(text) => Unexpected::Str(text),
        Opening::Bytes(_) => Unexpected::Other("bytes"),
        Opening::Sequence(..) => Unexpected::Seq,
        Opening::Pairs(_) => Unexpected::Map,
        Opening::UnitVariant(_) => Unexpected::UnitVariant,
        Opening::Variant(_) => Unexpected::Other("variant"),
        Opening::Other(tag::UNIT) => Unexpected::Unit,
        Opening::Other(tag::NONE | tag::SOME) => Unexpected::Option,
        Opening::Other(tag::TRUE) => Unexpected::Bool(true),
        Opening::Other(tag::FALSE) => Unexpected::Bool(false),
        Opening::Other(_) => Unexpected::Other("number"),
    };
    Error::invalid_type(found, visitor)
}

/// Methods that ask for a whole number.
macro_rules! whole_numbers {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let whole = match self.rest {
                [small @ ..tag::POSITIVE_END, rest @ ..] => {
                    self.rest = rest;
                    Whole::Unsigned(u64::from(*small))
                }
                _ => self.whole()?,
            };
            match whole {
                Whole::Unsigned(number) => visitor.visit_u64(number),
                Whole::Negative(number) => visitor.visit_i64(number),
                Whole::No => self.number(visitor),
            }
        }
    )*};
}

/// Methods that ask for a float, which stands behind its tag in so many bytes.
macro_rules! floats {
    ($($method:ident $visit:ident $type:ident $tag:ident $length:literal;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.rest.split_first_chunk::<$length>() {
                Some(([tag::$tag, number @ ..], rest)) => {
                    self.rest = rest;
                    visitor.$visit($type::from_ne_bytes(*number))
                }
                _ => self.number(visitor),
            }
        }
    )*};
}

/// Methods that do the same as another one and ignore the name or the length that they are given.
macro_rules! as_another {
    ($($method:ident($($ignored:ty),*) $other:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $(_: $ignored,)* visitor: V) -> Result<V::Value, Error> {
            self.$other(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    floats! { deserialize_f64 visit_f64 f64 F64 9; deserialize_f32 visit_f32 f32 F32 5; }

    as_another! {
        deserialize_string() deserialize_str;
        deserialize_byte_buf() deserialize_bytes;
        deserialize_unit_struct(&'static str) deserialize_unit;
        deserialize_tuple(usize) deserialize_seq;
        deserialize_tuple_struct(&'static str, usize) deserialize_seq;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let parts = match self.opening()? {
            Opening::Text(text) | Opening::UnitVariant(text) => return visitor.visit_borrowed_str(text),
            Opening::Bytes(length) => Parts::Elements(length, tag::U8),
            Opening::Sequence(count, kind) => Parts::Elements(count, kind),
            Opening::Pairs(pairs) => Parts::Pairs(pairs),
            Opening::Variant(name) => Parts::Pairs(Pairs::Variant(name)),
            Opening::Other(tag::TRUE | tag::FALSE) => return self.deserialize_bool(visitor),
            Opening::Other(tag::UNIT | tag::NONE) => return self.deserialize_unit(visitor),
            Opening::Other(tag::SOME) => return self.deserialize_option(visitor),
            Opening::Other(_) => return self.number(visitor),
        };
        self.parts(parts, visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.byte()? {
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            tag => Err(unexpected(&Opening::Other(tag), &visitor)),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text_if_next()? {
            Some(text) => match (text.chars().next(), text.chars().nth(1)) {
                (Some(only), None) => visitor.visit_char(only),
                _ => visitor.visit_borrowed_str(text),
            },
            None => Err(unexpected(&self.opening()?, &visitor)),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = if let [tag @ tag::TEXT..tag::TEXT_END, rest @ ..] = self.rest {
            self.rest = rest;
            self.text(usize::from(tag - tag::TEXT))?
        } else {
            self.any_text()?.map_err(|opening| unexpected(&opening, &visitor))?
        };
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.opening()? {
            Opening::Bytes(length) => visitor.visit_borrowed_bytes(self.bytes(length)?),
            Opening::Text(text) | Opening::UnitVariant(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            Opening::Sequence(count, kind) => self.elements(count, kind, visitor),
            opening => Err(unexpected(&opening, &visitor)),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.none_if_next()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.byte()? {
            tag::UNIT | tag::NONE => visitor.visit_unit(),
            tag::SOME => self.deserialize_unit(visitor),
            tag => Err(unexpected(&Opening::Other(tag), &visitor)),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        // No type has such a name. Libraries use it to show their own formats something special, which they write as a
        // struct: serde_json's `RawValue`.
        let is_special = name.starts_with('$')
            && matches!(self.peek()?, tag::STRUCT..tag::MAP_END | tag::SHAPED..=tag::SHAPED_F64);
        if is_special { self.deserialize_map(visitor) } else { visitor.visit_newtype_struct(self) }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (count, kind) = if let [tag @ tag::SEQUENCE..tag::SEQUENCE_END, rest @ ..] = self.rest {
            self.rest = rest;
            (usize::from(tag - tag::SEQUENCE), NO_ROW)
        } else {
            self.any_elements()?.map_err(|opening| unexpected(&opening, &visitor))?
        };
        self.elements(count, kind, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.opening()? {
            Opening::Pairs(pairs) => self.pairs(pairs, visitor),
            Opening::Variant(name) => self.pairs(Pairs::Variant(name), visitor),
            opening => Err(unexpected(&opening, &visitor)),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let [tag::SHAPED_F64, ..] = self.rest {
            let floats = self.placed_floats(names);
            // Where this is compiled into, that is the number of fields of the type.
            if !floats.is_empty() && floats.len() == names.len() * size_of::<f64>() {
                let mut floats = Floats(floats);
                let value = visitor.visit_seq(&mut floats)?;
                return match floats.0.len() / size_of::<f64>() {
                    0 => Ok(value),
                    left => Err(Error::not_all_taken(left)),
                };
            }
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
        let (name, has_content, rest) =
            if let [tag @ (tag::UNIT_VARIANT | tag::VARIANT), rest @ ..] = self.rest {
                self.rest = rest;
                (self.name()?, *tag == tag::VARIANT, Pairs::Over)
            } else {
                self.any_variant()?.map_err(|opening| unexpected(&opening, &visitor))?
            };
        let value = visitor.visit_enum(Variant { reader: self, name, has_content })?;
        rest.end(self)?;
        Ok(value)
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
