"""What `imap` and `imap_unordered` return, and who feeds it.

A stream gives results one by one while the iterable is still asked for more: at once for a collection, in a thread of
its own for anything that may take time, never more than so many calls ahead of the workers. An iterable that raises
ends its stream with that exception. Knows nothing of how calls are run.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import context

if TYPE_CHECKING:
    from multiprocessing.context import TimeoutError

    from .pool import Pool
else:
    TimeoutError = context.TimeoutError

__all__ = ["Feeder", "IMapIterator", "IMapUnorderedIterator"]

T = TypeVar("T")


class IMapIterator(Generic[T]):
    """The results of `imap`, in order."""

    def __init__(self) -> None:
        self._arrived: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._over = False

    def __iter__(self) -> IMapIterator[T]:
        return self

    def __next__(self) -> T:
        return self.next()

    def next(self, timeout: float | None = None) -> T:
        """The next result; `TimeoutError` when it does not come within `timeout` seconds."""
        if self._over:
            raise StopIteration
        kind, value = self._arrival(timeout)
        if kind == "end":
            self._over = True
            raise StopIteration
        if kind == "error":
            raise value
        return self._result(value, timeout)

    _waiting: Any = None

    def _arrival(self, timeout: float | None) -> tuple[str, Any]:
        if self._waiting is not None:
            return "result", self._waiting
        try:
            return self._arrived.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None

    def _result(self, result: Any, timeout: float | None) -> T:
        # Kept until its answer is there, so that a time-out loses nothing.
        self._waiting = result
        result.wait(timeout)
        if not result.ready():
            raise TimeoutError
        self._waiting = None
        value: T = result.get()
        return value

    # The feeder's side.

    def announce(self) -> int:
        return 0

    def taker(self, place: int) -> tuple[Any, Any]:
        return None, None

    def submitted(self, place: int, result: Any) -> None:
        self._arrived.put(("result", result))

    def fail(self, error: Exception) -> None:
        self._arrived.put(("error", error))

    def end(self) -> None:
        self._arrived.put(("end", None))


class IMapUnorderedIterator(IMapIterator[T]):
    """The results of `imap_unordered`, as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 0
        self._fed = False
        self._lock = threading.Lock()

    def announce(self) -> int:
        with self._lock:
            self._left += 1
        return 0

    def taker(self, place: int) -> tuple[Any, Any]:
        return self._take_value, self._take_error

    def submitted(self, place: int, result: Any) -> None:
        pass

    def _result(self, result: Any, timeout: float | None) -> T:
        value: T = result
        return value

    def _take_value(self, value: Any) -> None:
        self._arrived.put(("result", value))
        self._count()

    def _take_error(self, error: BaseException) -> None:
        self._arrived.put(("error", error))
        self._count()

    def _count(self) -> None:
        with self._lock:
            self._left -= 1
            over = self._fed and not self._left
        if over:
            super().end()

    def end(self) -> None:
        with self._lock:
            self._fed = True
            over = not self._left
        if over:
            super().end()


class Feeder:
    """Submits what an iterable gives: at once for a collection, in its own thread for anything that may take time."""

    #: How many calls may wait for each worker before the iterable is asked for more.
    AHEAD = 32

    def __init__(
        self, pool: Pool, results: IMapIterator[Any], func: Callable[..., Any], iterable: Iterable[Any], chunksize: int
    ) -> None:
        self.pool = pool
        self.results = results
        self.func = func
        self.iterable = iterable
        self.chunksize = chunksize
        self.thread = threading.Thread(target=self.run, name="PoolFeeder", daemon=True)

    def run(self) -> None:
        pool, results = self.pool, self.results
        window: list[Any] = []
        most = self.AHEAD * pool._processes
        patient = threading.current_thread() is self.thread
        try:
            elements = iter(self.iterable)
            while chunk := list(itertools.islice(elements, self.chunksize)):
                result = self.submit(chunk)
                if patient:
                    window.append(result)
                    if len(window) >= most:
                        window.pop(0).wait()
                if pool._is_terminated():
                    break
        except Exception as error:
            results.fail(error)
        finally:
            results.end()

    def submit(self, chunk: list[Any]) -> Any:
        pool, results = self.pool, self.results
        place = results.announce()
        done = results.taker(place)
        if self.chunksize == 1:
            result = pool._call_one(self.func, (chunk[0],), None, *done)
        else:
            result = pool._map_elements(self.func, chunk, len(chunk), False, *done)
        results.submitted(place, result)
        return result
