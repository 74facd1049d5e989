//! What values are made of as bytes: numbers, texts, names and shapes.
//!
//! Serde's serializer, which is made of these, is in [`serializer`](super::serializer). See [`tag`](super::tag) for the
//! bytes.

use super::error::Error;
use super::known::{Known, Lesson};
use super::{numbers, tag};
use crate::arena::Shape;
use serde::ser::Serialize;

/// Writes one value behind the bytes that are there.
pub(super) struct Writer<'a> {
    pub(super) out: Vec<u8>,
    pub(super) known: Option<&'a Known>,
    /// What is to be learnt from structs that are being written, the innermost first.
    pub(super) lesson: Option<Box<Lesson>>,
}

impl<'a> Writer<'a> {
    /// One that knows no names spells them out.
    pub(super) fn new(out: Vec<u8>, known: Option<&'a Known>) -> Writer<'a> {
        Writer { out, known, lesson: None }
    }

    /// Writes a value, a row of numbers in one piece.
    #[inline(always)]
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if numbers::write(value, &mut self.out) { Ok(()) } else { value.serialize(self) }
    }

    #[inline]
    pub(super) fn one(&mut self, byte: u8) -> Result<(), Error> {
        self.out.push(byte);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) -> Result<(), Error> {
        // In one piece, so that there is one look at the room.
        let mut all = [0; 17];
        all[0] = tag;
        all[1..=N].copy_from_slice(&bytes);
        self.out.extend_from_slice(&all[..=N]);
        Ok(())
    }

    #[inline]
    pub(super) fn unsigned(&mut self, number: u64) -> Result<(), Error> {
        if number < u64::from(tag::POSITIVE_END) {
            self.one(number as u8)
        } else if number <= u64::from(u8::MAX) {
            self.tagged(tag::U8, [number as u8])
        } else if number <= u64::from(u16::MAX) {
            self.tagged(tag::U16, (number as u16).to_ne_bytes())
        } else if number <= u64::from(u32::MAX) {
            self.tagged(tag::U32, (number as u32).to_ne_bytes())
        } else {
            self.tagged(tag::U64, number.to_ne_bytes())
        }
    }

    #[inline]
    pub(super) fn signed(&mut self, number: i64) -> Result<(), Error> {
        if number >= 0 {
            self.unsigned(number as u64)
        } else if number >= -8 {
            self.one(tag::NEGATIVE_END.wrapping_add(number as u8))
        } else if number >= i64::from(i8::MIN) {
            self.tagged(tag::I8, (number as i8).to_ne_bytes())
        } else if number >= i64::from(i16::MIN) {
            self.tagged(tag::I16, (number as i16).to_ne_bytes())
        } else if number >= i64::from(i32::MIN) {
            self.tagged(tag::I32, (number as i32).to_ne_bytes())
        } else {
            self.tagged(tag::I64, number.to_ne_bytes())
        }
    }

    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) {
        self.text_header(text.len());
        self.out.extend_from_slice(text);
    }

    #[inline]
    pub(super) fn text_header(&mut self, length: usize) {
        if length < usize::from(tag::TEXT_END - tag::TEXT) {
            self.out.push(tag::TEXT + length as u8);
        } else if length <= usize::from(u8::MAX) {
            self.out.extend_from_slice(&[tag::SHORT_TEXT, length as u8]);
        } else {
            self.length(tag::LONG_TEXT, length);
        }
    }

    pub(super) fn length(&mut self, tag: u8, length: usize) {
        self.out.push(tag);
        self.out.extend_from_slice(&(length as u64).to_ne_bytes());
    }

    /// Writes the name of a field or variant.
    #[inline]
    pub(super) fn name(&mut self, name: &'static str) {
        match self.known.and_then(|known| known.number(name)) {
            Some(number) if number < u16::from(tag::NAME_END) => self.out.push(number as u8),
            Some(number) => {
                self.out.push(tag::LONG_NAME);
                self.out.extend_from_slice(&number.to_ne_bytes());
            }
            None => {
                self.length(tag::TEXT_NAME, name.len());
                self.out.extend_from_slice(name.as_bytes());
            }
        }
    }

    /// Writes the first part of a struct of a shape.
    #[inline(always)]
    pub(super) fn shape(&mut self, first: u8, shape: &'static Shape) {
        let number = shape.number();
        if number < u16::from(tag::LONG_SHAPE) {
            self.out.extend_from_slice(&[first, number as u8]);
        } else {
            self.long_shape(first, number);
        }
    }

    #[cold]
    fn long_shape(&mut self, first: u8, number: u16) {
        self.out.extend_from_slice(&[first, tag::LONG_SHAPE]);
        self.out.extend_from_slice(&number.to_ne_bytes());
    }
}
