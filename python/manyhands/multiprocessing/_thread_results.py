"""The results of a thread pool: of one call, or of the calls of a map.

The value or the exception is the very object. A result is there when its callback has run; of a map's, when all calls
have their answers. What is ours in them has names that no program uses: programs keep attributes of their own there.
"""

from __future__ import annotations

import contextlib
import sys
from _thread import allocate_lock

from manyhands import _engine
from manyhands._bare import without_annotations
from manyhands.futures import Future, InvalidStateError

from . import context
from ._opened_pool import ResultEvent, our_results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ._thread_pool import ThreadPool

__all__ = ["ThreadMapResult", "ThreadResult"]


_Future: Any = _engine.Future


class ThreadResult:
    """The result of a call, or of several that make one."""

    #: Whether the callbacks are called.
    _manyhands_tells = True

    def __init__(
        self,
        pool: ThreadPool,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
    ) -> None:
        # The pool stays until the calls are over.
        self._pool: ThreadPool | None = pool
        self._callback, self._error_callback = callback, error_callback
        self._manyhands_future: Future[Any] = Future()
        pool._manyhands.results.add(self)

    def _manyhands_answer(self, is_value: bool, answer: Any) -> None:
        pool, self._pool = self._pool, None
        callback = None
        if pool is not None:
            pool._manyhands.results.discard(self)
            callback = self._callback if is_value else self._error_callback
        del pool
        if callback is not None and self._manyhands_tells:
            try:
                callback(answer)
            except Exception:
                sys.excepthook(*sys.exc_info())
        del callback
        try:
            if is_value:
                # Not by methods that a program has given to futures: this one is ours alone.
                _Future.set_result(self._manyhands_future, answer)
            else:
                _Future.set_exception(self._manyhands_future, answer)
        except InvalidStateError:
            pass

    def ready(self) -> bool:
        """Whether the result is there."""
        return self._manyhands_future.done()

    def successful(self) -> bool:
        """Whether the call raised nothing; ValueError when the result is not there yet."""
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._manyhands_future.exception() is None

    def wait(self, timeout: float | None = None) -> None:
        """Waits until the result is there, or for `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            self._manyhands_future.exception(timeout)

    def get(self, timeout: float | None = None) -> Any:
        """The result; raises what the call raised, or `multiprocessing.TimeoutError`."""
        self.wait(timeout)
        if not self.ready():
            raise context.BaseContext.TimeoutError
        return self._manyhands_future.result()

    @property
    def _success(self) -> bool:
        _check_there(self, "_success")
        return self.successful()

    @property
    def _value(self) -> Any:
        _check_there(self, "_value")
        error = self._manyhands_future.exception()
        return self._manyhands_future.result() if error is None else error

    def __dir__(self) -> list[str]:
        # A manager reads all of them.
        return [name for name in super().__dir__() if hasattr(self, name)]

    @property
    def _event(self) -> ResultEvent:
        return ResultEvent(self)


def _check_there(result: ThreadResult, attribute: str) -> None:
    if not result.ready():
        raise AttributeError(f"{type(result).__name__!r} object has no attribute {attribute!r}")


class ThreadMapResult(ThreadResult):
    """The result of a map: the list that the lists of its calls make."""

    def __init__(
        self,
        pool: ThreadPool,
        calls: int,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
    ) -> None:
        super().__init__(pool, callback, error_callback)
        self._manyhands_parts = _Parts(self, calls)
        if not calls:
            # As in the standard library nobody is told of a map of nothing.
            self._manyhands_tells = False
            self._manyhands_answer(True, [])

    #: How many elements go into each call.
    _chunksize = 0

    @property
    def _number_left(self) -> int:
        """How many calls have no answer yet."""
        return self._manyhands_parts.left


our_results.append(ThreadResult)
# As programs know them.
for _kind, _name in ((ThreadResult, "ApplyResult"), (ThreadMapResult, "MapResult")):
    _kind.__name__ = _kind.__qualname__ = _name


class _Parts:
    """The answers that make a map's result. All are waited for, and the first error tells."""

    def __init__(self, result: ThreadMapResult, calls: int) -> None:
        # Until all are there: what is to be called then stands in it.
        self._result = result if calls else None
        self._lock = allocate_lock()
        self.left = calls
        self._all: list[Any] = [None] * calls
        self._error: Any = None

    def answer(self, number: int, is_value: bool, answer: Any) -> None:
        """Takes the answer of the call with that number."""
        with self._lock:
            if is_value:
                self._all[number] = answer
            elif self._error is None:
                self._error = answer
            self.left -= 1
            if self.left:
                return
        parts, self._all = self._all, []
        error, self._error = self._error, None
        result, self._result = self._result, None
        assert result is not None, "a call has one answer"
        if error is not None:
            result._manyhands_answer(False, error)
        else:
            result._manyhands_answer(True, [element for part in parts for element in part])


without_annotations(globals())
