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
//! Steps     i64 first, i64 step, u64 count: the same for the numbers of a `range`
//! ```

use crate::pickled::Pickled;
use crate::value::{self, Tag};
use manyhands::arena::Handle;
use manyhands::executor::{NewCall, RawCall, RawPool, SubmitError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyRange, PyTuple};

/// What the bytes of a call's arguments are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    One,
    Plain,
    Pickled,
    Chunk,
    Star,
    Ints,
    Steps,
}

impl Kind {
    /// The tag of a call.
    pub fn with(self, value: Tag) -> u32 {
        (self as u32) << 8 | value
    }

    /// Both parts of a call's tag.
    pub fn of(tag: u32) -> Option<(Kind, Tag)> {
        use Kind::{Chunk, Ints, One, Pickled, Plain, Star, Steps};
        let kinds = [One, Plain, Pickled, Chunk, Star, Ints, Steps];
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
        self.submit_naming(tag, arguments, &[])
    }

    /// Submits a call whose arguments name these objects of the arena.
    #[inline]
    fn submit_naming(
        &self,
        tag: u32,
        arguments: &[&[u8]],
        objects: &[Handle],
    ) -> Result<RawCall, SubmitError> {
        let (function, retries) = (self.function, self.retries);
        self.raw.submit(&NewCall { function, tag, arguments, objects, retries })
    }

    /// Submits a call whose arguments were pickled.
    pub fn pickled(&self, kind: Kind, pickled: &Pickled<'_>) -> Result<RawCall, SubmitError> {
        pickled.with_parts(|tag, parts| self.submit_naming(kind.with(tag), parts, &pickled.objects))
    }

    /// Submits a call with one plain argument; `None` when it is not plain.
    #[inline]
    pub fn one(&self, argument: &Bound<'_, PyAny>) -> Option<Result<RawCall, SubmitError>> {
        let (tag, bytes) = value::plain(argument)?;
        Some(self.submit(Kind::One.with(tag), &[&bytes]))
    }

    /// Submits a call with plain arguments; `None` when one is not plain, or they are long: copying these may need more
    /// memory than there is, and pickle can say so.
    #[inline]
    pub fn plain(&self, arguments: &Bound<'_, PyTuple>) -> Option<Result<RawCall, SubmitError>> {
        if arguments.len() == 1 {
            return self.one(&arguments.get_item(0).ok()?);
        }
        let mut bytes = vec![u8::try_from(arguments.len()).ok()?];
        for argument in arguments {
            let (tag, value) = value::plain(&argument)?;
            if value.len() > LONG {
                return None;
            }
            bytes.push(tag as u8);
            bytes.extend(u32::try_from(value.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(&value);
        }
        Some(self.submit(Kind::Plain.with(0), &[&bytes]))
    }

    /// Submits a chunk of integers; `None` when an element is none of 64 bits.
    pub fn ints(
        &self,
        elements: &Bound<'_, PyList>,
        start: usize,
        end: usize,
    ) -> Option<Result<RawCall, SubmitError>> {
        let mut packed = PackedInts::with_capacity(end - start);
        for index in start..end {
            // The list is the caller's: it may be shorter by now.
            packed.push(&elements.get_item(index).ok()?).ok()?;
        }
        Some(self.submit(Kind::Ints.with(0), &[packed.as_bytes()]))
    }

    /// Submits the numbers of a part of a `range`.
    pub fn steps(&self, steps: &Steps) -> Result<RawCall, SubmitError> {
        self.submit(Kind::Steps.with(0), &[&steps.to_bytes()])
    }
}

/// Longer arguments are not gathered in a vector.
const LONG: usize = 1 << 16;

/// Integers of 64 bits as bytes.
#[derive(Default)]
pub struct PackedInts(Vec<u8>);

/// The object is no integer of 64 bits.
pub struct NotAnInt;

impl PackedInts {
    /// With room for so many.
    pub fn with_capacity(count: usize) -> PackedInts {
        PackedInts(Vec::with_capacity(count * 8))
    }

    /// Adds a number.
    #[inline]
    pub fn push(&mut self, element: &Bound<'_, PyAny>) -> Result<(), NotAnInt> {
        if !element.is_exact_instance_of::<PyInt>() {
            return Err(NotAnInt);
        }
        // Without memory for it, there may be some in another way, and an exception if not.
        self.0.try_reserve(8).map_err(|_| NotAnInt)?;
        self.0.extend(element.extract::<i64>().map_err(|_| NotAnInt)?.to_le_bytes());
        Ok(())
    }

    /// The bytes that [`unpacked_ints`] reads.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The numbers of a `range`, or of a part of it: all of 64 bits.
#[derive(Clone, Copy)]
pub struct Steps {
    first: i64,
    step: i64,
    count: u64,
}

/// A larger `range` has to become a list first, which tells whether there is memory for so many results.
const MOST_STEPS: u64 = 1 << 24;

impl Steps {
    /// Those of an object; `None` when it is no `range`, or one of larger numbers, or of too many.
    pub fn of(elements: &Bound<'_, PyAny>) -> Option<Steps> {
        let range = elements.cast_exact::<PyRange>().ok()?;
        let count = range.len().ok()? as u64;
        let number = |name| range.getattr(name).and_then(|number| number.extract::<i64>()).ok();
        match (number("start"), number("stop"), number("step")) {
            (Some(first), Some(_), Some(step)) if count <= MOST_STEPS => Some(Steps { first, step, count }),
            _ => None,
        }
    }

    /// Parts of at most so many numbers.
    pub fn chunks(self, size: usize) -> impl Iterator<Item = Steps> {
        let size = size as u64;
        (0..self.count.div_ceil(size)).map(move |index| Steps {
            // Inside the range, so it cannot overflow.
            first: self.first.wrapping_add(self.step.wrapping_mul((index * size) as i64)),
            step: self.step,
            count: size.min(self.count - index * size),
        })
    }

    fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.first.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.step.to_le_bytes());
        bytes[16..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }

    /// What [`Target::steps`] sent, as a `range`.
    pub fn unpacked<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let numbers: Vec<i64> = unpacked_ints(bytes).collect();
        let [first, step, count] = numbers[..] else { return Err(value::damaged()) };
        // The end may be a number that 64 bits cannot hold.
        let end = i128::from(first) + i128::from(step) * i128::from(count as u64);
        py.get_type::<PyRange>().call1((first, end, step))
    }
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
