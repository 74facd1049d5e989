//! Pickled objects on their way: the stream of bytes, and beside it the large buffers that pickle 5 keeps apart.
//!
//! Pickling itself is done in Python (`manyhands._pickling`). Here the parts are put one after the other, so that they
//! are handed over and freed as one:
//!
//! ```text
//! u64 number of buffers, u64 length of the pickle, u64 length of each buffer; then the pickle, then the buffers, each
//! from a multiple of 64
//! ```
//!
//! The receiver gets private memory: small buffers are copied out, large ones are views of the block.

use crate::errors::from_arena;
use crate::ffi::{SharedBuffer, byte_array, bytes, bytes_of};
use crate::value::{PICKLE, PICKLE_WITH_BUFFERS, Tag};
use manyhands::arena::{Block, Handle, Payload, collect};
use manyhands::executor::Bytes;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyBytes, PyList};
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
pub struct Pickled<'py> {
    stream: Bound<'py, PyBytes>,
    buffers: Vec<PyBuffer<u8>>,
    /// The objects of the arena that it names, which this process refers to now. A message keeps them alive.
    pub objects: Vec<Handle>,
}

/// Pickles with one of `manyhands._pickling`'s functions (`dumps_answer`, `dumps_queued`).
pub fn pickle<'py>(object: &Bound<'py, PyAny>, with: &str) -> PyResult<Pickled<'py>> {
    pickle_by(&pickling(object.py())?.getattr(with)?, object)
}

/// Pickles with a callable that takes the object and a list for its large buffers.
pub fn pickle_by<'py>(with: &Bound<'py, PyAny>, object: &Bound<'py, PyAny>) -> PyResult<Pickled<'py>> {
    let large = PyList::empty(object.py());
    let (stream, objects) = collect(|| with.call1((object, &large)));
    let stream = stream?.cast_into::<PyBytes>()?;
    let raw = |buffer: Bound<'py, PyAny>| PyBuffer::<u8>::get(&buffer.call_method0("raw")?);
    let buffers = large.iter().map(raw).collect::<PyResult<Vec<_>>>()?;
    Ok(Pickled { stream, buffers, objects })
}

impl Pickled<'_> {
    /// Calls `use_them` with the tag and the bytes, in parts. It must not run Python code: that might change a buffer
    /// between the header, which has its length, and its bytes.
    pub fn with_parts<R>(&self, use_them: impl FnOnce(Tag, &[&[u8]]) -> R) -> R {
        let stream = self.stream.as_bytes();
        if self.buffers.is_empty() {
            return use_them(PICKLE, &[stream]);
        }
        let lengths: Vec<usize> = self.buffers.iter().map(|buffer| buffer.len_bytes()).collect();
        let mut header: Vec<u8> = Vec::with_capacity((2 + lengths.len()) * 8);
        for number in [lengths.len(), stream.len()].iter().chain(&lengths) {
            header.extend((*number as u64).to_le_bytes());
        }
        let (starts, _) = places(stream.len(), &lengths);
        let mut end = header.len() + stream.len();
        let mut parts: Vec<&[u8]> = vec![&header, stream];
        for (buffer, start) in self.buffers.iter().zip(starts) {
            parts.push(&[0; ALIGN][..start - end]);
            parts.push(bytes_of(self.stream.py(), buffer));
            end = start + buffer.len_bytes();
        }
        use_them(PICKLE_WITH_BUFFERS, &parts)
    }
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

/// Makes the object of a pickle.
pub fn unpickle<'py>(py: Python<'py>, stream: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    loads(py)?.call1((bytes(py, stream)?,))
}

/// Makes the object of a pickle that arrived with its buffers.
pub fn unpickle_with_buffers(py: Python<'_>, block: Block) -> PyResult<Bound<'_, PyAny>> {
    Arrived::with_buffers(py, block)?.load(py)
}

/// A pickle that arrived. It can be loaded more than once: a signal handler may end an attempt midway, and the next
/// attempt must find the bytes still there.
pub struct Arrived {
    stream: Py<PyBytes>,
    buffers: Option<Py<PyList>>,
    /// The block it came in, which keeps the objects alive that it names.
    _carrier: Option<Block>,
}

impl Arrived {
    /// For a pickle without buffers.
    pub fn new(py: Python<'_>, content: Bytes) -> PyResult<Arrived> {
        let stream = bytes(py, &content)?.unbind();
        let carrier = if let Bytes::Block(block) = content { Some(block) } else { None };
        Ok(Arrived { stream, buffers: None, _carrier: carrier })
    }

    /// For a pickle with its buffers.
    pub fn with_buffers(py: Python<'_>, block: Block) -> PyResult<Arrived> {
        let (stream, buffers, carrier) = parts(py, block)?;
        Ok(Arrived { stream: stream.unbind(), buffers: Some(buffers.unbind()), _carrier: carrier })
    }

    /// Makes the object.
    pub fn load<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stream = self.stream.bind(py);
        match &self.buffers {
            None => loads(py)?.call1((stream,)),
            Some(buffers) => {
                loads(py)?.call((stream,), Some(&[("buffers", buffers.bind(py))].into_py_dict(py)?))
            }
        }
    }
}

/// The stream and the buffers; the block, too, unless the buffers keep it.
fn parts(py: Python<'_>, block: Block) -> PyResult<(Bound<'_, PyBytes>, Bound<'_, PyList>, Option<Block>)> {
    let damaged = || {
        PyValueError::new_err(
            "a message is damaged: something has written over the memory that the processes share",
        )
    };
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
    let stream = bytes(py, &block[stream_start..stream_start + length])?;
    let buffers = PyList::empty(py);
    if block.len() < VIEWED {
        for (start, length) in starts.into_iter().zip(lengths) {
            buffers.append(byte_array(py, &block[start..start + length])?)?;
        }
        return Ok((stream, buffers, Some(block)));
    }
    let payload = Arc::new(Payload::new(block).map_err(from_arena)?);
    for (start, length) in starts.into_iter().zip(lengths) {
        buffers.append(Bound::new(py, SharedBuffer::new(payload.clone(), start, length)?)?)?;
    }
    Ok((stream, buffers, None))
}
