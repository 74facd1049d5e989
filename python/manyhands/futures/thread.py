"""The thread pool: Python's threads, which take their calls from the engine.

Threads are started when there are more calls than idle ones, as in the standard library, and end with the interpreter
or the pool, whichever comes first, after all that was submitted. A pool that nobody refers to any more ends by itself.
"""

from __future__ import annotations

import itertools
import os
import weakref
from importlib import import_module

from manyhands import _aside, _engine, _std
from manyhands._bare import without_annotations

from . import _map, _opened_threads
from ._base import LOGGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures.thread import BrokenThreadPool, ThreadPoolExecutor as _Standard
    from typing import Any, TypeVar

    from manyhands.banker import Banker

    T = TypeVar("T")
    _standard: Any
    _ours: Any
    _plain: Any
else:
    # At its end the interpreter asks the module of this name, whosever it is, to end threads and executors.
    import_module("threading")
    from manyhands import threading

    _ours, _plain = threading.Thread, _std.original("threading", "Thread")
    if _std.aliased:
        # The one that programs have, and that has our names: what they put there is found.
        threading = _std.standard("threading")
    _standard = _std.standard("concurrent.futures.thread")
    BrokenThreadPool, _Standard = _standard.BrokenThreadPool, _standard.ThreadPoolExecutor

__all__ = ["BrokenThreadPool", "ThreadPoolExecutor"]


def __getattr__(name: str) -> Any:
    # Libraries read private names of the standard module.
    return getattr(_standard, name)


def __dir__() -> list[str]:
    return dir(_standard)


_workers: weakref.WeakKeyDictionary[threading.Thread, _engine.ThreadWorker] = weakref.WeakKeyDictionary()
_pools: weakref.WeakSet[ThreadPoolExecutor] = weakref.WeakSet()
#: The interpreter ends: no pool takes calls any more.
_ending = False
#: Held while a thread is started, and while all are asked to end.
_starting = threading.Lock()


def _end_all() -> None:
    global _ending
    with _starting:
        _ending = True
        workers = list(_workers.items())
    for pool in list(_pools):
        pool._manyhands_close()
    for _, worker in workers:
        worker.close()
    for thread, _ in workers:
        thread.join()


# Before the threads that are no daemons are waited for.
threading._register_atexit(_end_all)  # type: ignore[attr-defined]
os.register_at_fork(
    before=_starting.acquire,
    after_in_parent=_starting.release,
    after_in_child=_starting._at_fork_reinit,  # type: ignore[attr-defined]
)


def _thread_class() -> Any:
    """What threads are made of: the class that a program has put into one of the modules, or ours."""
    for module in (threading, _std.standard("threading")):
        if module.Thread not in (_ours, _plain):
            return module.Thread
    return _ours


def _run(
    worker: _engine.ThreadWorker,
    pool: Callable[[], ThreadPoolExecutor | None],
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            LOGGER.critical("Exception in initializer:", exc_info=True)
            found = pool()
            if found is not None:
                found._initializer_failed()
            return
    try:
        worker.run()
    except BaseException:
        LOGGER.critical("Exception in worker", exc_info=True)
    _opened_threads.go_on(pool)


class ThreadPoolExecutor(_engine.ThreadPoolExecutor, _Standard):  # type: ignore[misc]
    """Runs calls in threads of this process, `max_workers` at most: without it 4 more than processors, up to 32.

    A thread is started when no other is idle, and its name begins with `thread_name_prefix`. It calls
    `initializer(*initargs)` first. When that raises, the executor is broken, and calls raise BrokenThreadPool.
    `resources` are units that calls may need, which `submit` takes as `needs` (`_admission`).
    """

    _counter = itertools.count().__next__

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        resources: Mapping[str, int] | Banker | None = None,
    ) -> None:
        if max_workers is None:
            usable = getattr(os, "process_cpu_count", os.cpu_count)()
            max_workers = min(32, (usable or 1) + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = max_workers
        self._threads: set[threading.Thread] = set()
        self._broken: Any = False
        self._shutdown = False
        self._thread_name_prefix = thread_name_prefix or f"ThreadPoolExecutor-{self._counter()}"
        self._initializer: Any = initializer
        self._initargs = initargs
        if resources is not None:
            from ._admission import admit

            admit(self, resources, shared=False)
        _pools.add(self)
        if _aside.in_force or _opened_threads.works_otherwise(type(self), ThreadPoolExecutor):
            self._manyhands_open_inside()

    _work_queue: Any = _opened_threads.WorkQueue()
    _idle_semaphore: Any = _opened_threads.Inside()
    _shutdown_lock: Any = _opened_threads.Inside()
    #: Whether the pool works with these attributes.
    _manyhands_opened = False

    def _manyhands_open_inside(self) -> None:
        with _starting:
            if self._manyhands_opened:
                return
            # Those that the end of the interpreter waits for end after the engine's last call.
            threads = None if _ending else [*self.__dict__.get("_threads", ())]
            _opened_threads.open_inside(self, threads)
            for thread in threads or ():
                _workers.pop(thread, None)
            self._manyhands_opened = True

    def _adjust_thread_count(self) -> None:
        if self._manyhands_opened:
            _Standard._adjust_thread_count(self)
            return
        with _starting:
            number = len(self._threads)
            if _ending:
                self._manyhands_close()
                raise self._manyhands_refusal()
            if number >= self._max_workers:
                return
            worker = self._manyhands_worker()
            thread = _thread_class()(
                name=f"{self._thread_name_prefix}_{number}",
                target=_run,
                args=(worker, weakref.ref(self), self._initializer, self._initargs),
            )
            thread.start()
            self._threads.add(thread)
            _workers[thread] = worker

    def _manyhands_submit_otherwise(
        self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any] | None
    ) -> Any:
        """What becomes of a call that the engine does not take."""
        if self._manyhands_opened:
            return _opened_threads.submit(self, fn, args, kwargs)
        raise self._manyhands_refusal()

    def _manyhands_check_takes_calls(self) -> None:
        if self._broken or self._shutdown or _ending:
            raise self._manyhands_refusal()

    def _manyhands_refusal(self) -> Exception:
        """Why no more calls are taken."""
        if self._broken:
            return BrokenThreadPool(self._broken)
        since = "interpreter shutdown" if _ending else "shutdown"
        return _engine.refused_by(RuntimeError(f"cannot schedule new futures after {since}"), self)

    def _initializer_failed(self) -> None:
        if self._manyhands_opened:
            _Standard._initializer_failed(self)
            return
        self._broken = "A thread initializer failed, the thread pool is not usable anymore"
        self._manyhands_close()
        for future in self._manyhands_withdraw():
            # Not the cancelled: they refuse an answer, and the others are to have theirs.
            if future.set_running_or_notify_cancel():
                future.set_exception(BrokenThreadPool(self._broken))

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """Calls `fn` in the threads with an element of each iterable, until one ends; iterates over the results.

        They come in order. All calls are handed in now, or with `buffersize` only so many ahead of the result that is
        asked for. To ask for a result raises what its call raised, or TimeoutError when it is not there `timeout`
        seconds after `map` was called; `None` is no limit. `chunksize` means nothing to threads. Raises ValueError when
        `buffersize` is below 1.
        """
        _map.check_buffersize(buffersize)
        handed_in = _map.submitted(self, fn, zip(*iterables, strict=False))
        return _map.in_order(handed_in, timeout, buffersize)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls: `submit` and `map` raise RuntimeError from now on. May be called again.

        With `wait` it returns when all calls are over and the threads have ended, otherwise at once. With
        `cancel_futures` it withdraws the calls that no thread has begun with; otherwise they are run.
        """
        if self._manyhands_opened:
            _Standard.shutdown(self, wait, cancel_futures=cancel_futures)
            return
        self._shutdown = True
        self._manyhands_close()
        for future in self._manyhands_withdraw() if cancel_futures else ():
            future.cancel()
        if wait:
            for thread in self._threads:
                thread.join()


def _stand_aside() -> None:
    """The program's threads become greenlets: each pool works as the standard one does, by what that has then."""
    _opened_threads.stand_aside()
    for pool in list(_pools):
        pool._manyhands_open_inside()


_aside.standing_aside(_stand_aside)

without_annotations(globals())
