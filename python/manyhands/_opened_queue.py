"""The way a queue between threads works once a program has looked inside.

The queue then has a mutex, three conditions and four hooks (`_init`, `_put`, `_get`, `_qsize`), as the standard
library's `queue.Queue` has. Programs and subclasses rely on these. The functions here become methods of
`manyhands.queue.Queue`, for queues that are opened and for classes that keep their items in their own way.
"""

from __future__ import annotations

from . import _engine, _std
from ._bare import without_annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import queue as standard
    from collections.abc import Callable
    from queue import Empty, Full
    from threading import Condition, Lock
    from typing import Any

    class ShutDown(Exception):
        """Raised by `put` and `get` of a queue that was shut down."""

else:
    standard = _std.standard("queue")
    Empty, Full = standard.Empty, standard.Full
    Condition, Lock = (_std.original("threading", name) for name in ("Condition", "Lock"))
    # There since Python 3.13.
    ShutDown = getattr(standard, "ShutDown", None) or type(
        "ShutDown",
        (Exception,),
        {"__module__": "queue", "__doc__": "Raised by `put` and `get` of a queue that was shut down."},
    )

__all__ = [
    "Empty",
    "Full",
    "ShutDown",
    "attributes",
    "get",
    "join",
    "put",
    "qsize",
    "shutdown",
    "standard",
    "task_done",
]


def attributes() -> dict[str, Any]:
    """A mutex and the three conditions on it."""
    mutex = Lock()
    conditions = {name: Condition(mutex) for name in ("not_empty", "not_full", "all_tasks_done")}
    return {"mutex": mutex, **conditions}


def _await(
    condition: Condition, is_short: Callable[[], Any], block: bool, timeout: float | None, late: type[Exception]
) -> None:
    """Waits as the standard library's methods do, with the condition's `wait` and the `time` of the module `queue`.

    A program may have replaced either.
    """
    if not block:
        if is_short():
            raise late
    elif timeout is None:
        while is_short():
            condition.wait()
    elif timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    else:
        time = vars(standard)["time"]
        end = time() + timeout
        while is_short():
            remaining = end - time()
            if remaining <= 0.0:
                raise late
            condition.wait(remaining)


def put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
    """Puts an item into the queue. Where the queue is full, it first waits for room.

    It waits until there is room, or for `timeout` seconds if that is given, and raises Full when they are over. With
    `block` false it does not wait, and `timeout` means nothing: a full queue raises Full at once. Raises ShutDown after
    a `shutdown`, and ValueError for a `timeout` below 0 on a queue with a limit.
    """
    with self.not_full:
        if self.maxsize > 0 and not self._manyhands_is_closed:
            _await(
                self.not_full,
                lambda: self._qsize() >= self.maxsize and not self._manyhands_is_closed,
                block,
                timeout,
                Full,
            )
        if self._manyhands_is_closed:
            raise _engine.refused_by(ShutDown(), self)
        self._put(item)
        self.unfinished_tasks += 1
        self.not_empty.notify()


def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    """Takes the next item out of the queue and returns it. Where the queue is empty, it first waits for one.

    It waits until there is an item, or for `timeout` seconds if that is given, and raises Empty when they are over.
    With `block` false it does not wait, and `timeout` means nothing: an empty queue raises Empty at once. Raises
    ShutDown when the queue is shut down and empty, and ValueError for a `timeout` below 0.
    """
    with self.not_empty:
        if timeout is not None or not self._qsize():
            _await(
                self.not_empty,
                lambda: not self._qsize() and not self._manyhands_is_closed,
                block,
                timeout,
                Empty,
            )
            if not self._qsize():
                raise _engine.refused_by(ShutDown(), self)
        item = self._get()
        self.not_full.notify()
        return item


def task_done(self: Any) -> None:
    with self.all_tasks_done:
        if not self.unfinished_tasks:
            raise ValueError("task_done() called too many times")
        self.unfinished_tasks -= 1
        if not self.unfinished_tasks:
            self.all_tasks_done.notify_all()


def join(self: Any) -> None:
    with self.all_tasks_done:
        while self.unfinished_tasks:
            self.all_tasks_done.wait()


def qsize(self: Any) -> int:
    with self.mutex:
        size: int = self._qsize()
        return size


def shutdown(self: Any, immediate: bool) -> None:
    with self.mutex:
        self._manyhands_is_closed = True
        while immediate and self._qsize():
            self._get()
            self.unfinished_tasks = max(self.unfinished_tasks - 1, 0)
        for condition in (self.all_tasks_done, self.not_empty, self.not_full):
            condition.notify_all()


without_annotations(globals())
