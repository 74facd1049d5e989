//! The front of bytes: lengths, texts, names and shapes, rows of numbers.
//!
//! What a value begins with is read in [`opening`](super::opening), and what a type asks for is answered in
//! [`answers`](super::answers).
//! Whatever the bytes are, they make no panic.

use super::error::Error;
use super::tag;
use crate::arena::{Arena, Shape};
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
    pub(super) fn shape(&mut self) -> Result<&'static Shape, Error> {
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
    pub(super) fn row_head(&mut self, is_short: bool) -> Result<(u8, usize, usize), Error> {
        let kind = self.byte()?;
        let count = self.short_or_long(is_short)?;
        let length = count.checked_mul(tag::size_of_kind(kind)?).ok_or_else(Error::ended)?;
        if length <= self.rest.len() { Ok((kind, count, length)) } else { Err(Error::ended()) }
    }
}
