"""`ThreadPool`: the interface of `Pool`, with threads of this process for workers.

The engine keeps the calls that wait and runs the workers' loop, the same as for `ThreadPoolExecutor`. Nothing is
pickled, and results and exceptions are the very objects. The workers are daemons, as the standard library's are: a pool
that is neither closed nor joined does not keep the program from its end. A result is there when its callback has run.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

from manyhands import _engine
from manyhands._bare import without_annotations

from ._streams import Feeders
from .pool import RUN, Pool, _make_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any
else:
    from manyhands import threading

__all__ = ["ThreadPool"]

#: How often a worker's initializer is tried: some two seconds in all.
_ATTEMPTS = 24


class ThreadPool(Pool):
    """A pool of threads that run calls: so many `processes`, or one for each processor. It has the methods of `Pool`.

    Each thread calls `initializer(*initargs)` first. Nothing is pickled: calls and results are the very objects.
    """

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
        workers = self._manyhands = _Threads(processes)
        _make_inside(self)
        self._terminate = workers.terminate
        workers.start(initializer, tuple(initargs))
        self._state = RUN


class _Threads(_engine.ThreadPoolCore):
    """What a pool of threads keeps of its own: the core that takes its calls, and its threads."""

    def __init__(self, workers: int) -> None:
        self.wanted = workers
        self.feeders = Feeders()
        self._threads: list[threading.Thread] = []

    def start(self, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
        beginning = _Beginning(self._threads, self.worker(), initializer, initargs, self.wanted)
        for _ in range(self.wanted):
            beginning.start()

    @property
    def worker_objects(self) -> list[threading.Thread]:
        return [thread for thread in self._threads if thread.is_alive()]

    def await_workers(self, timeout: float) -> None:
        """Nothing to wait for: each worker that cannot begin has another thread try."""

    def check_broken(self) -> None:
        """Never broken: a call fails where none can begin."""

    def terminate(self) -> None:
        """The calls that no thread has begun with fail; the others are run to their end."""
        self.fail_waiting(lambda: RuntimeError("the pool was terminated before this call was begun"))

    def finish(self) -> None:
        """Waits until the threads have ended."""
        self.close()
        for thread in self._threads:
            thread.join()


# What the core has workers run where a call is more than `func(*args)`.


def call(func: Callable[..., Any], args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
    return func(*args, **kwds)


def call_with_each(func: Callable[[Any], Any], elements: Iterable[Any]) -> list[Any]:
    return [func(element) for element in elements]


def call_with_each_tuple(func: Callable[..., Any], elements: Iterable[Iterable[Any]]) -> list[Any]:
    return [func(*element) for element in elements]


class _Beginning:
    """How the workers of a pool begin. When an initializer raises, another thread tries after a pause that grows, so
    many times. When no worker is left that could still begin, the last one fails the calls."""

    def __init__(
        self,
        threads: list[threading.Thread],
        calls: _engine.ThreadWorker,
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
        thread = threading.Thread(target=self.worker, args=(failed,), daemon=True)
        # Before the thread ends that starts it: a join waits for all that are there.
        self._threads.append(thread)
        thread.start()

    # The threads' names end with this one's, as in the standard library.
    def worker(self, failed: int) -> None:
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
        self._calls.run()

    def _give_up(self, reason: BaseException) -> None:
        with self._lock:
            self._hopeful -= 1
            if self._hopeful:
                return

        def no_worker() -> RuntimeError:
            error = RuntimeError(
                f"no thread of the pool could begin: its initializer raised {reason!r} {_ATTEMPTS} times each; "
                "mend it, and make another pool"
            )
            error.__cause__ = reason
            return error

        self._calls.fail(no_worker)


without_annotations(globals())
