"""`Executor.map` for every executor: results in order, of calls that are handed in ahead.

Without a buffer's size all calls are handed in at once, as in the standard library; with one never more than so many
are ahead of the result that is asked for. What is left when nobody asks on is withdrawn.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from ._base import Future

    T = TypeVar("T")


def check_buffersize(buffersize: object) -> None:
    """Raises what the standard library does when a buffer's size makes no sense."""
    if buffersize is not None and not isinstance(buffersize, int):
        raise TypeError("buffersize must be an integer or None")
    if buffersize is not None and buffersize < 1:
        raise ValueError("buffersize must be None or > 0")


def in_order(handed_in: Iterator[Future[T]], timeout: float | None, buffersize: int | None) -> Iterator[T]:
    """The results of calls that are handed in when `handed_in` is asked for them."""
    end = None if timeout is None else time.monotonic() + timeout
    return _results(deque(islice(handed_in, buffersize)), handed_in, end)


def _results(ahead: deque[Future[T]], handed_in: Iterator[Future[T]], end: float | None) -> Iterator[T]:
    try:
        while ahead:
            ahead.extend(islice(handed_in, 1))
            # Nothing here keeps a result that is given away.
            yield _result(ahead.popleft(), None if end is None else end - time.monotonic())
    finally:
        for future in ahead:
            future.cancel()


def _result(future: Future[T], timeout: float | None) -> T:
    try:
        try:
            return future.result(timeout)
        finally:
            future.cancel()
    finally:
        # An exception's traceback leads here, and the future to the exception.
        del future


def one_by_one(lists: Iterator[list[T]]) -> Iterator[T]:
    """The elements of lists, each given away."""
    for elements in lists:
        elements.reverse()
        while elements:
            yield elements.pop()


def chunks(elements: Iterator[Any], chunksize: int) -> Iterator[list[Any]]:
    """Lists of so many elements each."""
    while chunk := list(islice(elements, chunksize)):
        yield chunk


def submitted(executor: Any, fn: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Future[T]]:
    """Calls that are handed in by the executor's `submit`, whosever that is."""
    # The executor stays while there is something to hand in, also when the program has kept the results alone.
    for each in arguments:
        future: Any = executor.submit(fn, *each)
        yield future
        del future
