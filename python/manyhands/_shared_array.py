"""Arrays whose memory all processes share: what one process writes there the others see at once.

An array travels to other processes at any time, as an argument, a result, or in a queue, and so does any view of it. It
is not its elements that go, but the name of its memory, and a message keeps the memory alive on its way. It is freed
when the last array on it in any process is gone, or was killed. Nothing orders what processes write; locks and queues
do.

What is computed from such an array, and every copy of it, is an ordinary array with memory of its own.
"""

from __future__ import annotations

import math

import numpy

from . import _engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["SharedArray", "shared_array"]


class SharedArray(numpy.ndarray):
    """A numpy array in shared memory. It pickles by the name of its memory."""

    _memory: Any

    def __array_finalize__(self, parent: Any) -> None:
        # Of a copy, or a result, it is the memory of another array: `_is_shared` says so.
        self._memory = getattr(parent, "_memory", None)

    def _place(self) -> int | None:
        """How many bytes from the beginning of the shared memory the array begins; `None` when it is not all there."""
        memory = self._memory
        if memory is None:
            return None
        low, high = _bounds(self)
        if memory.address <= low and high <= memory.address + len(memory):
            place: int = self.__array_interface__["data"][0] - memory.address
            return place
        return None

    def __reduce_ex__(self, protocol: Any) -> Any:
        place = self._place()
        if place is None:
            return self.view(numpy.ndarray).__reduce_ex__(protocol)
        _engine.note_shared(self._memory.handle)
        kind = type(self)
        return _array_at, (kind, self._memory.handle, place, self.shape, self.dtype, self.strides)

    def __reduce__(self) -> Any:
        return self.__reduce_ex__(2)

    def __deepcopy__(self, memo: Any) -> Any:
        return numpy.array(self, subok=False)


#: Where an array begins and ends. Its place has changed with numpy 2.
_bounds: Any = getattr(numpy.lib, "array_utils", numpy).byte_bounds


def _over(kind: type[SharedArray], memory: Any, place: int, shape: Any, dtype: Any, strides: Any) -> SharedArray:
    array = kind(shape, dtype, memory, place, strides)
    array._memory = memory
    return array


def _array_at(kind: type[SharedArray], handle: int, place: int, shape: Any, dtype: Any, strides: Any) -> SharedArray:
    return _over(kind, _engine.SharedMemory(0, handle), place, shape, dtype, strides)


def shared_array(shape: int | tuple[int, ...], dtype: Any = float) -> SharedArray:
    """A new array of zeros in memory that all processes share."""
    kind = numpy.dtype(dtype)
    if kind.hasobject:
        raise TypeError(f"an array of {kind} cannot be shared: objects exist in one process only")
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(length < 0 for length in lengths):
        raise ValueError("negative dimensions are not allowed")
    memory = _engine.SharedMemory(math.prod(lengths) * kind.itemsize)
    return _over(SharedArray, memory, 0, lengths, kind, None)
