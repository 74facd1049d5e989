"""Threads, locks and what stands on them: the names of the standard library's `threading`, on the engine.

`Thread` is a subclass of the standard one and shares its registry, so whoever asks the standard module gets the same
answer. Locks, conditions, semaphores, events and barriers are the engine's: a wait is seen by others (`Thread.state`),
and one that can never end is an error (`DeadlockError`). Every other name is the standard module's, to read and to
write: `threading.excepthook = f` sets it there.
"""

from __future__ import annotations

import sys
from types import ModuleType

from . import _engine, _std
from ._engine import ThreadLock as Lock
from ._engine import ThreadRLock as RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_standard: Any = _std.standard("threading")

__all__ = [*_standard.__all__]

_RLock = _CRLock = _PyRLock = RLock
LockType = Lock
BrokenBarrierError = _standard.BrokenBarrierError
get_ident = _standard.get_ident


class Condition(_engine.ThreadCondition):
    """A place where threads wait, under a lock, to be told that something has changed."""

    def notifyAll(self) -> None:
        """Deprecated: use `notify_all`."""
        _outdated("notifyAll() is deprecated, use notify_all() instead")
        self.notify_all()


class Semaphore(_engine.ThreadSemaphore):
    """A number of permits."""

    _bounded = False


class BoundedSemaphore(Semaphore):
    """A number of permits that cannot grow above its first value."""

    _bounded = True


class Event(_engine.ThreadEvent):
    """A flag that threads wait for."""

    def isSet(self) -> bool:
        """Deprecated: use `is_set`."""
        _outdated("isSet() is deprecated, use is_set() instead")
        return self.is_set()


class Barrier(_engine.ThreadBarrier):
    """A place that nobody leaves before all have come."""


def _outdated(text: str) -> None:
    import warnings

    warnings.warn(text, DeprecationWarning, stacklevel=3)


def trust_with(trusted: bool) -> None:
    """Says whether nobody but its holder releases a lock taken by `with`, as is assumed at first.

    A program in which one thread releases what another has taken by `with` says False. Threads that wait for one
    another for such locks then get an error only when nobody else is left. A `with` in a generator or a coroutine,
    which another thread may go on with, is never trusted so.
    """
    _engine.trust_with(trusted)


class State(str):
    """What a thread is doing, as known when it was asked: New, Ready, Running, Blocked or Dead."""

    __slots__ = ("on",)

    #: What a blocked thread waits for: the lock, the condition, the thread; `None` when that is outside the engine.
    on: object

    def __new__(cls, name: str, on: object = None) -> State:
        state = super().__new__(cls, name)
        state.on = on
        return state


class _Told:
    """The attribute `state`. Not a property: a subclass that keeps a state of its own under that name has its own."""

    def __get__(self, thread: Any, kind: type | None = None) -> Any:
        return self if thread is None else thread._tell_state()


class Thread(_standard.Thread):  # type: ignore[misc]
    """A thread of control, seen by the engine."""

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Any = (),
        kwargs: Mapping[str, Any] | None = None,
        *more: Any,
        daemon: bool | None = None,
        **others: Any,
    ) -> None:
        super().__init__(group, target, name, args, kwargs, *more, daemon=daemon, **others)
        self._life = _engine.ThreadLife()

    def start(self) -> None:
        """Starts the thread, once."""
        if self._initialized and self._started.is_set():
            raise RuntimeError(f"threads can only be started once: {self!r}")
        super().start()
        _engine.count_thread()

    def _bootstrap_inner(self) -> None:
        life = self._life
        life.begin(self._name)
        try:
            super()._bootstrap_inner()
        finally:
            life.end()

    def join(self, timeout: float | None = None) -> None:
        """Waits until the thread has ended, or the time is over."""
        if self._initialized and not self._started.is_set():
            raise RuntimeError(f"cannot join thread before it is started: {self!r}")
        if self._initialized and self is _standard.current_thread():
            raise RuntimeError(f"cannot join current thread: {self!r}")
        if self._initialized and _standard.Thread.is_alive(self):
            life = self._life
            if timeout is None:
                life.join(self)
            else:
                begin = _standard._time()
                life.join(self, max(timeout, 0))
                timeout = max(timeout - (_standard._time() - begin), 0)
        super().join(timeout)

    #: What the thread is doing, a `State`.
    state: Any = _Told()

    def _tell_state(self) -> State:
        return _state(self, self._life.number if self._initialized else 0)


def _state(thread: Any, number: int) -> State:
    if not thread._started.is_set():
        return State("Ready" if thread in _standard._limbo else "New")
    if not thread.is_alive():
        return State("Dead")
    waits = _engine.waits_for(number)
    if waits is not None:
        ready, on = waits
        return State("Ready") if ready else State("Blocked", on)
    letter = _engine.kernel_state(thread.native_id)
    return State("Running") if letter in ("R", None) else State("Blocked")


class _MainThread(Thread, _standard._MainThread):  # type: ignore[misc]
    """The main thread: the standard module's own object, seen by the engine, too."""

    def join(self, timeout: float | None = None) -> None:
        """Waits until the main thread has ended, or the time is over."""
        if self is _standard.current_thread():
            raise RuntimeError(f"cannot join current thread: {self!r}")
        if not _standard._MainThread.is_alive(self):
            _standard._MainThread.join(self, timeout)
        else:
            self._end.join(self, timeout if timeout is None else max(timeout, 0))

    def is_alive(self) -> bool:
        """Whether the main thread has not ended."""
        return not self._end.has_ended and bool(super().is_alive())


class _DummyThread(Thread, _standard._DummyThread):  # type: ignore[misc]
    """A thread that was started by other means."""

    join = _standard._DummyThread.join

    def _tell_state(self) -> State:
        return _state(self, 0)


class Timer(Thread):
    """Calls a function after some time, unless it is cancelled before."""

    cancel = _standard.Timer.cancel
    run = _standard.Timer.run

    def __init__(self, interval: float, function: Callable[..., object], args: Any = None, kwargs: Any = None) -> None:
        super().__init__()
        self.interval = interval
        self.function = function
        self.args = args if args is not None else []
        self.kwargs = kwargs if kwargs is not None else {}
        self.finished = Event()


def current_thread() -> Any:
    """The thread that calls this."""
    return _ours(_standard.current_thread())


def currentThread() -> Any:
    """Deprecated: use `current_thread`."""
    _outdated("currentThread() is deprecated, use current_thread() instead")
    return current_thread()


def main_thread() -> Any:
    """The thread that the interpreter was started in, or the one that forked this process."""
    return _ours(_standard.main_thread())


def _ours(thread: Any) -> Any:
    """Makes one of the standard module's own objects one of ours, which the engine sees, too."""
    kind = _KINDS.get(type(thread))
    if kind is not None:
        thread._life = _engine.ThreadLife()
        # Not a life that has begun: at its end the main thread waits for others, some of which it has just let go.
        thread._end = _engine.ThreadLife()
        thread.__class__ = kind
    return thread


_KINDS = {_standard._MainThread: _MainThread, _standard._DummyThread: _DummyThread}


def _join_all() -> None:
    """The interpreter ends: waits, as part of the wait graph, for the threads that it waits for anyway."""
    if not isinstance(_standard._main_thread, _MainThread) or current_thread() is not _standard._main_thread:
        return
    # Whoever joins the main thread does not wait for this.
    _standard._main_thread._end.end()
    while True:
        waited = False
        for thread in _standard.enumerate():
            if isinstance(thread, Thread) and not thread.daemon and thread is not _standard._main_thread:
                # Not a subclass's own `join`, which may tell the thread to stop: the interpreter's end calls none.
                Thread.join(thread)
                waited = True
        if not waited:
            return


class _Module(ModuleType):
    """Passes on to the standard module what is not here, to read, to write and to delete."""

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(_standard, name)
        except AttributeError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PASSED_ON:
            setattr(_standard, name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in _PASSED_ON:
            delattr(_standard, name)
        else:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *dir(_standard)})


#: The names that are the standard module's alone.
_PASSED_ON = frozenset(vars(_standard)) - frozenset(globals())


def _begin() -> None:
    from . import _places  # noqa: F401

    main = main_thread()
    if main is _standard.current_thread():
        main._life.begin(main.name)
    # Called last: whoever must end its threads before they are waited for has done so by then.
    _standard._threading_atexits.insert(0, _join_all)


if not TYPE_CHECKING:
    sys.modules[__name__].__class__ = _Module
    _begin()
else:

    def __getattr__(name: str) -> Any: ...
