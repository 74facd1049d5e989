"""Locks, semaphores, events, conditions and barriers that processes share.

The engine's objects with the standard library's manners: anybody may release a lock, and only its owner a re-entrant
one. A negative time-out is zero. They pickle only while a process is being started. One thing is not as there: a lock
whose owner was killed goes to the next process that asks, with a warning that names the dead one. `owner_died` is its
name from then on. A killed waiter takes no notification with it, and breaks its barrier. What is the
engine's own in them stands under names that no program uses, for the subclasses that programs make.
"""

from __future__ import annotations

import threading
import time

from manyhands import _engine, _std
from manyhands._bare import without_annotations

from . import context
from ._semlock import RECURSIVE_MUTEX, SEMAPHORE, Inside, SemLock  # noqa: F401

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

process: Any = _std.module("process")

__all__ = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"]


def __getattr__(name: str) -> Any:
    return _std.rest(__name__, name)


def __dir__() -> list[str]:
    return _std.names(__name__)


SEM_VALUE_MAX = 2**31 - 1


def handle_for_child(shared: Any) -> int:
    """By what number a process that is being started finds the object, which it gets a reference to."""
    context.assert_spawning(shared)
    handle: int = shared._manyhands_handle
    context.get_spawning_popen()._manyhands_share(handle)
    return handle


def made(kind: Any) -> Any:
    """An object that is to be opened yet."""
    return kind.__new__(kind)


class Shared:
    """How an object of the arena pickles: by its number, and only for a process that is being started.

    As in the standard library attributes of a subclass stay behind; its own `__getstate__` and `__setstate__` may build
    on these.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return made, (type(self),), self.__getstate__()

    def __getstate__(self) -> Any:
        return handle_for_child(self)

    def __setstate__(self, state: Any) -> None:
        self._manyhands_open(handle=state)  # type: ignore[attr-defined]


def _owner(shared: _engine.Lock | _engine.RLock) -> str:
    if shared._manyhands_is_mine():
        name: str = process.current_process().name
        thread = threading.current_thread().name
        return name if thread == "MainThread" else f"{name}|{thread}"
    if shared._manyhands_value() == 1:
        return "None"
    return "SomeOtherThread" if shared._manyhands_count() > 0 else "SomeOtherProcess"


class _OwnerDied:
    """The attribute `owner_died`. Not a property: a subclass may have something of its own under that name."""

    def __get__(self, lock: Any, kind: type | None = None) -> Any:
        if lock is None:
            return self
        base: Any = _engine.RLock if isinstance(lock, _engine.RLock) else _engine.Lock
        return base.owner_died.__get__(lock)


class _Held(Shared):
    """What both kinds of locks have."""

    _manyhands_kind: int
    #: The process that died with the lock last, if that is how this process got it.
    owner_died: Any = _OwnerDied()

    def __init__(self, *, ctx: Any) -> None:
        self._manyhands_open()  # type: ignore[attr-defined]

    def locked(self) -> bool:
        """Whether nobody could take it now without waiting."""
        return self._semlock._is_zero()

    @property
    def _semlock(self) -> Inside:
        return Inside(self, self._manyhands_kind, 1)  # type: ignore[arg-type]


class Lock(_Held, _engine.Lock):
    """A lock. Its owner is known, but anybody may release it."""

    _manyhands_kind = SEMAPHORE

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(owner={_owner(self)})>"


class RLock(_Held, _engine.RLock):
    """A lock that its owner may take again, and only its owner release."""

    _manyhands_kind = RECURSIVE_MUTEX

    def __repr__(self) -> str:
        owner = _owner(self)
        if self._manyhands_is_mine():
            count: int | str = self._manyhands_count()
        else:
            count = 0 if owner == "None" else "nonzero"
        return f"<{type(self).__name__}({owner}, {count})>"


class Semaphore(Shared, _engine.Semaphore):
    """A number of permits. `acquire` takes one, waiting while there is none; `release` gives one back or adds one.

    `value` is how many there are at first. Those of a killed process come back only when it took them by `with`.
    """

    def __init__(self, value: int = 1, *, ctx: Any) -> None:
        self._manyhands_open(value, SEM_VALUE_MAX)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()})>"

    def locked(self) -> bool:
        """Whether nobody could take it now without waiting."""
        return self._semlock._is_zero()

    @property
    def _semlock(self) -> Inside:
        return Inside(self, SEMAPHORE, self._manyhands_maximum)


class BoundedSemaphore(Semaphore):
    """A semaphore that never has more permits than the `value` it was made with."""

    def __init__(self, value: int = 1, *, ctx: Any) -> None:
        self._manyhands_open(value, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self._manyhands_maximum})>"


class _Number(int):
    """A number that is asked for like a semaphore's."""

    def get_value(self) -> int:
        return int(self)


class Condition(Shared, _engine.Condition):
    """Where processes wait, having given up a lock, until they are notified; the longest waiting first.

    The lock is `lock`, or without it an `RLock` of its own. `acquire`, `release` and a `with` are those of the lock.
    """

    acquire: Callable[..., bool]
    release: Callable[[], None]
    _lock: Lock | RLock

    def __init__(self, lock: Lock | RLock | None = None, *, ctx: Any) -> None:
        self._lock = lock or ctx.RLock()
        self._manyhands_open()
        self._make_methods()

    def _make_methods(self) -> None:
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def __getstate__(self) -> Any:
        return handle_for_child(self), self._lock

    def __setstate__(self, state: Any) -> None:
        handle, self._lock = state
        self._manyhands_open(handle)
        self._make_methods()

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(self, *args: Any) -> None:
        self._lock.__exit__(*args)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._lock}, {self._sleeping_count})>"

    def wait(self, timeout: float | None = None) -> bool:
        """Gives up the lock, waits to be notified, and takes the lock again before it returns.

        Returns True, or False when `timeout` seconds were over first; `None` is no limit. Raises AssertionError when
        the calling thread does not hold the lock.
        """
        if not self._lock._manyhands_is_mine():
            raise AssertionError("must acquire() condition before using wait()")
        return self._manyhands_wait(self._lock, timeout)

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Waits until `predicate()` is true, and returns what it returned last.

        The predicate is called first, and again after each wake-up, with the lock held. When `timeout` seconds in all
        are over the wait ends, and the result may be false; `None` is no limit.
        """
        limit = None if timeout is None else time.monotonic() + timeout
        result = predicate()
        while not result:
            left = None if limit is None else limit - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Wakes `n` of those that wait, or all if they are fewer.

        Raises AssertionError when the calling thread does not hold the lock.
        """
        if not self._lock._manyhands_is_mine():
            raise AssertionError("lock is not owned")
        self._manyhands_notify(n)

    def notify_all(self) -> None:
        """Wakes all that wait. Raises AssertionError when the calling thread does not hold the lock."""
        self.notify(SEM_VALUE_MAX)

    @property
    def _sleeping_count(self) -> _Number:
        return _Number(_engine.Condition.statistics(self)["waiters"])

    _woken_count = _wait_semaphore = _Number(0)


class Event(Shared, _engine.Event):
    """A flag that processes can wait for: `set` sets it, `clear` clears it, `wait` waits for it. It begins unset."""

    def __init__(self, *, ctx: Any) -> None:
        self._manyhands_open()

    # The standard class has no methods of its own for this, so attributes of a subclass travel.

    def __getstate__(self) -> Any:
        return handle_for_child(self), vars(self)

    def __setstate__(self, state: Any) -> None:
        handle, kept = state
        self._manyhands_open(handle)
        vars(self).update(kept)

    def __repr__(self) -> str:
        state = "set" if self.is_set() else "unset"
        return f"<{type(self).__qualname__} at {id(self):#x} {state}>"


class Barrier(Shared, _engine.Barrier):
    """Where processes wait for one another: none goes on before as many as `parties` have called `wait`.

    The last of them calls `action` first, if there is one. `timeout` is the limit, in seconds, for each `wait` that has
    none of its own. The barrier can be used again when all have gone on.
    """

    _action: Callable[[], object] | None
    _timeout: float | None

    def __init__(
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        ctx: Any,
    ) -> None:
        self._manyhands_open(parties)
        self._action = action
        self._timeout = timeout

    def __getstate__(self) -> Any:
        return handle_for_child(self), self._action, self._timeout

    def __setstate__(self, state: Any) -> None:
        handle, self._action, self._timeout = state
        self._manyhands_open(handle=handle)

    def __repr__(self) -> str:
        kind = type(self)
        state = "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}"
        return f"<{kind.__module__}.{kind.__qualname__} at {id(self):#x}: {state}>"

    def wait(self, timeout: float | None = None) -> int:
        """Waits until all have arrived, and returns a number from 0 to `parties - 1`, a different one to each.

        The last to arrive calls the action first; what that raises is raised there, and breaks the barrier.
        `timeout`, in seconds, is used instead of the barrier's own. Raises BrokenBarrierError when the time is over
        before all have arrived, which breaks the barrier, and when the barrier is broken or reset.
        """
        place = self._manyhands_wait(self._timeout if timeout is None else timeout, self._action)
        if isinstance(place, str):
            raise threading.BrokenBarrierError(place) if place else threading.BrokenBarrierError
        return place


without_annotations(globals())
