"""`ThreadPool`: the interface of `Pool`, with threads of this process for workers.

Calls wait in a queue of the engine's; nothing is pickled, and results and exceptions are the very objects. The workers
are daemons, as the standard library's are: a pool that is neither closed nor joined does not keep the program from its
end. A result is there when its callback has run.
"""

from __future__ import annotations

import functools
import os
import time
import weakref
from _thread import allocate_lock

from manyhands._bare import without_annotations
from manyhands.queue import Empty, SimpleQueue

from ._streams import Feeders
from ._thread_results import ThreadMapResult, ThreadResult
from .pool import RUN, Pool, _make_inside

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
        self._processes = processes
        crew = self._manyhands = _Threads(processes)
        _make_inside(self)
        self._terminate = crew.drop_calls
        crew.start(initializer, tuple(initargs))
        self._state = RUN

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
        return self._manyhands.call_one(self, func, tuple(args or ()), kwds, callback, error_callback)


class _Threads:
    """What a pool of threads keeps of its own: its threads, and the calls that wait for one."""

    def __init__(self, workers: int) -> None:
        self.wanted = workers
        self.feeders = Feeders()
        #: The results that are not there yet.
        self.results: set[ThreadResult] = set()
        self._calls = _Calls()
        self._threads: list[threading.Thread] = []
        self._end_workers = weakref.finalize(self, _end_workers, self._calls, workers)
        self._end_workers.atexit = False

    def start(self, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
        beginning = _Beginning(self._threads, self._calls, initializer, initargs, self.wanted)
        for _ in range(self.wanted):
            beginning.start()

    @property
    def members(self) -> list[threading.Thread]:
        return [thread for thread in self._threads if thread.is_alive()]

    def call_one(
        self,
        pool: ThreadPool,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> ThreadResult:
        result = ThreadResult(pool, callback, error_callback)
        self._calls.put((result._manyhands_answer, func, args, kwds or {}))
        return result

    def map_elements(
        self,
        pool: ThreadPool,
        func: Callable[..., Any],
        elements: Sequence[Any],
        chunksize: int,
        star: bool,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> ThreadMapResult:
        starts = range(0, len(elements), chunksize)
        result = ThreadMapResult(pool, len(starts), callback, error_callback)
        result._chunksize = chunksize
        run, put = _chunk_of_tuples if star else _chunk, self._calls.put
        # All before the first is put: a pool that is terminated next has hardly begun with them.
        works: list[_Work] = [
            (
                functools.partial(result._manyhands_parts.answer, number),
                run,
                (func, elements[start : start + chunksize]),
                {},
            )
            for number, start in enumerate(starts)
        ]
        for work in works:
            put(work)
        return result

    def await_workers(self, timeout: float) -> None:
        """Nothing to wait for: each worker that cannot begin has another thread try."""

    def check_broken(self) -> None:
        """Never broken: a call fails where none can begin."""

    def refuse_calls(self) -> None:
        """Nothing to do: a program's calls look at the pool's state."""

    def close(self) -> None:
        self._end_workers()

    @property
    def waiting(self) -> int:
        return self._calls.qsize()

    @property
    def unanswered(self) -> int:
        return len(self.results)

    def drop_calls(self) -> None:
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
        _end_workers(self._calls, self.wanted)

    def finish(self) -> None:
        """Waits until the threads have ended."""
        self.close()
        for thread in self._threads:
            thread.join()


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
