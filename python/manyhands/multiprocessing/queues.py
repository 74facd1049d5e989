"""Queues that processes share, on the engine's ring.

`put` hands the object over at once. There is no feeder thread, so nothing is lost when the process ends or is killed,
and the receiver gets the object as it was at `put`. Three things are as in the standard library. An object that cannot
be pickled is reported by `_on_queue_feeder_error` and dropped; `put` on a closed queue is a ValueError; a queue pickles
only while a process is being started. None, bool, int, float, str and bytes travel without pickle.
"""

from __future__ import annotations

from manyhands import _engine, _pickling, _std
from manyhands._bare import without_annotations
from manyhands._standard_error import report
from manyhands.queue import Empty, Full  # noqa: F401  Where programs look for them.

from .synchronize import SEM_VALUE_MAX, Shared, handle_for_child, made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = ["Queue", "SimpleQueue", "JoinableQueue"]

#: How long `join` waits before it looks for objects whose taker was killed, in seconds. It tells what it sees twice.
_BETWEEN_LOOKS = 1.0


def __getattr__(name: str) -> Any:
    return _std.rest(__name__, name)


def __dir__() -> list[str]:
    return _std.names(__name__)


def _note_readers(ctx: Any) -> None:
    if ctx.get_start_method() != "fork":
        _pickling.read_afresh = True


class _Reader(_engine.QueueReader):
    """The end for reading of a queue, as far as a connection's methods make sense there.

    It can be waited for: by `connection.wait`, by selectors and event loops. Its `fileno` is the number of a descriptor
    that can be read while the queue has something. Nothing else can be read from it.
    """

    readable = True
    writable = False

    def recv_bytes(self) -> bytes:
        """Takes the next object and returns it pickled."""
        pickled: bytes = bytes(_pickling.dumps(self.recv()))
        return pickled

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return made, (type(self),), self.__getstate__()

    def __getstate__(self) -> Any:
        return handle_for_child(self)

    def __setstate__(self, handle: int) -> None:
        self._manyhands_open(None, handle)


class _ReaderOnDemand:
    """The attribute `_reader`, made when it is first asked for."""

    def __get__(self, queue: Any, owner: type | None = None) -> Any:
        if queue is None:
            return self
        reader = vars(queue)["_reader"] = _Reader()
        reader._manyhands_open(queue)
        return reader


class _PollOfReader:
    """The attribute `_poll`."""

    def __get__(self, queue: Any, owner: type | None = None) -> Any:
        return self if queue is None else queue._reader.poll


class _Travelling:
    """A queue pickles as locks do. What a subclass keeps besides travels as it would with any object, and its own
    `__getstate__` and `__setstate__` may build on these."""

    _reader = _ReaderOnDemand()
    _poll = _PollOfReader()

    def __reduce__(self) -> tuple[Any, ...]:
        return made, (type(self),), self.__getstate__()

    def __getstate__(self) -> Any:
        kept = vars(self)
        if type(kept.get("_reader")) is _Reader:
            kept = {name: value for name, value in kept.items() if name != "_reader"}
        return handle_for_child(self), kept

    def __setstate__(self, state: Any) -> None:
        _pickling.read_afresh = True
        handle, kept = state
        self._manyhands_open(0, handle)  # type: ignore[attr-defined]
        vars(self).update(kept)


class Queue(_Travelling, _engine.Queue["T"]):
    """A queue for any number of processes, first in, first out.

    `maxsize` is how many objects may wait in it before `put` waits for room; 0 or less sets no limit.
    """

    def __init__(self, maxsize: int = 0, *, ctx: Any) -> None:
        _note_readers(ctx)
        self._manyhands_open(maxsize)
        # A subclass may have set it before.
        vars(self).pop("_maxsize", None)

    @property
    def _maxsize(self) -> Any:
        if "_maxsize" in vars(self):
            return vars(self)["_maxsize"]
        return self._manyhands_maxsize or SEM_VALUE_MAX

    @_maxsize.setter
    def _maxsize(self, maxsize: Any) -> None:
        # How many fit was said when it was made; as in the standard library this changes nothing of it.
        vars(self)["_maxsize"] = maxsize

    def put_nowait(self, obj: T) -> None:
        """Puts an object into the queue, as `put` does, but raises Full instead of waiting."""
        self.put(obj, False)

    def get_nowait(self) -> T:
        """Takes the next object, as `get` does, but raises Empty instead of waiting."""
        return self.get(False)

    def join_thread(self) -> None:
        """Returns at once, since what was put has been handed over. Raises AssertionError when it is open."""
        assert self._closed, f"Queue {self!r} not closed"

    def cancel_join_thread(self) -> None:
        """Nothing to cancel: no thread keeps what was put."""
        self._joincancelled = True

    @staticmethod
    def _on_queue_feeder_error(e: BaseException, obj: object) -> None:
        """Called with an object that could not be pickled; may be overridden."""
        import traceback

        traceback.print_exception(e)


class _Tally(Shared, _engine.Tally):
    """How many objects each process has taken and not reported done."""


class JoinableQueue(Queue["T"]):
    """A queue that counts what was put until `task_done` is called for it; `join` waits for the count to be 0."""

    #: None in an object of a subclass that begins or comes back without our part of it.
    _manyhands_taken: _Tally | None = None

    def __init__(self, maxsize: int = 0, *, ctx: Any) -> None:
        super().__init__(maxsize, ctx=ctx)
        self._unfinished_tasks = ctx.Semaphore(0)
        self._cond = ctx.Condition()
        self._manyhands_taken = _Tally()
        self._manyhands_taken._manyhands_open()
        self._manyhands_count_in(self._manyhands_taken)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        if self._manyhands_taken is not None:
            self._manyhands_count_in(self._manyhands_taken)

    def put(self, obj: T, block: bool = True, timeout: float | None = None) -> None:
        """Puts an object, as `Queue.put` does; it counts as unfinished until `task_done` is called for it."""
        # Counted before it can be taken: the receiver may be done with it at once.
        self._unfinished_tasks.release()
        there = False
        try:
            there = self._manyhands_hand_over(obj, block, timeout)
        finally:
            if not there:
                _count_down(self)

    def task_done(self) -> None:
        """Reports that the work on an object from `get` is done. Called once too often, it is a ValueError."""
        if not _count_down(self):
            raise ValueError("task_done() called too many times")
        if self._manyhands_taken is not None:
            self._manyhands_taken.subtract()

    def join(self) -> None:
        """Waits until every object that was put has been reported done, by one `task_done` for each.

        What a killed process had taken is waited for as well, since another may report it done. This wait is then
        reported on standard error, once.
        """
        known, is_told = None, False
        with self._cond:
            while self._unfinished_tasks.get_value():
                if self._cond.wait(None if is_told else _BETWEEN_LOOKS):
                    return
                lost = None if self._manyhands_taken is None else self._manyhands_taken.lost()
                if lost is not None and lost == known:
                    _tell_of_lost(self, *lost)
                    is_told = True
                known = lost


def _tell_of_lost(queue: JoinableQueue[Any], count: int, first: str) -> None:
    objects = "1 object" if count == 1 else f"{count} objects"
    report(
        f"manyhands: join() of {queue!r} waits for {objects} whose taker was killed before it called task_done(): "
        f"{first}{' first' if count > 1 else ''}; unless another process calls it, the wait lasts for ever"
    )


def _count_down(queue: JoinableQueue[Any]) -> bool:
    """One object fewer is to be dealt with; whether there was one."""
    unfinished = queue._unfinished_tasks
    counted: bool = unfinished.acquire(False)
    if not unfinished.get_value():
        # One that waits has seen a number above 0 with the lock held, and gives the lock up in its wait. So it waits by
        # now, or sees that nothing is left.
        with queue._cond:
            queue._cond.notify_all()
    return counted


class SimpleQueue(_Travelling, _engine.SimpleQueue["T"]):
    """An unbounded queue with `put`, `get`, `empty` and `close`. An object that cannot be pickled is an error here."""

    def __init__(self, *, ctx: Any) -> None:
        _note_readers(ctx)
        self._manyhands_open(0)


without_annotations(globals())
