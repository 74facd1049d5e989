//! Tuples of plain values as bytes: what most calls of a manager and their answers are.
//!
//! An item is a byte that says what it is, and its content. `value` has the tags of plain values; a string or bytes
//! begin with their length. Nothing here can be changed, so it does not matter whether two items were one object.
//! Whatever has anything else in it is pickled.

use crate::value::{self, BYTES, FALSE, FLOAT, INT, NONE, STR, TRUE, damaged};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// A tuple: how many items, and these.
const TUPLE: u8 = 16;
/// A dictionary without items, as the named arguments of most calls: the last of the outermost tuple, and nothing else
/// that could be the same object.
const NO_ITEMS: u8 = 17;

/// More bytes are better pickled, which does not copy large ones.
const MOST: usize = 2048;
/// Tuples within tuples.
const DEPTH: u32 = 4;

/// Appends the object's bytes; `false` when it has to be pickled, whatever was appended.
pub fn write(object: &Bound<'_, PyAny>, bytes: &mut Vec<u8>) -> bool {
    write_within(object, bytes, DEPTH, false)
}

fn write_within(object: &Bound<'_, PyAny>, bytes: &mut Vec<u8>, depth: u32, is_last: bool) -> bool {
    if let Ok(items) = object.cast_exact::<PyTuple>() {
        bytes.push(TUPLE);
        bytes.extend((items.len() as u32).to_le_bytes());
        let count = items.len();
        return depth > 0
            && items
                .iter_borrowed()
                .enumerate()
                .all(|(at, item)| write_within(&item, bytes, depth - 1, depth == DEPTH && at + 1 == count));
    }
    if let Ok(items) = object.cast_exact::<PyDict>() {
        bytes.push(NO_ITEMS);
        return is_last && items.is_empty();
    }
    let Some((tag, content)) = value::plain(object) else { return false };
    bytes.push(tag as u8);
    if matches!(tag, STR | BYTES) {
        bytes.extend((content.len() as u32).to_le_bytes());
    }
    if bytes.len() + content.len() > MOST {
        return false;
    }
    bytes.extend_from_slice(&content);
    true
}

/// The object of these bytes.
///
/// # Errors
/// When nothing of ours wrote them.
pub fn read<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut rest = bytes;
    let object = read_within(py, &mut rest, DEPTH + 1)?;
    if rest.is_empty() { Ok(object) } else { Err(damaged()) }
}

fn taken<'b>(rest: &mut &'b [u8], count: usize) -> PyResult<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(count).ok_or_else(damaged)?;
    *rest = left;
    Ok(taken)
}

fn length(rest: &mut &[u8]) -> PyResult<usize> {
    let bytes = taken(rest, 4)?.try_into().expect("four bytes");
    Ok(u32::from_le_bytes(bytes) as usize)
}

fn read_within<'py>(py: Python<'py>, rest: &mut &[u8], depth: u32) -> PyResult<Bound<'py, PyAny>> {
    let kind = taken(rest, 1)?[0];
    let count = match u32::from(kind) {
        _ if kind == NO_ITEMS => return Ok(PyDict::new(py).into_any()),
        _ if kind == TUPLE => {
            let count = length(rest)?;
            // Each item takes a byte at least.
            if depth == 0 || count > rest.len() {
                return Err(damaged());
            }
            let items = (0..count).map(|_| read_within(py, rest, depth - 1)).collect::<PyResult<Vec<_>>>()?;
            return Ok(PyTuple::new(py, items)?.into_any());
        }
        NONE | FALSE | TRUE => 0,
        INT | FLOAT => 8,
        STR | BYTES => length(rest)?,
        _ => return Err(damaged()),
    };
    value::object(py, u32::from(kind), taken(rest, count)?)?.ok_or_else(damaged)
}
