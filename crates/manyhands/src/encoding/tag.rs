//! The bytes with which values begin.
//!
//! | first byte | value | then |
//! |---|---|---|
//! | 0x00-0x7f | the number 0 to 127 | |
//! | 0x80-0x9f | a text of 0 to 31 bytes | the bytes |
//! | 0xa0-0xaf | a sequence of 0 to 15 | the values |
//! | 0xb0-0xbf | a struct of 0 to 15 fields that has no shape | for each a name and a value |
//! | 0xc0-0xc7 | a map of 0 to 7 entries | for each a value and another |
//! | 0xc8-0xcf | the number -8 to -1 | |
//! | 0xd0-0xf2 | as the constants below say | |
//!
//! Numbers are as short as they can be, in the machine's own order. Lengths and counts that do not stand in the first
//! byte are one byte in a form called `SHORT`, else eight.
//!
//! A name is its number in the arena's table, in one byte up to 253; or [`LONG_NAME`] and two bytes; or [`TEXT_NAME`],
//! eight bytes of length and the text. A shape is its number there, in one byte up to 254; or [`LONG_SHAPE`] and two
//! bytes.

use super::error::Error;

pub(super) const POSITIVE_END: u8 = 0x80;
pub(super) const TEXT: u8 = 0x80;
pub(super) const TEXT_END: u8 = 0xa0;
pub(super) const SEQUENCE: u8 = 0xa0;
pub(super) const SEQUENCE_END: u8 = 0xb0;
pub(super) const STRUCT: u8 = 0xb0;
pub(super) const STRUCT_END: u8 = 0xc0;
pub(super) const MAP: u8 = 0xc0;
pub(super) const MAP_END: u8 = 0xc8;
pub(super) const NEGATIVE: u8 = 0xc8;
pub(super) const NEGATIVE_END: u8 = 0xd0;

pub(super) const UNIT: u8 = 0xd0;
pub(super) const NONE: u8 = 0xd1;
/// Before a value that would otherwise be taken for [`NONE`]. Any other `Some` is its value.
pub(super) const SOME: u8 = 0xd2;
pub(super) const FALSE: u8 = 0xd3;
pub(super) const TRUE: u8 = 0xd4;
pub(super) const U8: u8 = 0xd5;
pub(super) const U16: u8 = 0xd6;
pub(super) const U32: u8 = 0xd7;
pub(super) const U64: u8 = 0xd8;
pub(super) const U128: u8 = 0xd9;
pub(super) const I8: u8 = 0xda;
pub(super) const I16: u8 = 0xdb;
pub(super) const I32: u8 = 0xdc;
pub(super) const I64: u8 = 0xdd;
pub(super) const I128: u8 = 0xde;
pub(super) const F32: u8 = 0xdf;
pub(super) const F64: u8 = 0xe0;
pub(super) const SHORT_TEXT: u8 = 0xe1;
pub(super) const LONG_TEXT: u8 = 0xe2;
pub(super) const SHORT_BYTES: u8 = 0xe3;
pub(super) const LONG_BYTES: u8 = 0xe4;
pub(super) const LONG_SEQUENCE: u8 = 0xe5;
pub(super) const LONG_STRUCT: u8 = 0xe6;
pub(super) const LONG_MAP: u8 = 0xe7;
/// A variant without content: a name.
pub(super) const UNIT_VARIANT: u8 = 0xe8;
/// A variant: a name and a value.
pub(super) const VARIANT: u8 = 0xe9;
/// Numbers of one kind: the first byte of one such number, how many, all of them.
pub(super) const SHORT_NUMBERS: u8 = 0xea;
pub(super) const LONG_NUMBERS: u8 = 0xeb;

/// A struct: its shape and a value for each name of that.
pub(super) const SHAPED: u8 = 0xec;
/// A struct of floats: its shape and for each name of that, of two or more, the float's bytes.
pub(super) const SHAPED_F32: u8 = 0xed;
pub(super) const SHAPED_F64: u8 = 0xee;
/// A struct that has not the same fields as its shape. First the shape; then, until [`END`], for each name a value or
/// [`ABSENT`], and anywhere in between [`EXTRA`], a name and a value.
pub(super) const PARTLY_SHAPED: u8 = 0xef;
pub(super) const ABSENT: u8 = 0xf0;
pub(super) const EXTRA: u8 = 0xf1;
pub(super) const END: u8 = 0xf2;

/// The first byte of a struct of floats of a kind.
#[inline(always)]
pub(super) const fn of_floats(kind: u8) -> u8 {
    kind - F32 + SHAPED_F32
}

pub(super) const LONG_SHAPE: u8 = 0xff;
pub(super) const LONG_NAME: u8 = 0xfe;
pub(super) const TEXT_NAME: u8 = 0xff;
/// One more than the largest number of a name that is one byte.
pub(super) const NAME_END: u8 = 0xfe;

/// In the place of a number's first byte: there is none, and each number says for itself what it is.
pub(super) const NO_ROW: u8 = 0;

/// How many bytes a number of a kind has.
#[inline]
pub(super) fn size_of_kind(kind: u8) -> Result<usize, Error> {
    match kind {
        U8 | I8 => Ok(1),
        U16 | I16 => Ok(2),
        U32 | I32 | F32 => Ok(4),
        U64 | I64 | F64 => Ok(8),
        _ => Err(Error::malformed("numbers of no known kind")),
    }
}
