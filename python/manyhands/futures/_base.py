"""Futures, and waiting for several of them.

A wait for several has each future put into one queue when it is over, so it costs what finishes and not what is
pending. The standard library's own functions work on our futures too: they find a condition and a list of waiters
there, made when first looked at.
"""

from __future__ import annotations

import time
from types import MemberDescriptorType

from manyhands import _aside, _engine, _std
from manyhands._bare import without_annotations
from manyhands.queue import Empty, SimpleQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import _base as _standard
    from concurrent.futures._base import (
        ALL_COMPLETED,
        CANCELLED,
        CANCELLED_AND_NOTIFIED,
        FINISHED,
        FIRST_COMPLETED,
        FIRST_EXCEPTION,
        LOGGER,
        PENDING,
        RUNNING,
        BrokenExecutor,
        CancelledError,
        DoneAndNotDoneFutures,
        Executor,
        InvalidStateError,
        TimeoutError,
    )
    from threading import Condition
    from typing import Any, TypeVar

    T = TypeVar("T")
else:
    _standard = _std.standard("concurrent.futures._base")
    Condition = _std.original("threading", "Condition")

__all__ = [
    "ALL_COMPLETED",
    "CANCELLED",
    "CANCELLED_AND_NOTIFIED",
    "FINISHED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "LOGGER",
    "PENDING",
    "RUNNING",
    "BrokenExecutor",
    "CancelledError",
    "DoneAndNotDoneFutures",
    "Executor",
    "Future",
    "InvalidStateError",
    "TimeoutError",
    "as_completed",
    "wait",
]
if not TYPE_CHECKING:
    globals().update(
        (name, getattr(_standard, name)) for name in __all__ if name not in ("Future", "as_completed", "wait")
    )


def __getattr__(name: str) -> Any:
    # Libraries read private names of the standard module.
    return getattr(_standard, name)


def __dir__() -> list[str]:
    return dir(_standard)


class _Inside:
    """An attribute of the standard class. To look at it, or to set it, opens the future, and from then on the instance
    has it."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        there: dict[str, Any] = instance.__dict__
        if self._name not in there:
            # First: a thread that finds the attribute counts on changes only while the condition is held.
            # Nothing is held here, since this may run a program's code.
            instance._manyhands_open()
            there.setdefault(self._name, self._make())
        return there[self._name]

    def __set__(self, instance: Any, value: object) -> None:
        instance._manyhands_open()
        instance.__dict__[self._name] = value


class _Callbacks:
    """The list of a future's callbacks, which the engine keeps until somebody looks."""

    _name = "_done_callbacks"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        there: dict[str, Any] = instance.__dict__
        if self._name not in there:
            # A thread that comes to call them waits here until the list is there.
            with instance._condition:
                if self._name not in there:
                    there[self._name] = instance._manyhands_list_callbacks()
        return there[self._name]

    def __set__(self, instance: Any, value: object) -> None:
        with instance._condition:
            instance._manyhands_list_callbacks()
            instance.__dict__[self._name] = value


class _Covered:
    """What a subclass has by the name of such an attribute: each future has its own, which an object of the standard
    class gets when it begins. The class keeps what it says."""

    def __init__(self, of_class: object, ours: Any) -> None:
        self._of_class = of_class
        self._ours = ours

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._of_class if instance is None else self._ours.__get__(instance, owner)

    def __set__(self, instance: Any, value: object) -> None:
        self._ours.__set__(instance, value)


class Future(_engine.Future["T"], _standard.Future["T"]):
    """The answer of a call that may still be under way. `Executor.submit` makes it.

    A program waits for the call (`result`, `exception`), asks after it (`running`, `done`, `cancelled`), or withdraws
    it (`cancel`).
    """

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name in _INSIDE & vars(cls).keys():
            own = vars(cls)[name]
            # One that says how it is set has its way, unless it is a slot, which is a mere place.
            if not hasattr(type(own), "__set__") or isinstance(own, MemberDescriptorType):
                setattr(cls, name, _Covered(own, getattr(Future, name)))

    _condition: Any = _Inside(Condition)
    _waiters: Any = _Inside(list)
    _done_callbacks: Any = _Callbacks()
    # How callbacks are kept and called once they stand in that list.
    _manyhands_list_callback = _standard.Future.add_done_callback
    _manyhands_invoke_listed = _standard.Future._invoke_callbacks  # type: ignore[attr-defined]

    # The standard one makes what is made here when somebody looks.
    __init__ = object.__init__

    # The engine keeps the one or the other: an exception hides a result that stands beside it.

    @property
    def _result(self) -> Any:
        is_error, answer = self._manyhands_settled()
        return None if is_error else answer

    @_result.setter
    def _result(self, result: Any) -> None:
        if not self._manyhands_settled()[0]:
            self._manyhands_replace(result, False)

    @property
    def _exception(self) -> Any:
        is_error, answer = self._manyhands_settled()
        return answer if is_error else None

    @_exception.setter
    def _exception(self, exception: Any) -> None:
        if exception is not None or self._manyhands_settled()[0]:
            self._manyhands_replace(exception, exception is not None)

    def _manyhands_settled(self) -> tuple[bool, Any]:
        # A worker's answer is fetched by the look at the state.
        _engine.Future.done(self)
        return self._manyhands_answer()

    def __setattr__(self, name: str, value: Any) -> None:
        # An attribute of a program's own may lead back here.
        self._manyhands_watch_for_cycles()
        super().__setattr__(name, value)

    def _manyhands_notify_waiters(self) -> None:
        """The future has changed, with the condition held: notifies waiters of the standard library's kind."""
        state = self._state
        for waiter in self._waiters if state in (FINISHED, CANCELLED_AND_NOTIFIED) else ():
            if state == CANCELLED_AND_NOTIFIED:
                waiter.add_cancelled(self)
            elif self.exception() is None:
                waiter.add_result(self)
            else:
                waiter.add_exception(self)
        self._condition.notify_all()

    def _manyhands_report(self, error: BaseException) -> None:
        """A callback raised something."""
        LOGGER.error("exception calling callback for %r", self, exc_info=error)

    def _manyhands_unexpected(self, state: str) -> None:
        """Somebody began with a call that is no longer to be begun with."""
        LOGGER.critical("Future %s in unexpected state: %s", id(self), state)

    def __repr__(self) -> str:
        state = _standard._STATE_TO_DESCRIPTION_MAP[self._state]
        came_to = ""
        if self._state == FINISHED:
            # As the class asks that is this one's example: an exception that is not true is none.
            error: Any = self._exception
            came_to = f" raised {type(error).__name__}" if error else f" returned {type(self._result).__name__}"
        return f"<{type(self).__name__} at {id(self):#x} state={state}{came_to}>"


#: What each future has of its own.
_INSIDE = {"_state", "_result", "_exception", "_condition", "_waiters", "_done_callbacks"}


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)


def _watch_all(futures: set[Future[T]], over: SimpleQueue[Future[T]]) -> None:
    for future in futures:
        future._manyhands_watch(over)


def _unwatch_all(futures: set[Future[T]], over: SimpleQueue[Future[T]]) -> None:
    for future in futures:
        future._manyhands_unwatch(over)


def as_completed(fs: Iterable[Future[T]], timeout: float | None = None) -> Iterator[Future[T]]:
    """Gives the futures one by one, each as soon as it is over or withdrawn; those that are by now come first.

    A future that is in `fs` twice is given once. They may be of several executors. Raises TimeoutError when some are
    not over after `timeout` seconds in all; `None` is no limit.
    """
    pending = set(fs)
    if _aside.in_force or not all(isinstance(future, Future) for future in pending):
        yield from _standard.as_completed(pending, timeout)  # type: ignore[misc]
        return
    deadline = None if timeout is None else time.monotonic() + timeout
    count = len(pending)
    over: SimpleQueue[Future[T]] = SimpleQueue()
    _watch_all(pending, over)
    try:
        while pending:
            try:
                found = [over.get(timeout=_left(deadline))]
            except Empty:
                raise TimeoutError(f"{len(pending)} (of {count}) futures unfinished") from None
            pending.remove(found[0])
            # Nothing here keeps what is given away.
            yield found.pop()
    finally:
        _unwatch_all(pending, over)


def wait(
    fs: Iterable[Future[T]], timeout: float | None = None, return_when: str = ALL_COMPLETED
) -> DoneAndNotDoneFutures[T]:
    """Waits for futures, and returns two sets of them: those that are over (`done`) and the others (`not_done`).

    It waits until all are over or withdrawn; with `return_when=FIRST_COMPLETED` until one is; with FIRST_EXCEPTION
    until one has raised, or all are over. After `timeout` seconds it returns in any case, without an error; `None` is
    no limit. Any other `return_when` is a ValueError.
    """
    if return_when not in (FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED):
        raise ValueError(f"Invalid return condition: {return_when!r}")
    pending = set(fs)
    if _aside.in_force or not all(isinstance(future, Future) for future in pending):
        return _standard.wait(pending, timeout, return_when)
    deadline = None if timeout is None else time.monotonic() + timeout
    if return_when == ALL_COMPLETED:
        for future in pending:
            future._manyhands_await_worker(_left(deadline))
    over: SimpleQueue[Future[T]] = SimpleQueue()
    _watch_all(pending, over)
    done = set()
    enough = False
    try:
        while pending:
            try:
                future = over.get(not enough, _left(deadline))
            except Empty:
                break
            pending.remove(future)
            done.add(future)
            enough = enough or return_when == FIRST_COMPLETED
            if return_when == FIRST_EXCEPTION and not future.cancelled() and future.exception() is not None:
                enough = True
    finally:
        _unwatch_all(pending, over)
    return DoneAndNotDoneFutures(done, pending)  # type: ignore[arg-type]


def _stand_aside() -> None:
    """The program's threads become greenlets, and wait for an answer as the standard class does."""
    for name in ("result", "exception"):
        setattr(Future, name, getattr(_standard.Future, name))


_aside.standing_aside(_stand_aside)

without_annotations(globals())
_engine.note_future_class(Future)
