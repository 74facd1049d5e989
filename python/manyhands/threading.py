"""Threads, locks and what stands on them: the names of the standard library's `threading`, on the engine.

`Thread` is a subclass of the standard one and shares its registry, so the standard module's functions see the same
threads. Locks, conditions, semaphores, events and barriers are the engine's: other threads can see a wait
(`Thread.state`), and a wait that can never end is an error (`DeadlockError`).

Every other name is the standard module's, for reading and for writing: `threading.excepthook = f` sets it there. Where
the name `threading` means ours, these classes are put into the standard module itself (`lay_names`). Attributes that we
add to a thread have names that no program uses.
"""

from __future__ import annotations

import _thread
import functools
import sys
from time import monotonic

from . import _aside, _engine, _overlay, _refusals, _std
from ._bare import without_annotations
from ._engine import ThreadLock as Lock, ThreadRLock as RLock
from ._passed_on import pass_on
from ._synchronize import (
    Barrier as Barrier,
    BoundedSemaphore as BoundedSemaphore,
    Condition as Condition,
    Event as Event,
    Semaphore as Semaphore,
    outdated,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_standard: Any = _std.standard("threading")
_Thread: Any = _std.original("threading", "Thread")
_Main: Any = _std.original("threading", "_MainThread")
_Dummy: Any = _std.original("threading", "_DummyThread")
_Timer: Any = _std.original("threading", "Timer")

__all__ = [*_standard.__all__]

_CRLock = RLock
LockType = Lock
# pickle and help find the classes by these names. Their reprs use the names of the interpreter's own.
Lock.__module__, Lock.__qualname__ = __name__, "Lock"
RLock.__module__ = __name__
BrokenBarrierError = _standard.BrokenBarrierError
get_ident = _standard.get_ident
TIMEOUT_MAX = _standard.TIMEOUT_MAX


def trust_with(trusted: bool) -> None:
    """Says whether only the holder of a lock taken by `with` releases it, as is assumed at first.

    A program in which one thread releases what another has taken by `with` passes False. Threads that wait for one
    another through such locks then get an error only when no other thread is left to release them. A `with` in a
    generator or a coroutine, which another thread may go on with, is never trusted.
    """
    _engine.trust_with(trusted)


class State(str):
    """The state of a thread at the moment of the question: New, Ready, Running, Blocked or Dead."""

    __slots__ = ("on",)

    #: The object that a blocked thread waits for: a lock, a condition, a thread; `None` if it is not the engine's.
    on: object

    def __new__(cls, name: str, on: object = None) -> State:
        state = super().__new__(cls, name)
        state.on = on
        return state


class _StateOf:
    """The attribute `state`. Not a property: a subclass may keep an attribute of its own under that name."""

    def __get__(self, thread: Any, kind: type | None = None) -> Any:
        return self if thread is None else _state(thread)


def _life(thread: Any) -> _engine.ThreadLife:
    life: _engine.ThreadLife | None = vars(thread).get("_manyhands_life")
    # A thread that was made without our `__init__` has none yet.
    return vars(thread).setdefault("_manyhands_life", _engine.ThreadLife()) if life is None else life


class Thread(_Thread):  # type: ignore[misc]
    """A thread of control. It calls `target(*args, **kwargs)`, or does what the `run` of a subclass does.

    Without a `name` it gets a numbered one. A daemon does not keep the program from ending; with `daemon=None` a thread
    is one if the thread that makes it is. `context` is the `contextvars.Context` that it runs in. `group` must be
    `None`.
    """

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Any = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
        context: Any = None,
    ) -> None:
        # Not `super()`: there may be another subclass of the standard one between the two, which calls us.
        more = {}
        if sys.version_info >= (3, 14):
            more["context"] = context
        else:
            self._manyhands_context = context
        _Thread.__init__(self, group, target, name, args, kwargs, daemon=daemon, **more)
        self._started = _plain_event()
        self._manyhands_life = _engine.ThreadLife()

    #: The context that it runs in, for versions whose threads have no such argument.
    _manyhands_context: Any = None

    def start(self) -> None:
        """Starts the thread, which then calls `run`.

        Raises RuntimeError when it was started before, and when the system has no room for another thread.
        """
        if self._initialized and self._started.is_set():
            raise _engine.refused_by(RuntimeError("threads can only be started once"), self)
        _Thread.start(self)
        failure = self.__dict__.pop("_manyhands_failure", None)
        if failure is not None:
            self._started.clear()
            handle = self.__dict__.get("_handle")
            if handle is not None:
                # From 3.13 on: a handle is for one thread of the system, and that thread has ended.
                self._handle = type(handle)()
            raise failure
        _engine.count_thread()

    def _bootstrap_inner(self) -> None:
        life = _life(self)
        life.begin(self._name)
        context = self._manyhands_context
        self._invoke_excepthook = functools.partial(_refusals.report_thread, self._invoke_excepthook)
        try:
            if context is None:
                _Thread._bootstrap_inner(self)
            else:
                context.run(_Thread._bootstrap_inner, self)
        except BaseException as error:
            if self._started.is_set():
                raise
            # The thread failed before it had begun, and the thread that called `start` still waits for that. It must be
            # woken here, and then raises the failure.
            with _standard._active_limbo_lock:
                _standard._limbo.pop(self, None)
            # The first error is the cause: the standard method then also failed to remove the thread from its list.
            self.__dict__["_manyhands_failure"] = error.__context__ or error
            self._started.set()
        finally:
            life.end()

    def join(self, timeout: float | None = None) -> None:
        """Waits until the thread has ended, or for `timeout` seconds; `None` is no limit.

        Returns `None` in either case: ask `is_alive` whether the thread has ended. May be called any number of times.
        Raises RuntimeError when the thread was not started or is the one that calls, and DeadlockError when the wait
        could never end.
        """
        if self._initialized and not self._started.is_set():
            raise _engine.refused_by(RuntimeError("cannot join thread before it is started"), self)
        if self._initialized and self is _standard.current_thread():
            raise _engine.refused_by(RuntimeError("cannot join current thread"), self)
        if self._initialized and _Thread.is_alive(self):
            life = _life(self)
            if timeout is None:
                life.join(self)
            elif max(timeout, 0) <= TIMEOUT_MAX:
                # Any other time-out is refused by the standard method, with its text.
                begin = monotonic()
                life.join(self, max(timeout, 0))
                timeout = max(timeout - (monotonic() - begin), 0)
        _Thread.join(self, timeout)

    #: What the thread is doing: a `State`.
    state: Any = _StateOf()


class _Began(_std.original("threading", "Event")):  # type: ignore[misc]
    """The event that is set when a thread has begun. A pickle of it refers to the class `Event`."""

    def __reduce__(self) -> Any:
        return Event, (), {"_cond": Lock(), "_flag": self._flag}


_Began.__name__, _Began.__qualname__ = "Event", "Event"


def _plain_event() -> Any:
    """A standard event made of standard parts. To wait until a thread has begun is no wait of the program's own."""
    event: Any = object.__new__(_Began)
    event._cond = _std.original("threading", "Condition")(_overlay.original(_thread, "allocate_lock")())
    event._flag = False
    return event


def _state(thread: Any) -> State:
    if not thread._started.is_set():
        return State("Ready" if thread in _standard._limbo else "New")
    if not thread.is_alive():
        return State("Dead")
    waits = _engine.waits_for(0 if isinstance(thread, _DummyThread) else _life(thread).number)
    if waits is not None:
        ready, on = waits
        return State("Ready") if ready else State("Blocked", on)
    letter = _engine.kernel_state(thread.native_id)
    return State("Running") if letter in ("R", None) else State("Blocked")


def _end_of(main: Any) -> _engine.ThreadLife:
    # This life never begins, so a join of it is no edge to the main thread. At its end the main thread still waits for
    # other threads; one that joins it may be one of these, and that would look like a deadlock.
    end: _engine.ThreadLife = vars(main).setdefault("_manyhands_end", _engine.ThreadLife())
    return end


class _MainThread(Thread, _Main):  # type: ignore[misc]
    """The main thread: the standard module's own object, seen by the engine, too."""

    __init__ = _Main.__init__

    def join(self, timeout: float | None = None) -> None:
        """Waits until the main thread has ended, or the time is over."""
        if self is _standard.current_thread():
            raise _engine.refused_by(RuntimeError("cannot join current thread"), self)
        if not _Main.is_alive(self):
            _Main.join(self, timeout)
        else:
            _end_of(self).join(self, timeout if timeout is None else max(timeout, 0))

    def is_alive(self) -> bool:
        """Whether the main thread has not ended."""
        return not _end_of(self).has_ended and bool(_Main.is_alive(self))


class _DummyThread(Thread, _Dummy):  # type: ignore[misc]
    """A thread that was started without this module."""

    __init__ = _Dummy.__init__
    join = _Dummy.join


class Timer(Thread):
    """A thread that calls `function(*args, **kwargs)` once, `interval` seconds after its `start`.

    `cancel` prevents the call, if it has not begun yet.
    """

    cancel = _Timer.cancel
    run = _Timer.run

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
    outdated("currentThread() is deprecated, use current_thread() instead")
    return current_thread()


def main_thread() -> Any:
    """The thread that the interpreter was started in, or the one that forked this process."""
    return _ours(_standard.main_thread())


def _ours(thread: Any) -> Any:
    """Makes a thread of the standard module's own classes one of ours, which the engine sees, too."""
    kind = _KINDS.get(type(thread))
    if kind is not None:
        thread.__class__ = kind
    return thread


_KINDS = {_Main: _MainThread, _Dummy: _DummyThread}


def _join_all() -> None:
    """Called when the interpreter ends: waits for the threads it waits for anyway, but as part of the wait graph."""
    if not isinstance(_standard._main_thread, _MainThread) or current_thread() is not _standard._main_thread:
        return
    _refusals.report_at_end()
    # Threads that join the main thread do not wait for what follows.
    _end_of(_standard._main_thread).end()
    while True:
        waited = False
        for thread in _standard.enumerate():
            if isinstance(thread, Thread) and not thread.daemon and thread is not _standard._main_thread:
                # Not a subclass's own `join`, which may stop the thread: the interpreter does not call that at its end.
                Thread.join(thread)
                waited = True
        if not waited:
            return


#: The names that are put into the standard module, where `current_thread` and others find them.
_LAID = [
    *["Thread", "Timer", "_MainThread", "_DummyThread"],
    *["Lock", "RLock", "_CRLock", "Condition", "Semaphore", "BoundedSemaphore", "Event", "Barrier"],
]


def lay_names() -> None:
    """Makes the names of the standard modules `threading` and `_thread` mean ours."""
    Lock.__module__, Lock.__qualname__ = "_thread", "lock"
    RLock.__module__ = "_thread"
    locks = dict.fromkeys(("lock", "LockType", "allocate_lock", "allocate"), Lock)
    _overlay.lay(_thread, {**locks, "RLock": RLock})
    _overlay.lay(_standard, {name: globals()[name] for name in _LAID})
    for thread in _standard.enumerate():
        _ours(thread)


def _stand_aside() -> None:
    """Called when the program's threads become greenlets: makes each class here do what the standard one does."""
    for name in ("start", "join", "_bootstrap_inner"):
        delattr(Thread, name)
    kinds = {ours: standard for standard, ours in _KINDS.items()}
    for thread in _standard.enumerate():
        thread.__class__ = kinds.get(type(thread), type(thread))
    _standard._threading_atexits.remove(_join_all)
    from ._made_standard import stand_aside

    stand_aside()


def _begin() -> None:
    from . import _places  # noqa: F401

    main = main_thread()
    if main is _standard.current_thread():
        _life(main).begin(main.name)
    # Called last: libraries that end their own threads before they are waited for have done so by then.
    _standard._threading_atexits.insert(0, _join_all)
    if _std.aliased:
        lay_names()
    _aside.standing_aside(_stand_aside)


without_annotations(globals())

if not TYPE_CHECKING:
    pass_on(__name__, _standard)
    _begin()
else:

    def __getattr__(name: str) -> Any: ...
