//! Objects that pickle ships: the bytes, and beside them the large buffers that pickle 5 keeps apart.
//!
//! Pickling itself is Python's (`manyhands._pickling`). Here the parts are laid into one block, so that they are claimed,
//! handed over and freed as one:
//!
//! ```text
//! u64 number of buffers, u64 length of the pickle, u64 length of each buffer; then the pickle, then the buffers, each
//! from a multiple of 64
//! ```
//!
//! What the receiver gets is private memory: small buffers are copied out, large ones are views of the block.

use crate::errors::from_arena;
use crate::ffi::SharedBuffer;
use manyhands::arena::{Arena, Block, Payload};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyByteArray, PyBytes, PyList};
use std::sync::Arc;

/// Blocks from this size on become private views; smaller ones are copied out.
const VIEWED: usize = 1 << 18;
const ALIGN: usize = 64;

static PICKLING: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The Python module that pickles.
pub fn pickling(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    PICKLING
        .get_or_try_init(py, || Ok(py.import("manyhands._pickling")?.unbind()))
        .map(|module| module.bind(py))
}

fn loads(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    LOADS
        .get_or_try_init(py, || Ok(py.import("pickle")?.getattr("loads")?.unbind()))
        .map(|loads| loads.bind(py))
}

/// A pickled object.
pub enum Pickled<'py> {
    /// All in one.
    Whole(Bound<'py, PyBytes>),
    /// With its large buffers, laid into a block.
    WithBuffers(Block),
}

/// Pickles with one of `manyhands._pickling`'s functions (`dumps`, `dumps_anyhow`, ...).
pub fn pickle<'py>(object: &Bound<'py, PyAny>, with: &str) -> PyResult<Pickled<'py>> {
    let py = object.py();
    let large = PyList::empty(py);
    let stream = pickling(py)?.call_method1(with, (object, &large))?.cast_into::<PyBytes>()?;
    if large.is_empty() {
        return Ok(Pickled::Whole(stream));
    }
    let buffers = large
        .iter()
        .map(|buffer| PyBuffer::<u8>::get(&buffer.call_method0("raw")?))
        .collect::<PyResult<Vec<_>>>()?;
    lay_out(py, stream.as_bytes(), &buffers).map(Pickled::WithBuffers)
}

fn lay_out(py: Python<'_>, stream: &[u8], buffers: &[PyBuffer<u8>]) -> PyResult<Block> {
    let lengths: Vec<usize> = buffers.iter().map(|buffer| buffer.len_bytes()).collect();
    let (starts, total) = places(stream.len(), &lengths);
    let mut block = Arena::get().and_then(|arena| arena.claim_block(total)).map_err(from_arena)?;
    let mut header = vec![buffers.len() as u64, stream.len() as u64];
    header.extend(lengths.iter().map(|length| *length as u64));
    for (index, number) in header.iter().enumerate() {
        block[index * 8..index * 8 + 8].copy_from_slice(&number.to_le_bytes());
    }
    let stream_start = header.len() * 8;
    block[stream_start..stream_start + stream.len()].copy_from_slice(stream);
    for (buffer, start) in buffers.iter().zip(starts) {
        buffer.copy_to_slice(py, &mut block[start..start + buffer.len_bytes()])?;
    }
    Ok(block)
}

/// Where each buffer begins, and the length of all.
fn places(stream: usize, lengths: &[usize]) -> (Vec<usize>, usize) {
    let mut end = (2 + lengths.len()) * 8 + stream;
    let mut starts = Vec::with_capacity(lengths.len());
    for length in lengths {
        let start = end.next_multiple_of(ALIGN);
        starts.push(start);
        end = start + length;
    }
    (starts, end)
}

/// The object of a pickle.
pub fn unpickle<'py>(py: Python<'py>, stream: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    loads(py)?.call1((PyBytes::new(py, stream),))
}

/// The object of a pickle that arrived with its buffers.
pub fn unpickle_with_buffers(py: Python<'_>, block: Block) -> PyResult<Bound<'_, PyAny>> {
    let damaged = || PyValueError::new_err("a message of the engine is damaged");
    let number = |index: usize| -> PyResult<usize> {
        let bytes = block.get(index * 8..index * 8 + 8).ok_or_else(damaged)?;
        Ok(u64::from_le_bytes(bytes.try_into().expect("eight bytes")) as usize)
    };
    let count = number(0)?;
    let length = number(1)?;
    let lengths = (0..count).map(|index| number(2 + index)).collect::<PyResult<Vec<_>>>()?;
    let (starts, total) = places(length, &lengths);
    let stream_start = (2 + count) * 8;
    if total > block.len() {
        return Err(damaged());
    }
    let stream = PyBytes::new(py, &block[stream_start..stream_start + length]);
    let buffers = PyList::empty(py);
    if block.len() < VIEWED {
        for (start, length) in starts.into_iter().zip(lengths) {
            buffers.append(PyByteArray::new(py, &block[start..start + length]))?;
        }
    } else {
        let payload = Arc::new(Payload::new(block).map_err(from_arena)?);
        for (start, length) in starts.into_iter().zip(lengths) {
            buffers.append(Bound::new(py, SharedBuffer::new(payload.clone(), start, length)?)?)?;
        }
    }
    loads(py)?.call((stream,), Some(&[("buffers", buffers)].into_py_dict(py)?))
}
