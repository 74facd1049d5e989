//! First parts of values, as they are read for one sort of question each: a whole number, a text, elements, fields, a
//! variant.
//!
//! What is here is the same for all types, so it is compiled once. Where a type's own code comes in, in
//! [`answers`](super::answers), it is called in one place for each sort, and is compiled into that if it is short.

use super::error::Error;
use super::opening::Opening;
use super::pairs::{Called, Pairs};
use super::reader::Reader;
use super::tag::{self, NO_ROW};

/// What a type takes part by part: so many elements or numbers of that kind, or names with values.
pub(super) enum Parts<'de> {
    Elements(usize, u8),
    Pairs(Pairs<'de>),
}

/// A whole number of at most 64 bits.
pub(super) enum Whole {
    Unsigned(u64),
    Negative(i64),
    /// Something else comes next.
    No,
}

impl<'de> Reader<'de> {
    /// The whole number that comes next, if one does.
    #[inline(never)]
    pub(super) fn whole(&mut self) -> Result<Whole, Error> {
        let tag = self.peek()?;
        let kind = match tag {
            ..tag::POSITIVE_END => NO_ROW,
            tag::NEGATIVE..tag::NEGATIVE_END => NO_ROW,
            tag::U8..=tag::U64 | tag::I8..=tag::I64 => tag,
            _ => return Ok(Whole::No),
        };
        self.rest = &self.rest[1..];
        Ok(match kind {
            tag::U8 => Whole::Unsigned(u64::from(self.byte()?)),
            tag::U16 => Whole::Unsigned(u64::from(u16::from_ne_bytes(self.array()?))),
            tag::U32 => Whole::Unsigned(u64::from(u32::from_ne_bytes(self.array()?))),
            tag::U64 => Whole::Unsigned(u64::from_ne_bytes(self.array()?)),
            tag::I8 => Whole::Negative(i64::from(i8::from_ne_bytes(self.array()?))),
            tag::I16 => Whole::Negative(i64::from(i16::from_ne_bytes(self.array()?))),
            tag::I32 => Whole::Negative(i64::from(i32::from_ne_bytes(self.array()?))),
            tag::I64 => Whole::Negative(i64::from_ne_bytes(self.array()?)),
            _ if tag < tag::POSITIVE_END => Whole::Unsigned(u64::from(tag)),
            _ => Whole::Negative(i64::from(tag) - i64::from(tag::NEGATIVE_END)),
        })
    }

    #[inline(never)]
    pub(super) fn any_text(&mut self) -> Result<Result<&'de str, Opening<'de>>, Error> {
        Ok(match self.opening()? {
            Opening::Text(text) | Opening::UnitVariant(text) => Ok(text),
            opening => Err(opening),
        })
    }

    #[inline(never)]
    pub(super) fn any_elements(&mut self) -> Result<Result<(usize, u8), Opening<'de>>, Error> {
        Ok(match self.opening()? {
            Opening::Sequence(count, kind) => Ok((count, kind)),
            Opening::Bytes(length) => Ok((length, tag::U8)),
            opening => Err(opening),
        })
    }

    /// How many fields come next, if they stand there as `names` lists them and are read by their places.
    #[inline(always)]
    pub(super) fn placed_fields(&mut self, names: &'static [&'static str]) -> Option<usize> {
        let [tag::SHAPED, number, rest @ ..] = self.rest else { return None };
        if *number == tag::LONG_SHAPE {
            return None;
        }
        let shape = self.arena?.shape(u16::from(*number))?;
        if !self.is_by_place(shape, names) {
            return None;
        }
        self.rest = rest;
        Some(names.len())
    }

    /// The bytes of the fields that come next, if they are `f64`s, stand there as `names` lists them, and are read by
    /// their places; else none.
    #[inline(never)]
    pub(super) fn placed_floats(&mut self, names: &'static [&'static str]) -> &'de [u8] {
        let [_, number, rest @ ..] = self.rest else { return &[] };
        if *number != tag::LONG_SHAPE
            && let Some(shape) = self.arena.and_then(|arena| arena.shape(u16::from(*number)))
            && let Some((floats, rest)) = rest.split_at_checked(names.len() * size_of::<f64>())
            && self.is_by_place(shape, names)
        {
            self.rest = rest;
            return floats;
        }
        &[]
    }

    #[inline(never)]
    pub(super) fn any_fields(
        &mut self,
        names: &'static [&'static str],
    ) -> Result<Result<Parts<'de>, Opening<'de>>, Error> {
        let pairs = match self.opening()? {
            Opening::Pairs(pairs) => pairs,
            Opening::Variant(name) => Pairs::Variant(name),
            Opening::Sequence(count, kind) => return Ok(Ok(Parts::Elements(count, kind))),
            opening => return Ok(Err(opening)),
        };
        let placed = match &pairs {
            Pairs::Shaped(shape, _) => Some((*shape, NO_ROW)),
            Pairs::Numbers(shape, _, kind) => Some((*shape, *kind)),
            _ => None,
        };
        Ok(Ok(match placed {
            Some((shape, kind)) if self.is_by_place(shape, names) => Parts::Elements(names.len(), kind),
            _ => Parts::Pairs(pairs),
        }))
    }

    /// A variant: its name, whether there is a content, and what remains to be ended behind that.
    #[inline(never)]
    pub(super) fn any_variant(
        &mut self,
    ) -> Result<Result<(&'de str, bool, Pairs<'de>), Opening<'de>>, Error> {
        Ok(match self.opening()? {
            Opening::UnitVariant(name) | Opening::Text(name) => Ok((name, false, Pairs::Over)),
            Opening::Variant(name) => Ok((name, true, Pairs::Over)),
            // More than one name is none of a variant.
            opening @ Opening::Pairs(Pairs::Numbers(..)) => Err(opening),
            Opening::Pairs(Pairs::Entries(1)) => match self.text_if_next()? {
                Some(name) => Ok((name, true, Pairs::Over)),
                None => Err(Opening::Pairs(Pairs::Entries(1))),
            },
            opening @ Opening::Pairs(Pairs::Entries(_)) => Err(opening),
            Opening::Pairs(mut pairs) => match pairs.next(self)? {
                Some(Called::Name(name)) => Ok((name, true, pairs)),
                _ => Err(Opening::Pairs(Pairs::Over)),
            },
            opening => Err(opening),
        })
    }
}
