//! What begins where a reader is: the first part of a value, of which the rest is read as the type asks for it.
//!
//! A value that nobody asks for is passed over here, whatever it is made of. Whatever the bytes are, they make no
//! panic. What a type gets to see of them is decided in [`answers`](super::answers).

use super::error::Error;
use super::pairs::{Called, Pairs};
use super::reader::Reader;
use super::tag::{self, NO_ROW};

/// What begins where the reader is.
pub(super) enum Opening<'de> {
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
    /// Reads the first part of what comes next, if it is anything but a number, `()`, a `bool` or an `Option`.
    pub(super) fn opening(&mut self) -> Result<Opening<'de>, Error> {
        let tag = self.peek()?;
        if tag < tag::TEXT || (tag::NEGATIVE..tag::SHORT_TEXT).contains(&tag) {
            return Ok(Opening::Other(tag));
        }
        self.rest = &self.rest[1..];
        Ok(match tag {
            tag::TEXT..tag::TEXT_END => Opening::Text(self.text(usize::from(tag - tag::TEXT))?),
            tag::SEQUENCE..tag::SEQUENCE_END => Opening::Sequence(usize::from(tag - tag::SEQUENCE), NO_ROW),
            tag::STRUCT..tag::STRUCT_END => Opening::Pairs(Pairs::Named(usize::from(tag - tag::STRUCT))),
            tag::SHAPED => Opening::Pairs(Pairs::Shaped(self.shape()?, 0)),
            tag::SHAPED_F32 => Opening::Pairs(Pairs::Numbers(self.shape()?, 0, tag::F32)),
            tag::SHAPED_F64 => Opening::Pairs(Pairs::Numbers(self.shape()?, 0, tag::F64)),
            tag::PARTLY_SHAPED => Opening::Pairs(Pairs::Partly(self.shape()?, 0)),
            tag::MAP..tag::MAP_END => Opening::Pairs(Pairs::Entries(usize::from(tag - tag::MAP))),
            tag::SHORT_TEXT | tag::LONG_TEXT => {
                let length = self.short_or_long(tag == tag::SHORT_TEXT)?;
                Opening::Text(self.text(length)?)
            }
            tag::SHORT_BYTES | tag::LONG_BYTES => {
                let length = self.short_or_long(tag == tag::SHORT_BYTES)?;
                if length > self.rest.len() {
                    return Err(Error::ended());
                }
                Opening::Bytes(length)
            }
            tag::LONG_SEQUENCE => Opening::Sequence(self.length()?, NO_ROW),
            tag::LONG_STRUCT => Opening::Pairs(Pairs::Named(self.length()?)),
            tag::LONG_MAP => Opening::Pairs(Pairs::Entries(self.length()?)),
            tag::UNIT_VARIANT => Opening::UnitVariant(self.name()?),
            tag::VARIANT => Opening::Variant(self.name()?),
            tag::SHORT_NUMBERS | tag::LONG_NUMBERS => {
                let (kind, count, _) = self.row_head(tag == tag::SHORT_NUMBERS)?;
                Opening::Sequence(count, kind)
            }
            _ => return Err(Error::malformed("an unknown first byte")),
        })
    }

    /// A text, or a variant without content, if that is what comes next.
    pub(super) fn text_if_next(&mut self) -> Result<Option<&'de str>, Error> {
        match self.peek()? {
            tag::TEXT..tag::TEXT_END | tag::SHORT_TEXT | tag::LONG_TEXT | tag::UNIT_VARIANT => {
                match self.opening()? {
                    Opening::Text(text) | Opening::UnitVariant(text) => Ok(Some(text)),
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
        match self.opening()? {
            Opening::Text(_) | Opening::UnitVariant(_) => Ok(()),
            Opening::Bytes(length) => self.bytes(length).map(drop),
            Opening::Sequence(count, NO_ROW) => (0..count).try_for_each(|_| self.skip()),
            Opening::Sequence(count, kind) => self.bytes(count * tag::size_of_kind(kind)?).map(drop),
            Opening::Pairs(mut pairs) => {
                while let Some(called) = pairs.next(self)? {
                    if let Called::Key = called {
                        self.skip()?;
                    }
                    self.skip_value_of(&pairs)?;
                }
                Ok(())
            }
            Opening::Variant(_) => self.skip(),
            Opening::Other(tag) => {
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

    /// Passes over the value that comes next of a struct or a map.
    pub(super) fn skip_value_of(&mut self, pairs: &Pairs<'de>) -> Result<(), Error> {
        match pairs {
            Pairs::Numbers(.., kind) => self.bytes(tag::size_of_kind(*kind)?).map(drop),
            _ => self.skip(),
        }
    }
}
