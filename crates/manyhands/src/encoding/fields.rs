//! The fields of a struct as they are read: with their names, or by the names of its shape.
//!
//! One that lacks fields of its shape, or has more, says so where they would stand. Whether a struct is read by place instead
//! is decided in [`answers`](super::answers).

use super::answers::not_all_taken;
use super::error::Error;
use super::key::Name;
use super::reader::Reader;
use super::tag;
use crate::arena::Shape;
use serde::de::{DeserializeSeed, MapAccess};

/// Where the names of the fields stand.
pub(super) enum Fields {
    /// Before each value; so many are left.
    Named(usize),
    /// In the shape, from this name on, and there is a value for each.
    Shaped(&'static Shape, usize),
    /// In the shape, from this name on, or before the value.
    Partly(&'static Shape, usize),
    /// There are no more.
    Over,
}

impl Fields {
    /// The name of the next field, whose value comes next; `None` when there is no other.
    #[inline]
    pub(super) fn next<'de>(&mut self, reader: &mut Reader<'de>) -> Result<Option<&'de str>, Error> {
        match self {
            Fields::Shaped(shape, place) => {
                let name = shape.names().get(*place).copied();
                *place += 1;
                Ok(name)
            }
            Fields::Named(0) | Fields::Over => Ok(None),
            Fields::Named(left) => {
                *left -= 1;
                reader.name().map(Some)
            }
            Fields::Partly(shape, place) => {
                while reader.has_next(tag::ABSENT)? {
                    *place += 1;
                }
                if reader.has_next(tag::END)? {
                    *self = Fields::Over;
                    Ok(None)
                } else if reader.has_next(tag::EXTRA)? {
                    reader.name().map(Some)
                } else {
                    let name = shape.names().get(*place).copied();
                    *place += 1;
                    name.map(Some).ok_or_else(|| Error::malformed("a struct with more fields than its shape"))
                }
            }
        }
    }

    /// Ends the struct, all of whose fields were taken.
    #[inline]
    pub(super) fn end(mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let left = match &self {
            Fields::Named(left) => *left,
            Fields::Shaped(shape, place) => shape.names().len().saturating_sub(*place),
            Fields::Partly(..) => usize::from(self.next(reader)?.is_some()),
            Fields::Over => 0,
        };
        if left == 0 { Ok(()) } else { Err(not_all_taken(left)) }
    }
}

/// A struct, read as a map.
pub(super) struct ByName<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) fields: &'r mut Fields,
}

impl<'de> MapAccess<'de> for ByName<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        match self.fields.next(self.reader)? {
            Some(name) => seed.deserialize(Name(name)).map(Some),
            None => Ok(None),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.reader.value(seed)
    }
}
