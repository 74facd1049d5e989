"""Queues that processes share, on the engine's ring.

`put` hands the object over at once: there is no feeder thread, so nothing is lost when the process ends or is killed,
and what the receiver gets is the object as it was at `put`. As in the standard library an object that cannot be
pickled is reported by `_on_queue_feeder_error` and dropped, `put` on a closed queue is a ValueError, and a queue
pickles only while a process is being started. None, bool, int, float, str and bytes travel without pickle.
"""

from __future__ import annotations

from manyhands import _engine

from .synchronize import reduce_shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = ["Queue", "SimpleQueue"]


def _attach(kind: Any, handle: int) -> Any:
    """The queue that another process named, as this process's own."""
    made = kind.__new__(kind)
    made._open(0, handle)
    return made


def reduce_queue(queue: Any) -> tuple[Any, ...]:
    """As locks pickle. What a subclass keeps besides travels as it would with any object."""
    _, arguments = reduce_shared(queue)
    return _attach, arguments, vars(queue) or None


class Queue(_engine.Queue["T"]):
    """A queue for any number of processes; a positive `maxsize` bounds it."""

    _join_cancelled = False

    def __init__(self, maxsize: int = 0, *, ctx: Any) -> None:
        self._open(maxsize)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_queue(self)

    def put_nowait(self, obj: T) -> None:
        """`put` that raises Full instead of waiting."""
        self.put(obj, False)

    def get_nowait(self) -> T:
        """`get` that raises Empty instead of waiting."""
        return self.get(False)

    def join_thread(self) -> None:
        """Nothing to wait for: what was put has been handed over."""
        assert self._closed, f"Queue {self!r} not closed"

    def cancel_join_thread(self) -> None:
        """Nothing to cancel: no thread keeps what was put."""
        self._join_cancelled = True

    @staticmethod
    def _on_queue_feeder_error(e: BaseException, obj: object) -> None:
        """Told of an object that could not be pickled; may be overridden."""
        import traceback

        traceback.print_exception(e)


class SimpleQueue(_engine.SimpleQueue["T"]):
    """An unbounded queue with `put`, `get`, `empty` and `close`. An object that cannot be pickled is an error here."""

    def __init__(self, *, ctx: Any) -> None:
        self._open(0)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_queue(self)
