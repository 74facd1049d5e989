"""Locks, semaphores, events, conditions and barriers that processes share.

The engine's objects with the standard library's manners: a lock may be released by anybody, a re-entrant one by its
owner only; a negative time-out is zero; they pickle only while a process is being started. Unlike the standard
library's, a lock whose owner was killed goes to the next who asks, with a warning that names the dead process;
`owner_died` then tells which it was. A killed waiter takes no notification with it, and breaks its barrier.
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


def _attach(kind: Any, handle: int) -> Any:
    """The object that another process named, as this process's own. A program's subclass is not asked to make it."""
    made = next(base for base in kind.__mro__ if base.__module__ == _engine.__name__)
    return made.__new__(kind, handle=handle)


def reduce_shared(shared: Any) -> tuple[Any, ...]:
    """How an object of the arena pickles: by its number, and only for a process that is being started."""
    context.assert_spawning(shared)
    context.get_spawning_popen().share(shared._handle)
    return _attach, (type(shared), shared._handle)


def _owner(shared: _engine.Lock | _engine.RLock) -> str:
    if shared._is_mine():
        name: str = process.current_process().name
        thread = threading.current_thread().name
        return name if thread == "MainThread" else f"{name}|{thread}"
    if shared._get_value() == 1:
        return "None"
    return "SomeOtherThread" if shared._count() > 0 else "SomeOtherProcess"


class Lock(_engine.Lock):
    """A lock. Who has it is known, but anybody may release it."""

    def __new__(cls, *, ctx: Any) -> Lock:
        return super().__new__(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_shared(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(owner={_owner(self)})>"

    def locked(self) -> bool:
        """Whether nobody could take it now without waiting."""
        return self._semlock._is_zero()

    @property
    def _semlock(self) -> Inside:
        return Inside(self, SEMAPHORE, 1)


class RLock(_engine.RLock):
    """A lock that its owner may take again, and only its owner release."""

    def __new__(cls, *, ctx: Any) -> RLock:
        return super().__new__(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_shared(self)

    def __repr__(self) -> str:
        owner = _owner(self)
        if self._is_mine():
            count: int | str = self._count()
        else:
            count = 0 if owner == "None" else "nonzero"
        return f"<{type(self).__name__}({owner}, {count})>"

    def locked(self) -> bool:
        """Whether nobody could take it now without waiting."""
        return self._semlock._is_zero()

    @property
    def _semlock(self) -> Inside:
        return Inside(self, RECURSIVE_MUTEX, 1)


class Semaphore(_engine.Semaphore):
    """A number of permits. Those of a killed process come back only when it took them by `with`."""

    def __new__(cls, value: int = 1, *, ctx: Any) -> Semaphore:
        return super().__new__(cls, value, SEM_VALUE_MAX)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_shared(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()})>"

    def locked(self) -> bool:
        """Whether nobody could take it now without waiting."""
        return self._semlock._is_zero()

    @property
    def _semlock(self) -> Inside:
        return Inside(self, SEMAPHORE, self._max_value)

    @classmethod
    def _of(cls, value: int, most: int) -> Semaphore:
        """One with another limit than its class has."""
        return _engine.Semaphore.__new__(cls, value, most)


class BoundedSemaphore(Semaphore):
    """A number of permits that cannot grow above its first value."""

    def __new__(cls, value: int = 1, *, ctx: Any) -> BoundedSemaphore:
        return _engine.Semaphore.__new__(cls, value, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self._max_value})>"


class _Number(int):
    """A number that is asked for like a semaphore's."""

    def get_value(self) -> int:
        return int(self)


def _attach_condition(kind: Any, handle: int, lock: Lock | RLock) -> Any:
    condition = _attach(kind, handle)
    condition._stand_on(lock)
    return condition


class Condition(_engine.Condition):
    """Where processes wait, having given up a lock, until they are notified; the longest waiting first."""

    acquire: Callable[..., bool]
    release: Callable[[], None]
    _lock: Lock | RLock

    def __new__(cls, lock: Lock | RLock | None = None, *, ctx: Any) -> Condition:
        self = super().__new__(cls)
        self._stand_on(lock or ctx.RLock())
        return self

    def _stand_on(self, lock: Lock | RLock) -> None:
        self._lock = lock
        self.acquire = lock.acquire
        self.release = lock.release

    def __reduce__(self) -> tuple[Any, ...]:
        _, (kind, handle) = reduce_shared(self)
        return _attach_condition, (kind, handle, self._lock)

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(self, *args: Any) -> None:
        self._lock.__exit__(*args)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._lock}, {self._sleeping_count})>"

    def wait(self, timeout: float | None = None) -> bool:
        """Gives up the lock, waits to be notified, and takes the lock again; False when the time was over first."""
        if not self._lock._is_mine():
            raise AssertionError("must acquire() condition before using wait()")
        return self._wait(self._lock, timeout)

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Waits until `predicate` says something true, and gives that; at the end of the time what it says then."""
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
        """Wakes `n` of those that wait, or all if they are fewer."""
        if not self._lock._is_mine():
            raise AssertionError("lock is not owned: acquire() the condition before using notify()")
        self._notify(n)

    def notify_all(self) -> None:
        """Wakes all that wait."""
        self.notify(SEM_VALUE_MAX)

    @property
    def _sleeping_count(self) -> _Number:
        return _Number(self.statistics()["waiters"])

    _woken_count = _wait_semaphore = _Number(0)


class Event(_engine.Event):
    """A flag that can be waited for."""

    def __new__(cls, *, ctx: Any) -> Event:
        return super().__new__(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_shared(self)

    def __repr__(self) -> str:
        state = "set" if self.is_set() else "unset"
        return f"<{type(self).__qualname__} at {id(self):#x} {state}>"


def _attach_barrier(kind: Any, handle: int, action: Callable[[], object] | None, timeout: float | None) -> Any:
    barrier = _attach(kind, handle)
    barrier._action = action
    barrier._timeout = timeout
    return barrier


class Barrier(_engine.Barrier):
    """Where nobody goes on before all parties have arrived."""

    _action: Callable[[], object] | None
    _timeout: float | None

    def __new__(
        cls,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        ctx: Any,
    ) -> Barrier:
        self = super().__new__(cls, parties)
        self._action = action
        self._timeout = timeout
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        _, (kind, handle) = reduce_shared(self)
        return _attach_barrier, (kind, handle, self._action, self._timeout)

    def __repr__(self) -> str:
        kind = type(self)
        state = "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}"
        return f"<{kind.__module__}.{kind.__qualname__} at {id(self):#x}: {state}>"

    def wait(self, timeout: float | None = None) -> int:
        """Waits until all have arrived; a number from 0 to parties - 1, each for one of them.

        Raises BrokenBarrierError when the barrier is broken or reset, or when the time is over first, which breaks it.
        """
        place = self._wait(self._timeout if timeout is None else timeout, self._action)
        if isinstance(place, str):
            raise threading.BrokenBarrierError(place)
        return place


without_annotations(globals())
