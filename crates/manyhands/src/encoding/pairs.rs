//! Names with their values as they are read: the fields of a struct, the entries of a map, a variant with its content.
//!
//! The names of a struct stand beside its values or in its shape. One that lacks fields of its shape, or has more, says
//! so where they would stand. Whether a struct is read by place instead is decided in [`answers`](super::answers).

use super::error::Error;
use super::reader::Reader;
use super::tag;
use crate::arena::Shape;

/// Where the names stand.
pub(super) enum Pairs<'de> {
    /// Before each value; so many are left.
    Named(usize),
    /// In the shape, from this name on, and there is a value for each.
    Shaped(&'static Shape, usize),
    /// As there, and the values are numbers of this kind.
    Numbers(&'static Shape, usize, u8),
    /// In the shape, from this name on, or before the value.
    Partly(&'static Shape, usize),
    /// Each is a value of its own; so many are left.
    Entries(usize),
    /// It was read, and there is no other.
    Variant(&'de str),
    /// There are no more.
    Over,
}

/// What a value is called.
pub(super) enum Called<'de> {
    Name(&'de str),
    /// What the value says that comes next.
    Key,
}

impl<'de> Pairs<'de> {
    /// What the next value is called, which comes next; `None` when there is no other.
    #[inline]
    pub(super) fn next(&mut self, reader: &mut Reader<'de>) -> Result<Option<Called<'de>>, Error> {
        let name = match self {
            Pairs::Shaped(shape, place) | Pairs::Numbers(shape, place, _) => {
                let name = shape.names().get(*place).copied();
                *place += 1;
                name
            }
            Pairs::Named(0) | Pairs::Entries(0) | Pairs::Over => None,
            Pairs::Named(left) => {
                *left -= 1;
                Some(reader.name()?)
            }
            Pairs::Entries(left) => {
                *left -= 1;
                return Ok(Some(Called::Key));
            }
            Pairs::Partly(shape, place) => {
                while reader.has_next(tag::ABSENT)? {
                    *place += 1;
                }
                if reader.has_next(tag::END)? {
                    *self = Pairs::Over;
                    None
                } else if reader.has_next(tag::EXTRA)? {
                    Some(reader.name()?)
                } else {
                    let name = shape.names().get(*place).copied();
                    *place += 1;
                    let more = || Error::malformed("a struct with more fields than its shape");
                    Some(name.ok_or_else(more)?)
                }
            }
            Pairs::Variant(name) => {
                let name = *name;
                *self = Pairs::Over;
                Some(name)
            }
        };
        Ok(name.map(Called::Name))
    }

    /// Ends what is read, all of which was taken.
    #[inline]
    pub(super) fn end(mut self, reader: &mut Reader<'de>) -> Result<(), Error> {
        let left = match &self {
            Pairs::Named(left) | Pairs::Entries(left) => *left,
            Pairs::Shaped(shape, place) | Pairs::Numbers(shape, place, _) => {
                shape.names().len().saturating_sub(*place)
            }
            Pairs::Partly(..) => usize::from(self.next(reader)?.is_some()),
            Pairs::Variant(_) => 1,
            Pairs::Over => 0,
        };
        if left == 0 { Ok(()) } else { Err(Error::not_all_taken(left)) }
    }
}
