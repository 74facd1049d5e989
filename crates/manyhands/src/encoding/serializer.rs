//! Values as bytes: serde's serializer.
//!
//! Each value begins with a byte that says what it is, and each field and variant with its name. So a reader can answer
//! whatever a type asks for as JSON answers it. See [`tag`](super::tag) for the bytes.

use super::containers::{Container, MAP, SEQUENCE};
use super::error::Error;
use super::record::Record;
use super::tag;
use super::writer::Writer;
use crate::platform::numbers::Behind;
use serde::ser::{Serialize, Serializer};
use std::fmt::{self, Write};

/// Text that is written piece by piece.
struct Pieces<'a>(&'a mut Vec<u8>);

impl Write for Pieces<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0.extend_from_slice(piece.as_bytes());
        Ok(())
    }
}

/// Methods that write a whole number of up to 64 bits, as a signed or unsigned one.
macro_rules! whole_numbers {
    ($($method:ident $type:ident $write:ident;)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Error> {
            self.$write(value.into())
        }
    )*};
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Container<'w, 'a>;
    type SerializeTuple = Container<'w, 'a>;
    type SerializeTupleStruct = Container<'w, 'a>;
    type SerializeTupleVariant = Container<'w, 'a>;
    type SerializeMap = Container<'w, 'a>;
    type SerializeStruct = Record<'w, 'a>;
    type SerializeStructVariant = Record<'w, 'a>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.one(if value { tag::TRUE } else { tag::FALSE })
    }

    whole_numbers! {
        serialize_i8 i8 signed; serialize_i16 i16 signed; serialize_i32 i32 signed; serialize_i64 i64 signed;
        serialize_u8 u8 unsigned; serialize_u16 u16 unsigned; serialize_u32 u32 unsigned; serialize_u64 u64 unsigned;
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        match (i64::try_from(value), u128::try_from(value)) {
            (Ok(value), _) => self.signed(value),
            (_, Ok(value)) => self.serialize_u128(value),
            _ => self.tagged(tag::I128, value.to_ne_bytes()),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => self.tagged(tag::U128, value.to_ne_bytes()),
        }
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.tagged(tag::F32, value.to_ne_bytes())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.tagged(tag::F64, value.to_ne_bytes())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        match u8::try_from(value.len()) {
            Ok(length) => self.out.extend_from_slice(&[tag::SHORT_BYTES, length]),
            Err(_) => {
                self.out.reserve(9 + value.len());
                self.length(tag::LONG_BYTES, value.len());
            }
        }
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.one(tag::NONE)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        let start = self.out.len();
        self.value(value)?;
        if matches!(self.out.get(start), Some(&(tag::UNIT | tag::NONE | tag::SOME))) {
            self.out.insert(start, tag::SOME);
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.one(tag::UNIT)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.one(tag::UNIT)
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.out.push(tag::UNIT_VARIANT);
        self.name(variant);
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.value(value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.out.push(tag::VARIANT);
        self.name(variant);
        self.value(value)
    }

    #[inline(always)]
    fn serialize_seq(self, length: Option<usize>) -> Result<Container<'w, 'a>, Error> {
        Ok(self.container(SEQUENCE, length.unwrap_or(0)))
    }

    #[inline(always)]
    fn serialize_tuple(self, length: usize) -> Result<Container<'w, 'a>, Error> {
        Ok(self.container(SEQUENCE, length))
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Container<'w, 'a>, Error> {
        Ok(self.container(SEQUENCE, length))
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'w, 'a>, Error> {
        self.out.push(tag::VARIANT);
        self.name(variant);
        Ok(self.container(SEQUENCE, length))
    }

    #[inline(always)]
    fn serialize_map(self, length: Option<usize>) -> Result<Container<'w, 'a>, Error> {
        Ok(self.container(MAP, length.unwrap_or(0)))
    }

    #[inline(always)]
    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Record<'w, 'a>, Error> {
        Ok(Record::begin(self, name, length))
    }

    #[inline(always)]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Record<'w, 'a>, Error> {
        self.out.push(tag::VARIANT);
        self.name(variant);
        Ok(Record::begin(self, variant, length))
    }

    #[inline]
    fn collect_seq<I>(self, elements: I) -> Result<(), Error>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let mut elements = elements.into_iter();
        let mut container = self.container(SEQUENCE, elements.size_hint().0);
        match Behind::<I::Item>::new() {
            None => elements.try_for_each(|element| container.element(&element))?,
            Some(rows) => elements.try_for_each(|element| {
                let (kind, numbers) = rows.bytes(&element);
                if container.row(kind, numbers) { Ok(()) } else { container.element(&element) }
            })?,
        }
        container.finish()
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        let start = self.out.len();
        if write!(Pieces(&mut self.out), "{value}").is_err() {
            return Err(serde::ser::Error::custom("its Display implementation reports an error"));
        }
        // The header goes behind the text and is then turned to its front.
        let end = self.out.len();
        self.text_header(end - start);
        let header = self.out.len() - end;
        self.out[start..].rotate_right(header);
        Ok(())
    }

    fn is_human_readable(&self) -> bool {
        // What serde keeps of tagged values for a second look says that it is, and has no other way.
        true
    }
}
