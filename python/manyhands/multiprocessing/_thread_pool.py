"""`ThreadPool`: the interface of `Pool`, with threads of this process for workers.

Calls wait in a queue of the engine's; nothing is pickled, and results and exceptions are the very objects. The workers
are daemons, as the standard library's are: a pool that is neither closed nor joined does not keep the program from its
end. A result is there when its callback has run.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import weakref
from _thread import allocate_lock

from manyhands import _engine
from manyhands._bare import without_annotations
from manyhands.futures import Future, InvalidStateError
from manyhands.queue import Empty, SimpleQueue

from . import context
from ._opened_pool import ResultEvent
from .pool import RUN, Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeAlias

    _Work: TypeAlias = "tuple[Callable[[bool, Any], None], Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]"
else:
    from manyhands import threading

__all__ = ["ThreadPool", "ThreadResult"]

#: How often a worker's initializer is tried: some two seconds in all.
_ATTEMPTS = 24


class _Calls(SimpleQueue["_Work | None"]):
    """The calls that no thread has begun with."""

    #: Whether none is to be begun any more.
    terminated = False


class ThreadPool(Pool):
    """Threads that run calls."""

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        if processes is None:
            processes = getattr(os, "process_cpu_count", os.cpu_count)() or 1
        if processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._processes = self._wanted = processes
        self._make_inside()
        #: The results that are not there yet.
        self._results: set[ThreadResult] = set()
        self._calls = _Calls()
        self._end_workers = weakref.finalize(self, _end_workers, self._calls, processes)
        self._end_workers.atexit = False
        self._finalize: Any = self._drop_calls
        self._threads: list[threading.Thread] = []
        beginning = _Beginning(self._threads, self._calls, initializer, tuple(initargs), processes)
        for _ in range(processes):
            beginning.start()
        self._state = RUN

    @property
    def _pool(self) -> list[Any]:
        return [thread for thread in self._threads if thread.is_alive()]

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        """`apply` without waiting."""
        self._check_running()
        return self._call_one(func, tuple(args or ()), kwds, callback, error_callback)

    def _call_one(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        result = ThreadResult(self, 1, callback, error_callback)
        self._calls.put((result._answer, func, args, kwds or {}))
        return result

    def _map_elements(
        self,
        func: Callable[..., Any],
        elements: Sequence[Any],
        chunksize: int,
        star: bool,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        starts = range(0, len(elements), chunksize)
        result = ThreadMapResult(self, len(starts), callback, error_callback)
        result._chunksize = chunksize
        run, put = _chunk_of_tuples if star else _chunk, self._calls.put
        # All before the first is put: a pool that is terminated next has hardly begun with them.
        works: list[_Work] = [
            (result.part(number), run, (func, elements[start : start + chunksize]), {})
            for number, start in enumerate(starts)
        ]
        for work in works:
            put(work)
        return result

    def _check_running(self) -> None:
        if self._state != RUN:
            raise _engine.refused_by(ValueError("Pool not running"), self)

    def _close(self) -> None:
        self._end_workers()

    @property
    def _waiting(self) -> int:
        return self._calls.qsize()

    @property
    def _unanswered(self) -> int:
        return len(self._results)

    def _drop_calls(self) -> None:
        """Terminated: what no thread has begun with fails, the rest is run to its end."""
        self._calls.terminated = True
        try:
            while True:
                work = self._calls.get_nowait()
                if work is not None:
                    work[0](False, _not_begun())
        except Empty:
            pass
        # Perhaps those that a close put there are gone now.
        _end_workers(self._calls, self._processes)

    def join(self) -> None:
        """Waits until the threads have ended. Close or terminate first."""
        if self._state == RUN:
            raise ValueError("Pool is still running")
        for feeder in self._feeders:
            feeder.hurry()
            feeder.thread.join()
        self._close()
        for thread in self._threads:
            thread.join()


class ThreadResult:
    """The result of a call, or of several that make one."""

    def __init__(
        self,
        pool: ThreadPool,
        calls: int,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
    ) -> None:
        # The pool stays until the calls are over.
        self._pool: ThreadPool | None = pool
        self._callbacks = (callback, error_callback)
        self._future: Future[Any] = Future()
        pool._results.add(self)

    #: An instance of `ApplyResult`.
    _is_result = True

    def _answer(self, is_value: bool, answer: Any) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool._results.discard(self)
        del pool
        callback, self._callbacks = self._callbacks[0 if is_value else 1], (None, None)
        if callback is not None:
            try:
                callback(answer)
            except Exception:
                sys.excepthook(*sys.exc_info())
        try:
            if is_value:
                self._future.set_result(answer)
            else:
                self._future.set_exception(answer)
        except InvalidStateError:
            pass

    def ready(self) -> bool:
        """Whether the result is there."""
        return self._future.done()

    def successful(self) -> bool:
        """Whether the call raised nothing; ValueError when the result is not there yet."""
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._future.exception() is None

    def wait(self, timeout: float | None = None) -> None:
        """Waits until the result is there, or for `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            self._future.exception(timeout)

    def get(self, timeout: float | None = None) -> Any:
        """The result; raises what the call raised, or `multiprocessing.TimeoutError`."""
        self.wait(timeout)
        if not self.ready():
            raise context.BaseContext.TimeoutError
        return self._future.result()

    _gather = get

    @property
    def _success(self) -> bool:
        self._check_there("_success")
        return self.successful()

    @property
    def _value(self) -> Any:
        self._check_there("_value")
        error = self._future.exception()
        return self._future.result() if error is None else error

    def _check_there(self, attribute: str) -> None:
        if not self.ready():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")

    def __dir__(self) -> list[str]:
        # A manager reads all of them.
        return [name for name in super().__dir__() if hasattr(self, name)]

    @property
    def _event(self) -> ResultEvent:
        return ResultEvent(self)


class ThreadMapResult(ThreadResult):
    """The result of a map: the list that the lists of its calls make."""

    def __init__(
        self,
        pool: ThreadPool,
        calls: int,
        callback: Callable[[Any], object] | None,
        error_callback: Callable[[BaseException], object] | None,
    ) -> None:
        super().__init__(pool, calls, callback, error_callback)
        self._lock = allocate_lock()
        self._left = calls
        self._parts: list[Any] = [None] * calls
        self._error: Any = None
        if not calls:
            # As in the standard library nobody is told of a map of nothing.
            self._callbacks = (None, None)
            self._answer(True, [])

    #: How many elements go into each call.
    _chunksize = 0

    @property
    def _number_left(self) -> int:
        """How many calls have no answer yet."""
        return self._left

    def part(self, number: int) -> Callable[[bool, Any], None]:
        """Takes the answer of the call with that number. All are waited for, and the first error tells."""

        def answer(is_value: bool, answer: Any) -> None:
            with self._lock:
                if is_value:
                    self._parts[number] = answer
                elif self._error is None:
                    self._error = answer
                self._left -= 1
                if self._left:
                    return
            parts, self._parts = self._parts, []
            if self._error is not None:
                error, self._error = self._error, None
                self._answer(False, error)
            else:
                self._answer(True, [element for part in parts for element in part])

        return answer


def _chunk(func: Callable[[Any], Any], elements: Iterable[Any]) -> list[Any]:
    return [func(element) for element in elements]


def _chunk_of_tuples(func: Callable[..., Any], elements: Iterable[Iterable[Any]]) -> list[Any]:
    return [func(*element) for element in elements]


class _Beginning:
    """How the workers of a pool begin. One whose initializer raises has another thread try after a pause that grows, so
    often; when none is left that could still begin, the last one fails the calls."""

    def __init__(
        self,
        threads: list[threading.Thread],
        calls: _Calls,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        workers: int,
    ) -> None:
        self._threads = threads
        self._calls = calls
        self._initializer = initializer
        self._initargs = initargs
        self._hopeful = workers
        self._lock = allocate_lock()

    def start(self, failed: int = 0) -> None:
        """Starts a worker after so many that have failed in its place."""
        thread = threading.Thread(target=self._begin, args=(failed,), daemon=True)
        # Before whoever starts it ends: a join waits for all that are there.
        self._threads.append(thread)
        thread.start()

    def _begin(self, failed: int) -> None:
        try:
            if self._initializer is not None:
                self._initializer(*self._initargs)
        except BaseException as error:
            if failed + 1 < _ATTEMPTS:
                time.sleep(min(0.001 * 2**failed, 0.1))
                self.start(failed + 1)
            else:
                self._give_up(error)
            raise
        worker(self._calls)

    def _give_up(self, reason: BaseException) -> None:
        with self._lock:
            self._hopeful -= 1
            if self._hopeful:
                return
        while (work := self._calls.get()) is not None:
            error = RuntimeError(
                f"no thread of the pool could begin: its initializer raised {reason!r} {_ATTEMPTS} times each; "
                "mend it, and make another pool"
            )
            error.__cause__ = reason
            work[0](False, error)
            del work, error


def _not_begun() -> RuntimeError:
    return RuntimeError("the pool was terminated before this call was begun")


def worker(calls: _Calls) -> None:
    """What a thread of a pool runs."""
    while True:
        work = calls.get()
        if work is None:
            return
        answer, func, args, kwds = work
        del work
        try:
            if calls.terminated:
                raise _not_begun()
            value, is_value = func(*args, **kwds), True
        except BaseException as error:
            value, is_value = error, False
        # Nothing is kept of a call while its result is waited for.
        del func, args, kwds
        answer(is_value, value)
        del answer, value


def _end_workers(calls: _Calls, workers: int) -> None:
    for _ in range(workers):
        calls.put(None)


without_annotations(globals())
