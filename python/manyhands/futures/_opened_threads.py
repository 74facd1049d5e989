"""How a thread pool works once a program has looked inside: with a queue, a lock and a count of idle threads.

The attributes are those of the standard library's `ThreadPoolExecutor`, for programs that put another queue there,
empty it, or start threads in their own way. To look at one opens the pool: its calls move into the queue. Each thread
finishes its call and then takes calls from there, by the standard library's own loop. Only `_work_queue.qsize()` and
`empty()` can be asked without that.
"""

from __future__ import annotations

import sys
import weakref

from manyhands import _std
from manyhands.queue import SimpleQueue

from ._base import Future

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from typing import Any
else:
    from manyhands import threading

__all__ = ["Inside", "WorkQueue", "go_on", "open_inside", "submit", "works_otherwise"]

standard: Any = _std.standard("concurrent.futures.thread")


class Inside:
    """An attribute of the standard class. To look at it, or to set it, opens the pool."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, pool: Any, owner: type | None = None) -> Any:
        if pool is None:
            return self
        pool._manyhands_open_inside()
        return pool.__dict__[self._name]

    def __set__(self, pool: Any, value: object) -> None:
        pool._manyhands_open_inside()
        pool.__dict__[self._name] = value


class WorkQueue(Inside):
    """The queue, of which one may ask how much is in it."""

    def __get__(self, pool: Any, owner: type | None = None) -> Any:
        if pool is None:
            return self
        return pool.__dict__.get(self._name) or _Waiting(pool)


class _Waiting:
    """The calls that no thread has begun with. To ask for more than their number opens the pool."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def qsize(self) -> int:
        there = self._pool.__dict__.get("_work_queue")
        waiting: int = self._pool._manyhands_waiting if there is None else there.qsize()
        return waiting

    def empty(self) -> bool:
        return not self.qsize()

    def __getattr__(self, name: str) -> Any:
        self._pool._manyhands_open_inside()
        return getattr(self._pool.__dict__["_work_queue"], name)


def works_otherwise(kind: type, base: type) -> bool:
    """Whether a subclass has its own way with the inside, so that its pools are opened from the start."""
    return getattr(kind, "_adjust_thread_count", None) is not getattr(base, "_adjust_thread_count", None)


def open_inside(pool: Any, threads: list[threading.Thread] | None) -> None:
    """Makes the attributes, and moves the calls there, which the threads go on with; not without threads."""
    attributes: dict[str, Any] = pool.__dict__
    if hasattr(type(pool), "prepare_context"):
        # From 3.14 on each worker has a context of its own, which knows the initializer.
        pool._create_worker_context, pool._resolve_work_item_task = type(pool).prepare_context(
            attributes.get("_initializer"), attributes.get("_initargs", ())
        )
    queue: SimpleQueue[Any] = SimpleQueue()
    # From now on the standard library's end of threads sees to them. First: they look here when the engine has no more
    # calls.
    standard._threads_queues.update((thread, queue) for thread in threads or ())
    calls, idle = ((), 0) if threads is None else pool._manyhands_hand_over()
    for future, function, arguments, named in calls:
        queue.put(_work_item(pool, future, function, arguments, named or {}))
    # Until 3.12 a thread counts itself as idle after a call; from then on when it finds the queue empty.
    idle = idle if sys.version_info < (3, 12) else 0
    attributes.update(
        _shutdown_lock=threading.Lock(),
        _idle_semaphore=threading.Semaphore(idle),
        _work_queue=queue,
    )


def go_on(reference: Callable[[], Any]) -> None:
    """A thread's life after the pool was opened."""
    pool = reference()
    queue = standard._threads_queues.get(threading.current_thread())
    if queue is None:
        return
    gone = reference if pool is None else weakref.ref(pool, lambda _: queue.put(None))
    if pool is None or pool._shutdown:
        # Nobody says any more that what stands in the queue is all.
        queue.put(None)
    del pool
    if hasattr(standard, "WorkerContext"):
        standard._worker(gone, standard.WorkerContext.prepare(None, ())[0](), queue)
    else:
        standard._worker(gone, queue, None, ())


def submit(
    pool: Any, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any] | None
) -> Future[Any]:
    """Hands a call in to an opened pool; its future."""
    with pool._shutdown_lock, standard._global_shutdown_lock:
        pool._manyhands_check_takes_calls()
        future: Future[Any] = Future()
        pool._work_queue.put(_work_item(pool, future, function, arguments, named or {}))
        pool._adjust_thread_count()
        return future


def _work_item(
    pool: Any, future: Any, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    if hasattr(type(pool), "prepare_context"):
        return standard._WorkItem(future, pool._resolve_work_item_task(function, arguments, named))
    return standard._WorkItem(future, function, arguments, named)


def stand_aside() -> None:
    """From now on a pool is made of what the standard modules have when it is made."""
    queue = _std.standard("queue")
    globals().update(threading=_std.standard("threading"), SimpleQueue=lambda: queue.SimpleQueue())
