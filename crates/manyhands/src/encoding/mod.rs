//! How values become bytes that another process of the same program reads: a serde format of the engine's own.
//!
//! Every value says what it is and every field what it is called, as in JSON. So a type may leave fields out, flatten,
//! tag or not tag its enums, or be a `serde_json::Value`. The names of a struct are one number, of a table in the
//! arena, and numbers are as short as they can be, so that small values stay small. Rows of numbers are copied in one
//! piece. Bytes left over are an error. The bytes do not travel to another program, another build or another day.
//!
//! ```text
//! tag                                                   the bytes
//! numbers                                               rows of numbers, in one piece
//! writer  containers  record  known  serializer         values to bytes
//! reader  pairs  opening  parts  key  access  answers   bytes to values
//! error                                                 why neither could be done
//! ```

/// Methods of a deserializer to which what is around a value says nothing: a newtype struct is what it holds, and what
/// is there is some of an option.
macro_rules! transparent {
    (option newtype_struct) => {
        fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_some(self)
        }

        transparent! { newtype_struct }
    };
    (newtype_struct) => {
        fn deserialize_newtype_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            visitor: V,
        ) -> Result<V::Value, Error> {
            visitor.visit_newtype_struct(self)
        }
    };
}

mod access;
mod answers;
mod containers;
mod error;
mod key;
mod known;
mod numbers;
mod opening;
mod pairs;
mod parts;
mod reader;
mod record;
mod serializer;
mod tag;
#[cfg(test)]
mod tests;
mod writer;

pub use error::Error;

use known::{Known, with_known};
use reader::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Deref;
use writer::Writer;

/// A thread keeps as much room for the next value as the last one took, up to this.
const KEPT: usize = 256 << 10;

/// Writes a value behind what is in `out`.
///
/// # Errors
/// What the type's own code says.
#[inline]
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    with_known(|known| write_knowing(value, out, known))
}

/// As [`write`], with names spelt out, for a reader that may have no arena yet.
///
/// # Errors
/// As there.
pub(crate) fn write_spelt_out<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    write_knowing(value, out, None)
}

#[inline]
fn write_knowing<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    known: Option<&Known>,
) -> Result<(), Error> {
    let mut writer = Writer::new(std::mem::take(out), known);
    let written = writer.value(value);
    *out = writer.out;
    written
}

/// Room for the bytes of a value, which the thread uses again.
pub(crate) struct Room<'a>(Writer<'a>);

impl Room<'_> {
    /// Writes a value into the room.
    ///
    /// # Errors
    /// As [`write`].
    #[inline]
    pub(crate) fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.0.out.clear();
        self.0.value(value)
    }
}

impl Deref for Room<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0.out
    }
}

/// Runs `code` with room for a value.
#[inline]
pub(crate) fn with_room<R>(code: impl FnOnce(&mut Room<'_>) -> R) -> R {
    with_known(|known| {
        // Code that comes here again while this runs finds the room taken, and makes its own.
        let bytes = known.map(|known| known.room.take()).unwrap_or_default();
        let mut room = Room(Writer::new(bytes, known));
        let done = code(&mut room);
        if let Some(known) = known
            && room.0.out.capacity() <= KEPT
        {
            known.room.set(room.0.out);
        }
        done
    })
}

/// Reads a value, which all the bytes are.
///
/// # Errors
/// When they are none of this type, or more than one value.
#[inline]
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut reader = Reader::new(bytes);
    match reader.value(PhantomData::<T>) {
        Ok(value) if reader.rest.is_empty() => Ok(value),
        Ok(_) => Err(Error::left_over(reader.rest.len())),
        Err(_) if reader.has_read_by_place() => read_by_name(bytes),
        Err(error) => Err(error),
    }
}

/// As [`read`], for a type that may know its fields by name only, as some that were written by hand do.
#[cold]
#[inline(never)]
fn read_by_name<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let shapes = RefCell::new(Vec::new());
    let mut reader = Reader::by_name(bytes, &shapes);
    let value = reader.value(PhantomData::<T>)?;
    if !reader.rest.is_empty() {
        return Err(Error::left_over(reader.rest.len()));
    }
    // From now on this process reads by name what was so read here.
    shapes.borrow().iter().for_each(|shape| shape.read_by_name());
    Ok(value)
}
