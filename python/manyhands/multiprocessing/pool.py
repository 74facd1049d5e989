"""Pools of worker processes that run calls.

Workers pull calls from shared memory and answer there; nothing in this process carries results, and no thread runs here
until a callback is registered. A worker that dies costs the call that it ran (`WorkerDied`), or nothing with `retries`;
a new one takes its place. An argument, result or exception that cannot be sent fails its own call only.

What a pool keeps of its own stands in another object (`_manyhands`), so a subclass may have attributes and methods of
any name. Those that begin with one underscore here are the standard class's, with its meaning.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from manyhands import _engine, _guard, _std
from manyhands._bare import without_annotations

from . import context, util
from ._opened_pool import ApplyResult, JobRegister, MapResult, TaskQueue
from ._own_process import is_own
from ._streams import TERMINATE, Feeder, Feeders, OrderedStream, UnorderedStream
from ._work import Plan
from ._workers import PATIENCE, Workers

process: Any = _std.module("process")

_standard: Any = _std.module("pool")

__all__ = ["Pool"]

if TYPE_CHECKING:
    from multiprocessing.context import TimeoutError
else:
    TimeoutError = context.TimeoutError

T = TypeVar("T")

AsyncResult = ApplyResult

INIT = "INIT"
RUN = "RUN"
CLOSE = "CLOSE"


def __getattr__(name: str) -> Any:
    if name == "ThreadPool":
        return importlib.import_module("manyhands.multiprocessing._thread_pool").ThreadPool
    return _std.rest(__name__, name)


def __dir__() -> list[str]:
    return _std.names(__name__)


class _PoolWorkers(Workers):
    """What a pool of processes keeps of its own."""

    def __init__(self, workers: int) -> None:
        self.wanted = workers
        self.feeders = Feeders()


class Pool(_engine.PoolBase):
    """A pool of worker processes that run calls: so many `processes`, or one for each processor.

    Each calls `initializer(*initargs)` first, and is replaced by a new one after `maxtasksperchild` calls, where that
    is given. `context` says how workers are started. `retries` is how often a call is run again whose worker died. A
    `with` ends in `terminate`. Once the pool is closed or terminated, calls raise ValueError.
    """

    _state = INIT
    _cache: JobRegister
    _taskqueue: TaskQueue
    _terminate: Callable[[], object]

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
        *,
        retries: int = 0,
    ) -> None:
        if processes is None:
            # As many as this process may use; since Python 3.13, as in the standard library.
            processes = getattr(os, "process_cpu_count", os.cpu_count)() or 1
        if processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if maxtasksperchild is not None and (not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0):
            raise ValueError("maxtasksperchild must be a positive int or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if retries < 0:
            raise ValueError("retries must not be negative")
        # A subclass may have set it before.
        vars(self).pop("_pool", None)
        assert not process.current_process()._config.get("daemon"), (
            "daemonic processes are not allowed to have children"
        )
        self._ctx = context or _default_context()
        self._processes = processes
        method: str = self._ctx.get_start_method()
        workers = self._manyhands = _PoolWorkers(processes)
        _make_inside(self)
        if method != "fork":
            _guard.check()
        plan = Plan(method, os.getpid(), initializer, tuple(initargs))
        prefix = workers.number_workers(plan, _own_process(self), processes)
        workers.open(processes, maxtasksperchild, prefix, retries)
        plan.pool = workers.handle
        workers.start_workers(plan)
        self._state = RUN
        # Without `workers`, whose plan may lead back to the pool: then the pool could never go.
        self._terminate = util.Finalize(self, _terminate, args=(workers.alias(),), exitpriority=15)

    @staticmethod
    def Process(ctx: Any, *args: Any, **kwds: Any) -> Any:
        """Makes the process object of a worker, for subclasses that have their own way."""
        return ctx.Process(*args, **kwds)

    @property
    def _pool(self) -> list[Any]:
        """The workers that there are now, process objects or threads; or what a program has set."""
        if "_pool" not in vars(self):
            members: list[Any] = self._manyhands.worker_objects
            return members
        own: list[Any] = vars(self)["_pool"]
        return own

    @_pool.setter
    def _pool(self, members: list[Any]) -> None:
        vars(self)["_pool"] = members

    def _repopulate_pool(self) -> None:
        """Waits until workers that have ended are replaced, which they are by themselves."""
        wanted = self._manyhands.wanted
        if self._processes != wanted:
            raise RuntimeError(f"{self!r} has {wanted} workers for good; make another pool to have {self._processes}")
        self._manyhands.await_workers(PATIENCE)

    _get_tasks = staticmethod(_standard.Pool._get_tasks)
    _guarded_task_generation = _standard.Pool._guarded_task_generation

    # The standard library's methods.

    def apply(self, func: Callable[..., T], args: Iterable[Any] = (), kwds: dict[str, Any] = {}) -> T:  # noqa: B006
        """Calls `func(*args, **kwds)` in a worker, and waits. Returns the result, or raises what the call raised."""
        return self.apply_async(func, args, kwds).get()

    def map(self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int | None = None) -> list[T]:
        """Calls `func` with each element in the workers, and returns the list of the results, in order.

        `chunksize` elements go to a worker at once; without it, so many that each worker gets about four chunks. An
        exception of a call is raised here.
        """
        return _gathered(self._map_async(func, iterable, _standard.mapstar, chunksize))

    def map_async(
        self,
        func: Callable[[Any], T],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[list[T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        """As `map`, but returns an `AsyncResult` at once: its `get` waits for the list.

        When all calls are over, `callback` is called with the list or `error_callback` with the exception, by a thread
        of this process.
        """
        return self._map_async(func, iterable, _standard.mapstar, chunksize, callback, error_callback)

    def starmap(
        self, func: Callable[..., T], iterable: Iterable[Iterable[Any]], chunksize: int | None = None
    ) -> list[T]:
        """As `map`, for elements that are tuples of arguments: for `(a, b)` it calls `func(a, b)`."""
        return _gathered(self._map_async(func, iterable, _standard.starmapstar, chunksize))

    def starmap_async(
        self,
        func: Callable[..., T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[list[T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        """As `starmap`, but returns an `AsyncResult` at once, with callbacks as in `map_async`."""
        return self._map_async(func, iterable, _standard.starmapstar, chunksize, callback, error_callback)

    def _map_async(
        self,
        func: Callable[..., T],
        iterable: Iterable[Any],
        mapper: Callable[..., Any],
        chunksize: int | None = None,
        callback: Callable[[list[T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        self._check_running()
        elements: Any = iterable if type(iterable) in (list, range) else list(iterable)
        if chunksize is None:
            chunksize, extra = divmod(len(elements), self._processes * 4)
            chunksize += bool(extra)
        chunksize = max(chunksize, 1)
        star = mapper is _standard.starmapstar
        if star or mapper is _standard.mapstar:
            return self._manyhands.map_elements(self, func, elements, chunksize, star, (callback, error_callback))
        result: Any = MapResult(self, chunksize, len(elements), callback, error_callback)  # type: ignore[arg-type]
        tasks = self._guarded_task_generation(result._job, mapper, self._get_tasks(func, elements, chunksize))
        self._taskqueue.put((tasks, None))
        return result

    def imap(self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int = 1) -> Iterator[T]:
        """Calls `func` with each element in the workers, and iterates over the results, in order.

        The iterable is asked for more while results come. `chunksize` elements go to a worker at once; below 1 it is a
        ValueError. The iterator raises what a call raised in place of its result. Where `chunksize` is 1 it has a
        `next(timeout)`, which raises TimeoutError when no result has come after so many seconds.
        """
        return _stream(self, func, iterable, chunksize, ordered=True)

    def imap_unordered(self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int = 1) -> Iterator[T]:
        """As `imap`, but the results come in any order, each as soon as it is there."""
        return _stream(self, func, iterable, chunksize, ordered=False)

    def _check_running(self) -> None:
        if self._state != RUN:
            raise _engine.refused_by(ValueError("Pool not running"), self)
        self._manyhands.check_broken()

    def close(self) -> None:
        """Takes no more calls. The workers end when all that were submitted are done."""
        util.debug("closing pool")
        if self._state == RUN:
            self._state = CLOSE
            workers = self._manyhands
            if workers.feeders.are_busy():
                # What an iterable still gives is run; nothing else is taken.
                workers.refuse_calls()
            else:
                workers.close()

    def terminate(self) -> None:
        """Takes no more calls and ends the workers at once: calls that are not done fail.

        Threads cannot be ended so: those of a `ThreadPool` first finish the calls that they run.
        """
        util.debug("terminating pool")
        self._state = TERMINATE
        self._manyhands.feeders.stop()
        self._terminate()

    def join(self) -> None:
        """Waits until the workers have ended. Raises ValueError unless the pool was closed or terminated before."""
        util.debug("joining pool")
        if self._state == RUN:
            raise ValueError("Pool is still running")
        workers = self._manyhands
        workers.feeders.join()
        if self._state == CLOSE:
            workers.close()
        workers.finish()

    def __enter__(self) -> Pool:
        # A pool that is broken by now says so at its first call.
        if self._state != RUN:
            raise _engine.refused_by(ValueError("Pool not running"), self)
        return self

    def __exit__(self, exc_type: object, exc_val: object, exc_tb: object) -> None:
        self.terminate()

    def __reduce__(self) -> Any:
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    def __repr__(self) -> str:
        kind = type(self)
        size = getattr(self, "_processes", 0)
        return f"<{kind.__module__}.{kind.__qualname__} state={self._state} pool_size={size}>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if self._state == RUN:
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)


def _default_context() -> Any:
    return context._default_context.get_context()


def _make_inside(pool: Pool) -> None:
    pool._cache = JobRegister(pool)
    pool._taskqueue = TaskQueue(pool)


def _own_process(pool: Pool) -> Callable[..., Any] | None:
    """How process objects of workers are made, where a program has its own class or its own way."""
    if pool.Process is Pool.Process and not is_own(pool._ctx.Process):
        return None
    return functools.partial(pool.Process, pool._ctx)


def _gathered(result: Any) -> list[Any]:
    """The results of a map, which nobody else asks for."""
    results: list[Any] = getattr(result, "_manyhands_gather", result.get)()
    return results


def _stream(
    pool: Pool, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int, *, ordered: bool
) -> Iterator[T]:
    pool._check_running()
    if chunksize < 1:
        raise ValueError(f"Chunksize must be 1+, not {chunksize}")
    results: Any = OrderedStream() if ordered else UnorderedStream()
    feeder = Feeder(pool, results._manyhands, func, iterable, chunksize)
    if feeder.is_small():
        feeder.run()
    else:
        pool._manyhands.feeders.start(feeder)
    if chunksize == 1:
        stream: Iterator[T] = results
        return stream
    return (element for chunk in results for element in chunk)


def _terminate(core: _engine.PoolCore) -> None:
    """Ends a pool's workers; called with its core alone, which does not keep the pool."""
    core.terminate(signal.SIGTERM)
    if not core.join(PATIENCE):
        core.terminate(signal.SIGKILL)
        core.join()
    core.forget_supervisor()
    if core.phase == "broken":
        _guard.found(core.broken_because)


without_annotations(globals())
