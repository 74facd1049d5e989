"""The process pool: worker processes that take their calls from shared memory, and answer there.

No thread runs here until an answer is to be reported unasked (to a callback, to `as_completed`). The first call has the
workers started. One that dies costs the call that it ran (`WorkerDied`, a `BrokenProcessPool`) and is replaced. What
cannot be pickled fails its own future. All that was handed in is run, also when the executor is gone by then.

What an executor keeps of its own stands in another object (`_manyhands`), so a subclass may have attributes and methods
of any name. Those that begin with one underscore here are the standard class's, with its meaning.
"""

from __future__ import annotations

import functools
import os
import signal
import weakref
from importlib import import_module

from manyhands import _engine, _guard, _std
from manyhands._bare import without_annotations
from manyhands.multiprocessing import context
from manyhands.multiprocessing._own_process import is_own
from manyhands.multiprocessing._work import ExecutorPlan
from manyhands.multiprocessing._workers import Workers

from . import _map

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor as _Standard
    from typing import Any, TypeVar

    from manyhands.banker import Banker

    from ._base import Future

    T = TypeVar("T")
    _standard: Any
else:
    # At its end the interpreter asks the module of this name, whosever it is, to end threads and executors.
    import_module("threading")
    from manyhands import threading

    _standard = _std.standard("concurrent.futures.process")
    BrokenProcessPool, _Standard = _standard.BrokenProcessPool, _standard.ProcessPoolExecutor

__all__ = ["BrokenProcessPool", "ProcessPoolExecutor"]

process: Any = _std.module("process")
_RemoteTraceback = _std.module("pool").RemoteTraceback


def __getattr__(name: str) -> Any:
    # Libraries read private names of the standard module.
    return getattr(_standard, name)


def __dir__() -> list[str]:
    return dir(_standard)


#: The cores of executors whose workers may not all have ended, each with a reference that closes the core when the
#: executor goes. The workers' plan is not kept here: it may refer to the executor, which would then never go.
_cores: dict[_engine.PoolCore, weakref.ref[Any]] = {}
#: The interpreter ends: no executor takes calls any more.
_ending = False


def _end_all() -> None:
    global _ending
    _ending = True
    cores = list(_cores)
    for core in cores:
        core.close()
    for core in cores:
        _end(core)


def _end(core: _engine.PoolCore) -> None:
    """Waits until all calls are done and the workers have ended. It takes no more calls."""
    core.join()
    core.forget_supervisor()
    _cores.pop(core, None)
    if core.phase == "broken":
        _guard.found(core.broken_because)


def _forget_ended() -> None:
    for core in list(_cores):
        if core.phase != "open" and core.join(0):
            _end(core)


# Before the threads that are no daemons are waited for.
threading._register_atexit(_end_all)  # type: ignore[attr-defined]
os.register_at_fork(after_in_child=_cores.clear)


class _ExecutorWorkers(Workers):
    """What an executor keeps of its own."""

    #: The core, once the first call has had the workers started: a reference that does not keep their plan.
    core: _engine.PoolCore | None = None
    #: The `submit` of an executor whose calls may say what they need.
    admission: object = None

    def __init__(self, retries: int) -> None:
        self.retries = retries
        #: Held while the executor begins, and while it ends.
        self.changing = threading.Lock()

    # Called by the engine, when a call is submitted.

    def begin(self, executor: ProcessPoolExecutor) -> None:
        """Makes the pool, and has its workers started: at the first call, and again at the next one when that failed.
        An error says why no calls are taken."""
        with self.changing:
            if executor._shutdown_thread or _ending:
                raise self.refusal(executor)
            if self.core is not None:
                # Begun by another thread meanwhile, or over.
                if self.phase == "open":
                    return
                raise self.refusal(executor)
            _forget_ended()
            if self.plan is None:
                method: str = executor._mp_context.get_start_method()
                if method != "fork":
                    _guard.check()
                plan = ExecutorPlan(method, os.getpid(), executor._initializer, tuple(executor._initargs))
                make, workers = executor._mp_context.Process, executor._max_workers
                prefix = self.number_workers(plan, make if is_own(make) else None, workers)
                self.open(workers, executor._max_tasks_per_child, prefix, self.retries)
                plan.pool = self.handle
                self.plan = plan
            else:
                self.reopen()
            try:
                self.start_workers(self.plan)
            except BaseException:
                self.close()
                raise
            self.core = core = self.alias()
            # Not `weakref.finalize`: that has a say in what a forked child's own finalizers do at its end.
            _cores[core] = weakref.ref(executor, lambda _gone: core.close())

    def refusal(self, executor: ProcessPoolExecutor) -> Exception:
        """Why no more calls are taken."""
        if self.phase == "broken":
            try:
                self.check_broken()
            except Exception as error:
                return error
        since = "interpreter shutdown" if _ending and not executor._shutdown_thread else "shutdown"
        return _engine.refused_by(RuntimeError(f"cannot schedule new futures after {since}"), executor)


class ProcessPoolExecutor(_engine.ProcessPoolExecutor, _Standard):  # type: ignore[misc]
    """Runs calls in worker processes: `max_workers` of them, or one for each processor.

    `mp_context` says how they are started. Each calls `initializer(*initargs)` first, and is replaced by a new one
    after `max_tasks_per_child` calls, where that is given. `retries` is how often a call is run again whose worker
    died. `resources` are units that calls may need, which `submit` takes as `needs` (`_admission`).
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        retries: int = 0,
        resources: Mapping[str, int] | Banker | None = None,
    ) -> None:
        if max_workers is None:
            max_workers = getattr(os, "process_cpu_count", os.cpu_count)() or 1
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if mp_context is None:
            mp_context = context._default_context.get_context(None if max_tasks_per_child is None else "spawn")
        self._mp_context: Any = mp_context
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if retries < 0:
            raise ValueError("retries must not be negative")
        method: str = mp_context.get_start_method()
        if max_tasks_per_child is not None:
            if not isinstance(max_tasks_per_child, int):
                raise TypeError("max_tasks_per_child must be an integer")
            if max_tasks_per_child <= 0:
                raise ValueError("max_tasks_per_child must be >= 1")
            if method == "fork":
                raise ValueError(
                    "max_tasks_per_child is incompatible with the 'fork' multiprocessing start method; "
                    "supply a different mp_context."
                )
        self._max_workers = max_workers
        self._max_tasks_per_child = max_tasks_per_child
        self._initializer: Any = initializer
        self._initargs = initargs
        self._shutdown_thread = False
        self._manyhands = _ExecutorWorkers(retries)
        if resources is not None:
            from ._admission import admit

            self._manyhands.admission = admit(self, resources, shared=True)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """Calls `fn` in worker processes with an element of each iterable, until one ends; iterates over the results.

        They come in order. `chunksize` elements go to a worker at once. All are handed in now, or with `buffersize`
        only so many of these chunks ahead of the result that is asked for. To ask for a result raises what its call
        raised, or TimeoutError when it is not there `timeout` seconds after `map` was called; `None` is no limit.
        Raises ValueError when `chunksize` or `buffersize` is below 1.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        _map.check_buffersize(buffersize)
        handed_in: Iterator[Future[list[T]]]
        if _submit_is_ours(self):
            one = len(iterables) == 1
            elements = iter(iterables[0]) if one else zip(*iterables, strict=False)
            handed_in = _hand_in(self, fn, _map.chunks(elements, chunksize), not one)
        else:
            # What the standard library hands to `submit`, which a program has put its own in the place of.
            chunks = _map.chunks(zip(*iterables, strict=False), chunksize)
            whole = functools.partial(_standard._process_chunk, fn)
            handed_in = _map.submitted(self, whole, ((tuple(chunk),) for chunk in chunks))
        return _map.one_by_one(_map.in_order(handed_in, timeout, buffersize))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls: `submit` and `map` raise RuntimeError from now on. May be called again.

        With `wait` it returns when all calls are over and the workers have ended, otherwise at once. With
        `cancel_futures` it withdraws the calls that no worker has begun with; otherwise they are run.
        """
        workers = self._manyhands
        with workers.changing:
            self._shutdown_thread = True
        if workers.core is None:
            return
        workers.close()
        if cancel_futures:
            workers.cancel_pending()
        if wait:
            _end(workers.core)

    def terminate_workers(self) -> None:
        """Ends the workers at once, by SIGTERM: calls that they run fail, the others are withdrawn, none is taken any
        more."""
        _end_workers(self, signal.SIGTERM)

    def kill_workers(self) -> None:
        """As `terminate_workers`, by SIGKILL."""
        _end_workers(self, signal.SIGKILL)

    @property
    def _processes(self) -> Any:  # type: ignore[override]
        """The workers that there are now, by pid; `None` after the shutdown."""
        if self._shutdown_thread:
            return None
        workers = self._manyhands
        return {} if workers.core is None else {worker.pid: worker for worker in workers.worker_objects}

    @property
    def _broken(self) -> Any:  # type: ignore[override]
        workers = self._manyhands
        return workers.broken_because if workers.phase == "broken" else False

    def __reduce__(self) -> Any:
        # What a pickle of a standard one meets first.
        raise TypeError("cannot pickle '_thread.lock' object")


def _submit_is_ours(executor: ProcessPoolExecutor) -> bool:
    own = vars(executor).get("submit")
    is_ours = type(executor).submit is _engine.ProcessPoolExecutor.submit
    return is_ours and (own is None or own is executor._manyhands.admission)


def _end_workers(executor: ProcessPoolExecutor, by: signal.Signals) -> None:
    executor.shutdown(wait=False, cancel_futures=True)
    if executor._manyhands.core is not None:
        executor._manyhands.terminate(by)


def _hand_in(
    executor: ProcessPoolExecutor,
    fn: Callable[..., T],
    chunks: Iterator[list[Any]],
    star: bool,
) -> Iterator[Future[list[T]]]:
    # The executor stays while there is something to hand in, also when the program has kept the results alone.
    for chunk in chunks:
        future: Any = executor._manyhands.submit_list(executor, fn, chunk, star)
        yield future
        del future


without_annotations(globals())
