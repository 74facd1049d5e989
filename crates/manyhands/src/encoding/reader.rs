//! The front of bytes: what begins there, names and shapes, rows of numbers, what is passed over.
//!
//! What a type asks for is answered from these in [`answers`](super::answers).
//! Whatever the bytes are, they make no panic.

use super::error::Error;
use super::numbers::{self, NO_ROW};
use super::pairs::{Called, Pairs};
use super::tag;
use crate::arena::{Arena, Shape};
use serde::de::DeserializeSeed;
use std::cell::RefCell;

/// Reads values from the front of bytes.
pub(super) struct Reader<'de> {
    pub(super) rest: &'de [u8],
    pub(super) arena: Option<&'static Arena>,
    pub(super) by_place: ByPlace<'de>,
}

/// Whether a struct whose fields stand there as its type lists them is read without a look at their names. A type may
/// be unable to: then the value is read again, by name, and what was read so is remembered.
#[derive(Clone, Copy)]
pub(super) enum ByPlace<'a> {
    Allowed,
    Used,
    /// By which shapes it would have been done.
    Forbidden(&'a RefCell<Vec<&'static Shape>>),
}

/// What begins where the reader is.
pub(super) enum Head<'de> {
    Text(&'de str),
    /// This many bytes come next.
    Bytes(usize),
    /// This many elements, or numbers of that kind.
    Sequence(usize, u8),
    Pairs(Pairs<'de>),
    UnitVariant(&'de str),
    Variant(&'de str),
    Other(u8),
}

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Reader<'de> {
        Reader { rest: bytes, arena: Arena::current(), by_place: ByPlace::Allowed }
    }

    /// One that reads all structs by name, and lists the shapes by which it would not have done so.
    pub(super) fn by_name(bytes: &'de [u8], shapes: &'de RefCell<Vec<&'static Shape>>) -> Reader<'de> {
        Reader { by_place: ByPlace::Forbidden(shapes), ..Reader::new(bytes) }
    }

    /// Whether some struct was read by the places of its fields.
    #[inline]
    pub(super) fn has_read_by_place(&self) -> bool {
        matches!(self.by_place, ByPlace::Used)
    }

    /// Whether fields that stand there as `names` lists them are to be read by their places.
    #[inline(always)]
    pub(super) fn is_by_place(&mut self, shape: &'static Shape, names: &'static [&'static str]) -> bool {
        if !shape.is(names) || shape.is_read_by_name() {
            return false;
        }
        if let ByPlace::Forbidden(shapes) = self.by_place {
            shapes.borrow_mut().push(shape);
            return false;
        }
        self.by_place = ByPlace::Used;
        true
    }

    /// Reads a value, a row of numbers in one piece.
    #[inline(always)]
    pub(super) fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        numbers::read(seed, self)?.or_else(|seed| seed.deserialize(self))
    }

    #[inline]
    pub(super) fn peek(&self) -> Result<u8, Error> {
        self.rest.first().copied().ok_or_else(Error::ended)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        let (first, rest) = self.rest.split_first().ok_or_else(Error::ended)?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (first, rest) = self.rest.split_first_chunk().ok_or_else(Error::ended)?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub(super) fn bytes(&mut self, length: usize) -> Result<&'de [u8], Error> {
        let (first, rest) = self.rest.split_at_checked(length).ok_or_else(Error::ended)?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, Error> {
        usize::try_from(u64::from_ne_bytes(self.array()?)).map_err(|_| Error::ended())
    }

    #[inline]
    pub(super) fn short_or_long(&mut self, is_short: bool) -> Result<usize, Error> {
        if is_short { self.byte().map(usize::from) } else { self.length() }
    }

    #[inline]
    pub(super) fn text(&mut self, length: usize) -> Result<&'de str, Error> {
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map_err(|_| Error::malformed("a text that is no UTF-8"))
    }

    /// Reads the name of a field or variant.
    #[inline]
    pub(super) fn name(&mut self) -> Result<&'de str, Error> {
        let number = match self.byte()? {
            tag::LONG_NAME => u16::from_ne_bytes(self.array()?),
            tag::TEXT_NAME => {
                let length = self.length()?;
                return self.text(length);
            }
            number => u16::from(number),
        };
        let name = self.arena.and_then(|arena| arena.name(number));
        name.ok_or_else(|| Error::malformed("a name that nobody wrote down"))
    }

    #[inline]
    fn shape(&mut self) -> Result<&'static Shape, Error> {
        let number = match self.byte()? {
            tag::LONG_SHAPE => u16::from_ne_bytes(self.array()?),
            number => u16::from(number),
        };
        let shape = self.arena.and_then(|arena| arena.shape(number));
        shape.ok_or_else(|| Error::malformed("a shape that nobody wrote down"))
    }

    /// Whether this byte comes next, which is read then.
    #[inline]
    pub(super) fn has_next(&mut self, byte: u8) -> Result<bool, Error> {
        let is_next = self.peek()? == byte;
        if is_next {
            self.rest = &self.rest[1..];
        }
        Ok(is_next)
    }

    /// The numbers that come next, if they are of this kind and stand there in one piece.
    #[inline]
    pub(super) fn row_of(&mut self, kind: u8) -> Result<Option<&'de [u8]>, Error> {
        match *self.rest {
            [tag @ (tag::SHORT_NUMBERS | tag::LONG_NUMBERS), present, ..] if present == kind => {
                self.rest = &self.rest[1..];
                let (_, _, length) = self.row_head(tag == tag::SHORT_NUMBERS)?;
                self.bytes(length).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// As many numbers of this kind, if they come next and stand there in one piece of so many bytes.
    #[inline(always)]
    pub(super) fn array_of(&mut self, kind: u8, count: usize, length: usize) -> Option<&'de [u8]> {
        match self.rest {
            [tag::SHORT_NUMBERS, present, many, rest @ ..]
                if *present == kind && usize::from(*many) == count =>
            {
                let (row, rest) = rest.split_at_checked(length)?;
                self.rest = rest;
                Some(row)
            }
            _ => None,
        }
    }

    /// The kind of the numbers of a row, how many there are, and in how many bytes, which are there.
    fn row_head(&mut self, is_short: bool) -> Result<(u8, usize, usize), Error> {
        let kind = self.byte()?;
        let count = self.short_or_long(is_short)?;
        let length = count.checked_mul(numbers::size_of_kind(kind)?).ok_or_else(Error::ended)?;
        if length <= self.rest.len() { Ok((kind, count, length)) } else { Err(Error::ended()) }
    }

    /// Reads the first part of what comes next, if it is anything but a number, `()`, a `bool` or an `Option`.
    pub(super) fn head(&mut self) -> Result<Head<'de>, Error> {
        let tag = self.peek()?;
        if tag < tag::TEXT || (tag::NEGATIVE..tag::SHORT_TEXT).contains(&tag) {
            return Ok(Head::Other(tag));
        }
        self.rest = &self.rest[1..];
        Ok(match tag {
            tag::TEXT..tag::TEXT_END => Head::Text(self.text(usize::from(tag - tag::TEXT))?),
            tag::SEQUENCE..tag::SEQUENCE_END => Head::Sequence(usize::from(tag - tag::SEQUENCE), NO_ROW),
            tag::STRUCT..tag::STRUCT_END => Head::Pairs(Pairs::Named(usize::from(tag - tag::STRUCT))),
            tag::SHAPED => Head::Pairs(Pairs::Shaped(self.shape()?, 0)),
            tag::SHAPED_F32 => Head::Pairs(Pairs::Numbers(self.shape()?, 0, tag::F32)),
            tag::SHAPED_F64 => Head::Pairs(Pairs::Numbers(self.shape()?, 0, tag::F64)),
            tag::PARTLY_SHAPED => Head::Pairs(Pairs::Partly(self.shape()?, 0)),
            tag::MAP..tag::MAP_END => Head::Pairs(Pairs::Entries(usize::from(tag - tag::MAP))),
            tag::SHORT_TEXT | tag::LONG_TEXT => {
                let length = self.short_or_long(tag == tag::SHORT_TEXT)?;
                Head::Text(self.text(length)?)
            }
            tag::SHORT_BYTES | tag::LONG_BYTES => {
                let length = self.short_or_long(tag == tag::SHORT_BYTES)?;
                if length > self.rest.len() {
                    return Err(Error::ended());
                }
                Head::Bytes(length)
            }
            tag::LONG_SEQUENCE => Head::Sequence(self.length()?, NO_ROW),
            tag::LONG_STRUCT => Head::Pairs(Pairs::Named(self.length()?)),
            tag::LONG_MAP => Head::Pairs(Pairs::Entries(self.length()?)),
            tag::UNIT_VARIANT => Head::UnitVariant(self.name()?),
            tag::VARIANT => Head::Variant(self.name()?),
            tag::SHORT_NUMBERS | tag::LONG_NUMBERS => {
                let (kind, count, _) = self.row_head(tag == tag::SHORT_NUMBERS)?;
                Head::Sequence(count, kind)
            }
            _ => return Err(Error::malformed("an unknown first byte")),
        })
    }

    /// A text, or a variant without content, if that is what comes next.
    pub(super) fn text_if_next(&mut self) -> Result<Option<&'de str>, Error> {
        match self.peek()? {
            tag::TEXT..tag::TEXT_END | tag::SHORT_TEXT | tag::LONG_TEXT | tag::UNIT_VARIANT => {
                match self.head()? {
                    Head::Text(text) | Head::UnitVariant(text) => Ok(Some(text)),
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// Whether no value comes next; what says so, or that one does, is read.
    #[inline]
    pub(super) fn none_if_next(&mut self) -> Result<bool, Error> {
        let is_none = match self.peek()? {
            tag::NONE | tag::UNIT => true,
            tag::SOME => false,
            _ => return Ok(false),
        };
        self.rest = &self.rest[1..];
        Ok(is_none)
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        match self.head()? {
            Head::Text(_) | Head::UnitVariant(_) => Ok(()),
            Head::Bytes(length) => self.bytes(length).map(drop),
            Head::Sequence(count, NO_ROW) => (0..count).try_for_each(|_| self.skip()),
            Head::Sequence(count, kind) => self.bytes(count * numbers::size_of_kind(kind)?).map(drop),
            Head::Pairs(mut pairs) => {
                while let Some(called) = pairs.next(self)? {
                    if let Called::Key = called {
                        self.skip()?;
                    }
                    pairs.skip_value(self)?;
                }
                Ok(())
            }
            Head::Variant(_) => self.skip(),
            Head::Other(tag) => {
                self.rest = &self.rest[1..];
                let length = match tag {
                    tag::SOME => return self.skip(),
                    tag::U8 | tag::I8 => 1,
                    tag::U16 | tag::I16 => 2,
                    tag::U32 | tag::I32 | tag::F32 => 4,
                    tag::U64 | tag::I64 | tag::F64 => 8,
                    tag::U128 | tag::I128 => 16,
                    _ => 0,
                };
                self.bytes(length).map(drop)
            }
        }
    }
}
