//! Sequences and maps on their way into bytes, and serde's traits for them.
//!
//! What is counted is what was written, not what the type said that it would write.
//! Structs are in [`record`](super::record).

use super::error::Error;
use super::numbers;
use super::tag;
use super::writer::Writer;
use crate::platform::numbers::Number;
use serde::ser::{self, Serialize};

/// A sequence or map whose header is written.
pub(super) struct Container<'w, 'a> {
    writer: &'w mut Writer<'a>,
    form: Form,
    header: Header,
    count: usize,
}

/// Where a container's header is, and how many elements it says that there are.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) start: usize,
    pub(super) said: usize,
}

/// How the header of a kind of container is written.
#[derive(Clone, Copy)]
pub(super) struct Form {
    short: u8,
    short_end: u8,
    long: u8,
}

impl Form {
    #[inline]
    fn is_short(self, count: usize) -> bool {
        count < usize::from(self.short_end - self.short)
    }
}

pub(super) const SEQUENCE: Form =
    Form { short: tag::SEQUENCE, short_end: tag::SEQUENCE_END, long: tag::LONG_SEQUENCE };
pub(super) const STRUCT: Form =
    Form { short: tag::STRUCT, short_end: tag::STRUCT_END, long: tag::LONG_STRUCT };
pub(super) const MAP: Form = Form { short: tag::MAP, short_end: tag::MAP_END, long: tag::LONG_MAP };

impl<'a> Writer<'a> {
    /// Begins a container.
    #[inline(always)]
    pub(super) fn header(&mut self, form: Form, said: usize) -> Header {
        let start = self.out.len();
        if form.is_short(said) {
            self.out.push(form.short + said as u8);
        } else {
            self.length(form.long, said);
        }
        Header { start, said }
    }

    /// Ends a container that has so many elements, whatever its header says.
    #[inline]
    pub(super) fn correct(&mut self, form: Form, header: Header, count: usize) {
        if count != header.said {
            self.replace(form, header, count);
        }
    }

    #[cold]
    fn replace(&mut self, form: Form, Header { start, said }: Header, count: usize) {
        let end = self.out.len();
        self.header(form, count);
        // The new header goes in the place of the old one.
        let length = self.out.len() - end;
        self.out[start..].rotate_right(length);
        let old = if form.is_short(said) { 1 } else { 9 };
        self.out.drain(start + length..start + length + old);
    }

    #[inline(always)]
    pub(super) fn container<'w>(&'w mut self, form: Form, said: usize) -> Container<'w, 'a> {
        let header = self.header(form, said);
        Container { writer: self, form, header, count: 0 }
    }
}

impl Container<'_, '_> {
    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.count += 1;
        self.writer.value(value)
    }

    /// An element that is a row of numbers, if it is best written as one.
    #[inline]
    pub(super) fn row(&mut self, kind: Number, numbers: &[u8]) -> bool {
        let is_written = numbers::write_row(kind, numbers, &mut self.writer.out);
        self.count += usize::from(is_written);
        is_written
    }

    #[inline]
    pub(super) fn finish(self) -> Result<(), Error> {
        self.writer.correct(self.form, self.header, self.count);
        Ok(())
    }
}

/// Serde's names for a sequence, and what each calls an element.
macro_rules! sequences {
    ($($sequence:ident $element:ident;)*) => {$(
        impl ser::$sequence for Container<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

sequences! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

impl ser::SerializeMap for Container<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.writer.value(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}
