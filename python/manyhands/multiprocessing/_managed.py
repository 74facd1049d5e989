"""What a manager makes that needs no server: queues, locks, semaphores, events, conditions, barriers in shared memory.

Each class has the methods and the errors of the object between threads that a server of the standard library would
keep. All are tied to the manager's lease: when its server has ended, they can be used no more, and waits there end with
EOFError. A killed process loses what it held, as everywhere in this package.

An object has an identity, which proxies carry: its kind, the lease, and the numbers of its parts in the arena.
"""

from __future__ import annotations

import sys
import weakref
from _thread import allocate_lock

from manyhands import _engine, _pickling
from manyhands._bare import without_annotations
from manyhands.queue import Empty, ShutDown

from . import queues, synchronize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

__all__ = ["TYPES", "Managed", "OnlyOnServer", "find", "is_identity", "lease_of"]

_PREFIX = "manyhands"


class OnlyOnServer(Exception):
    """An object with these arguments needs a server to keep it."""


class Managed:
    """An object of a manager's in shared memory."""

    #: What it is called in identities.
    kind: ClassVar[str]
    #: What the one between threads is called.
    like: ClassVar[str]
    #: What stands in the arena for it, in this order.
    classes: ClassVar[tuple[Any, ...]]
    #: The methods that proxies have.
    methods: ClassVar[tuple[str, ...]] = ("acquire", "release")

    @classmethod
    def make(cls, key: int, lease: _engine.Lease, ctx: Any, *args: Any, **kwds: Any) -> Managed:
        """A new one. Raises `OnlyOnServer` where it cannot stand in shared memory."""
        made = cls(lease, key, cls.parts_for(ctx, *args, **kwds))
        _known[made.identity] = made
        return made

    @classmethod
    def parts_for(cls, ctx: Any, *args: Any, **kwds: Any) -> list[Any]:
        """New objects of the arena for one that is made with these arguments."""
        raise OnlyOnServer

    def __init__(self, lease: _engine.Lease, key: int, parts: list[Any]) -> None:
        self.lease = lease
        self.key = key
        self.parts = parts
        for part in parts:
            part._manyhands_tie(lease)

    @property
    def identity(self) -> str:
        """What names it to other processes."""
        numbers = [self.key, self.lease.handle, *(part._manyhands_handle for part in self.parts)]
        return "-".join([_PREFIX, self.kind, *(f"{number:x}" for number in numbers)])

    def note(self) -> None:
        """Has the message that its identity is being written into keep it alive."""
        for shared in (self.lease.handle, *(part._manyhands_handle for part in self.parts)):
            _engine.note_shared(shared)

    def check(self) -> None:
        """Raises EOFError when the manager has ended."""
        if self.lease.is_over():
            raise EOFError(f"the manager of this {self.like} has ended")

    def __repr__(self) -> str:
        return f"<{self.like} object at {id(self):#x}>"


def _non_negative(timeout: float | None) -> None:
    if timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")


class _Items(queues.Queue[object]):
    """What is put where it cannot be pickled is an error at once: no thread pickles it later."""

    @staticmethod
    def _on_queue_feeder_error(e: BaseException, obj: object) -> None:
        raise e


class Queue(Managed):
    """As `queue.Queue`."""

    kind = "queue"
    like = "queue.Queue"
    methods = (
        *("empty", "full", "get", "get_nowait", "join", "put", "put_nowait", "qsize"),
        *(("shutdown",) if sys.version_info >= (3, 13) else ()),
        "task_done",
    )
    classes = (_Items, synchronize.Semaphore, synchronize.RLock, synchronize.Condition)

    @classmethod
    def parts_for(cls, ctx: Any, maxsize: int = 0) -> list[Any]:
        lock = ctx.RLock()
        return [_Items(maxsize, ctx=ctx), ctx.Semaphore(0), lock, ctx.Condition(lock)]

    def __init__(self, lease: _engine.Lease, key: int, parts: list[Any]) -> None:
        super().__init__(lease, key, parts)
        self._items, self._unfinished, _, self._finished = parts

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        if block and self._items._manyhands_maxsize:
            _non_negative(timeout)
        self._unfinished.release()
        there = False
        try:
            _pickling.carrying(self._items.put, item, block, timeout)
            there = True
        except ValueError:
            self._check_shut_down()
            raise
        finally:
            if not there:
                self._count_down()

    def get(self, block: bool = True, timeout: float | None = None) -> object:
        if block:
            _non_negative(timeout)
        try:
            return self._items.get(block, timeout)
        except ValueError:
            self._check_shut_down()
            raise

    def shutdown(self, immediate: bool = False) -> None:
        self._items._manyhands_shut_down()
        while immediate:
            try:
                self._items.get(False)
            except (Empty, ValueError):
                break
            self._count_down()

    def _check_shut_down(self) -> None:
        if self._items._manyhands_is_shut_down:
            raise ShutDown from None

    def put_nowait(self, item: object) -> None:
        self.put(item, False)

    def get_nowait(self) -> object:
        return self.get(False)

    def qsize(self) -> int:
        return int(self._items.qsize())

    def empty(self) -> bool:
        return bool(self._items.empty())

    def full(self) -> bool:
        return bool(self._items.full())

    def task_done(self) -> None:
        if not self._count_down():
            raise ValueError("task_done() called too many times")

    def join(self) -> None:
        with self._finished:
            while self._unfinished.get_value():
                self._finished.wait()

    def _count_down(self) -> bool:
        counted: bool = self._unfinished.acquire(False)
        if not self._unfinished.get_value():
            # As in a `JoinableQueue`: one that waits has seen more than 0 with the lock held.
            with self._finished:
                self._finished.notify_all()
        return counted


class Lock(Managed):
    """As `threading.Lock`."""

    kind = "lock"
    like = "_thread.lock"
    classes: ClassVar[tuple[Any, ...]] = (synchronize.Lock,)
    refused: ClassVar[tuple[type[Exception], str]] = (ValueError, "release unlocked lock")

    @classmethod
    def parts_for(cls, ctx: Any) -> list[Any]:
        return [cls.classes[0](ctx=ctx)]

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if timeout == -1 and blocking:
            return bool(self.parts[0].acquire())
        # A lock that is free shows whether these arguments make sense together.
        allocate_lock().acquire(blocking, timeout)
        return bool(self.parts[0].acquire(blocking, None if timeout == -1 else timeout))

    def release(self) -> None:
        refused, text = self.refused
        try:
            self.parts[0].release()
        except refused:
            raise RuntimeError(text) from None


class RLock(Lock):
    """As `threading.RLock`."""

    kind = "rlock"
    like = "_thread.RLock"
    classes = (synchronize.RLock,)
    refused = (AssertionError, "cannot release un-acquired lock")


class Semaphore(Managed):
    """As `threading.Semaphore`."""

    kind = "semaphore"
    like = "threading.Semaphore"
    classes: ClassVar[tuple[Any, ...]] = (synchronize.Semaphore,)

    @classmethod
    def parts_for(cls, ctx: Any, value: int = 1) -> list[Any]:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        return [cls.classes[0](value, ctx=ctx)]

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        return bool(self.parts[0].acquire(blocking, timeout))

    def release(self, n: int = 1) -> None:
        if n < 1:
            raise ValueError("n must be one or more")
        for _ in range(n):
            try:
                self.parts[0].release()
            except ValueError:
                raise ValueError("Semaphore released too many times") from None


class BoundedSemaphore(Semaphore):
    """As `threading.BoundedSemaphore`."""

    kind = "bounded"
    like = "threading.BoundedSemaphore"
    classes = (synchronize.BoundedSemaphore,)


class Event(Managed):
    """As `threading.Event`."""

    kind = "event"
    like = "threading.Event"
    methods = ("is_set", "set", "clear", "wait")
    classes = (synchronize.Event,)

    @classmethod
    def parts_for(cls, ctx: Any) -> list[Any]:
        return [ctx.Event()]

    def __init__(self, lease: _engine.Lease, key: int, parts: list[Any]) -> None:
        super().__init__(lease, key, parts)
        (event,) = parts
        self.is_set, self.set, self.clear, self.wait = event.is_set, event.set, event.clear, event.wait


class Condition(Managed):
    """As `threading.Condition`."""

    kind = "condition"
    like = "threading.Condition"
    methods = ("acquire", "release", "wait", "notify", "notify_all")
    classes: ClassVar[tuple[Any, ...]] = (synchronize.RLock, synchronize.Condition)

    @classmethod
    def make(cls, key: int, lease: _engine.Lease, ctx: Any, lock: Any = None) -> Managed:
        if lock is None:
            own = ctx.RLock()
        elif isinstance(getattr(lock, "_manyhands_managed", None), Lock):
            own = lock._manyhands_managed.parts[0]
        else:
            raise OnlyOnServer
        kind = cls if isinstance(own, synchronize.RLock) else LockCondition
        made = kind(lease, key, [own, ctx.Condition(own)])
        _known[made.identity] = made
        return made

    def __init__(self, lease: _engine.Lease, key: int, parts: list[Any]) -> None:
        super().__init__(lease, key, parts)
        lock, self._condition = parts
        kind = RLock if isinstance(lock, synchronize.RLock) else Lock
        self._lock = kind(lease, key, [lock])
        self.acquire, self.release = self._lock.acquire, self._lock.release

    def _check(self, what: str) -> None:
        if not self._lock.parts[0]._manyhands_is_mine():
            raise RuntimeError(f"cannot {what} on un-acquired lock")

    def wait(self, timeout: float | None = None) -> bool:
        self._check("wait")
        return bool(self._condition.wait(timeout))

    def notify(self, n: int = 1) -> None:
        lock = self._lock.parts[0]
        # As with threads, any of them may notify while a lock that is not re-entrant is held.
        if isinstance(lock, synchronize.RLock) or not lock.locked():
            self._check("notify")
        self._condition._manyhands_notify(n)

    def notify_all(self) -> None:
        self.notify(synchronize.SEM_VALUE_MAX)


class LockCondition(Condition):
    """The same, made with a lock that cannot be taken twice."""

    kind = "lock_condition"
    classes = (synchronize.Lock, synchronize.Condition)


class Barrier(Managed):
    """As `threading.Barrier`, without an action: that would run in the server."""

    kind = "barrier"
    like = "threading.Barrier"
    methods = ("__getattribute__", "wait", "abort", "reset")
    classes = (synchronize.Barrier,)

    @classmethod
    def parts_for(cls, ctx: Any, parties: int, action: Any = None, timeout: float | None = None) -> list[Any]:
        if action is not None or timeout is not None:
            raise OnlyOnServer
        return [ctx.Barrier(parties)]

    def __init__(self, lease: _engine.Lease, key: int, parts: list[Any]) -> None:
        super().__init__(lease, key, parts)
        (barrier,) = parts
        self.wait, self.abort, self.reset = barrier.wait, barrier.abort, barrier.reset

    parties = property(lambda self: self.parts[0].parties)
    n_waiting = property(lambda self: self.parts[0].n_waiting)
    broken = property(lambda self: self.parts[0].broken)


#: What a `SyncManager` makes, by its name there.
TYPES: dict[str, type[Managed]] = {
    "Queue": Queue,
    "JoinableQueue": Queue,
    "Lock": Lock,
    "RLock": RLock,
    "Semaphore": Semaphore,
    "BoundedSemaphore": BoundedSemaphore,
    "Event": Event,
    "Condition": Condition,
    "Barrier": Barrier,
}
_KINDS = {cls.kind: cls for cls in TYPES.values()} | {LockCondition.kind: LockCondition}

#: What this process knows, by identity.
_known: weakref.WeakValueDictionary[str, Managed] = weakref.WeakValueDictionary()

#: The leases that this process has references to, by key.
_leases: dict[int, _engine.Lease] = {}


def lease_of(key: int, handle: int) -> _engine.Lease | None:
    """The lease with that key, if it is one of this arena."""
    found = _leases.get(key)
    if found is None:
        try:
            found = _leases[key] = _engine.Lease(key, handle)
        except (ValueError, OSError):
            # No such lease, or no arena, and so none that could have it.
            return None
    return found


def is_identity(ident: object) -> bool:
    """Whether that is the identity of an object here, and not of one that a server keeps."""
    return isinstance(ident, str) and ident.startswith(_PREFIX + "-")


def find(identity: str) -> Managed | None:
    """The object of that identity, if it stands in this arena; `None` for an identity of another kind, too.

    Raises ValueError when the object is gone.
    """
    if not is_identity(identity):
        return None
    found = _known.get(identity)
    if found is not None:
        return found
    _, kind, *numbers = identity.split("-")
    key, handle, *handles = (int(number, 16) for number in numbers)
    lease = lease_of(key, handle)
    if lease is None:
        return None
    found = _known[identity] = _opened(_KINDS[kind], lease, key, handles)
    return found


def _opened(kind: type[Managed], lease: _engine.Lease, key: int, handles: list[int]) -> Managed:
    _pickling.read_afresh = True
    parts: list[Any] = []
    for cls, number in zip(kind.classes, handles, strict=True):
        part = synchronize.made(cls)
        part.__setstate__(_STATES.get(cls, _number)(number, parts))
        parts.append(part)
    return kind(lease, key, parts)


def _number(number: int, _: list[Any]) -> Any:
    return number


#: By class, the state from which the object with a number in the arena is opened, after the parts before it.
_STATES: dict[Any, Callable[[int, list[Any]], Any]] = {
    _Items: lambda number, _: (number, {}),
    synchronize.Condition: lambda number, before: (number, before[-1]),
    synchronize.Event: lambda number, _: (number, {}),
    synchronize.Barrier: lambda number, _: (number, None, None),
}

without_annotations(globals())
