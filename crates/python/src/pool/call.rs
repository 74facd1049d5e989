//! A call as bytes: which function, and the arguments, plain or pickled.
//!
//! The tag of a call is its kind and, where the arguments are one value, the value's tag:
//!
//! ```text
//! One       the value is the argument
//! Plain     u8 count, then per argument u8 tag, u32 length, bytes
//! Pickled   a pickle of (arguments, keyword arguments); with function 0 of (function, arguments, keyword arguments)
//! Chunk     a pickle of a list: the function is called with each element; with function 0 of (function, list)
//! Star      as Chunk, each element is a tuple of arguments
//! Ints      i64 each, little-endian: the function is called with each
//! ```

use crate::pickled::Pickled;
use crate::value::{self, Tag};
use manyhands::executor::{NewCall, RawCall, RawPool, SubmitError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyTuple};

/// What the bytes of a call's arguments are.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    One = 0,
    Plain = 1,
    Pickled = 2,
    Chunk = 3,
    Star = 4,
    Ints = 5,
}

impl Kind {
    /// The tag of a call.
    pub fn with(self, value: Tag) -> u32 {
        (self as u32) << 8 | value
    }

    /// Both parts of a call's tag.
    pub fn of(tag: u32) -> Option<(Kind, Tag)> {
        let kinds = [Kind::One, Kind::Plain, Kind::Pickled, Kind::Chunk, Kind::Star, Kind::Ints];
        kinds.into_iter().find(|kind| *kind as u32 == tag >> 8).map(|kind| (kind, tag & 0xff))
    }
}

/// Where a call goes, and what all calls of one submission share.
pub struct Target<'a> {
    pub raw: &'a RawPool,
    /// The function's number; 0 when it comes with each call.
    pub function: u64,
    pub retries: u32,
}

impl Target<'_> {
    #[inline]
    fn submit(&self, tag: u32, arguments: &[&[u8]]) -> Result<RawCall, SubmitError> {
        let call =
            NewCall { function: self.function, tag, arguments, retries: self.retries, ..NewCall::default() };
        self.raw.submit(&call)
    }

    /// Submits a call whose arguments were pickled.
    pub fn pickled(&self, kind: Kind, pickled: &Pickled<'_>) -> Result<RawCall, SubmitError> {
        pickled.with_parts(|tag, parts| self.submit(kind.with(tag), parts))
    }

    /// Submits a call with one plain argument; `None` when it is not plain.
    #[inline]
    pub fn one(&self, argument: &Bound<'_, PyAny>) -> Option<Result<RawCall, SubmitError>> {
        let (tag, bytes) = value::plain(argument)?;
        Some(self.submit(Kind::One.with(tag), &[&bytes]))
    }

    /// Submits a call with plain arguments; `None` when one is not plain.
    #[inline]
    pub fn plain(&self, arguments: &Bound<'_, PyTuple>) -> Option<Result<RawCall, SubmitError>> {
        if arguments.len() == 1 {
            return self.one(&arguments.get_item(0).ok()?);
        }
        let mut bytes = vec![u8::try_from(arguments.len()).ok()?];
        for argument in arguments {
            let (tag, value) = value::plain(&argument)?;
            bytes.push(tag as u8);
            bytes.extend(u32::try_from(value.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(&value);
        }
        Some(self.submit(Kind::Plain.with(0), &[&bytes]))
    }

    /// Submits a chunk of integers; `None` when an element is none of 64 bits.
    pub fn ints(&self, elements: &Bound<'_, PyList>) -> Option<Result<RawCall, SubmitError>> {
        Some(self.submit(Kind::Ints.with(0), &[&packed_ints(elements)?]))
    }
}

/// Integers of 64 bits as bytes; `None` when an element is something else.
pub fn packed_ints(elements: &Bound<'_, PyList>) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(elements.len() * 8);
    for element in elements {
        if !element.is_exact_instance_of::<PyInt>() {
            return None;
        }
        bytes.extend(element.extract::<i64>().ok()?.to_le_bytes());
    }
    Some(bytes)
}

/// The integers of packed bytes.
pub fn unpacked_ints(bytes: &[u8]) -> impl ExactSizeIterator<Item = i64> {
    bytes.chunks_exact(8).map(|eight| i64::from_le_bytes(eight.try_into().expect("eight bytes")))
}

/// The arguments of a call of kind Plain.
pub fn unpacked<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    let damaged = value::damaged;
    let (count, mut rest) = bytes.split_first().ok_or_else(damaged)?;
    let mut arguments = Vec::with_capacity(usize::from(*count));
    for _ in 0..*count {
        let (head, tail) = rest.split_at_checked(5).ok_or_else(damaged)?;
        let length = u32::from_le_bytes(head[1..].try_into().expect("four bytes")) as usize;
        let (value, tail) = tail.split_at_checked(length).ok_or_else(damaged)?;
        arguments.push(value::object(py, Tag::from(head[0]), value)?.ok_or_else(damaged)?);
        rest = tail;
    }
    PyTuple::new(py, arguments)
}
