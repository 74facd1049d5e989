"""Locks, semaphores and events that processes share.

The engine's objects with the standard library's manners: a lock may be released by anybody, a re-entrant one by its
owner only; a negative time-out is zero; they pickle only while a process is being started. Unlike the standard
library's, a lock whose owner was killed goes to the next who asks, with a warning that names the dead process;
`owner_died` then tells which it was.
"""

from __future__ import annotations

import threading

from manyhands import _engine, _std

from . import context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

process: Any = _std.module("process")

__all__ = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Event"]

SEM_VALUE_MAX = 2**31 - 1


def _attach(kind: Any, handle: int) -> Any:
    """The object that another process named, as this process's own."""
    return kind.__new__(kind, handle=handle)


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

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_shared(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(owner={_owner(self)})>"


class RLock(_engine.RLock):
    """A lock that its owner may take again, and only its owner release."""

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_shared(self)

    def __repr__(self) -> str:
        owner = _owner(self)
        if self._is_mine():
            count: int | str = self._count()
        else:
            count = 0 if owner == "None" else "nonzero"
        return f"<{type(self).__name__}({owner}, {count})>"


class Semaphore(_engine.Semaphore):
    """A number of permits. Those of a killed process come back only when it took them by `with`."""

    def __new__(cls, value: int = 1, *, ctx: Any = None, handle: int | None = None) -> Semaphore:
        return super().__new__(cls, value, SEM_VALUE_MAX, ctx=ctx, handle=handle)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_shared(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()})>"


class BoundedSemaphore(Semaphore):
    """A number of permits that cannot grow above its first value."""

    def __new__(cls, value: int = 1, *, ctx: Any = None, handle: int | None = None) -> BoundedSemaphore:
        return _engine.Semaphore.__new__(cls, value, value, ctx=ctx, handle=handle)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self._max_value})>"


class Event(_engine.Event):
    """A flag that can be waited for."""

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_shared(self)

    def __repr__(self) -> str:
        state = "set" if self.is_set() else "unset"
        return f"<{type(self).__qualname__} at {id(self):#x} {state}>"
