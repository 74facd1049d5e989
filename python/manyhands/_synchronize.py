"""Conditions, semaphores, events and barriers for threads, with the private attributes that programs use.

The engine keeps their state. When a program reaches for the condition inside an event or a semaphore, it finds one.
From then on the object works with that condition, through the standard class's own functions: it is *opened*. An object
that a program takes apart (`_parts`) shows the parts of a standard one. Where the program's threads are greenlets, all
of these become the standard library's (`_made_standard`).
"""

from __future__ import annotations

import _thread
from collections import deque

from . import _engine, _overlay, _std
from ._bare import without_annotations
from ._engine import ThreadLock as Lock
from ._parts import no_copy, parts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_Condition: Any = _std.original("threading", "Condition")
_Event: Any = _std.original("threading", "Event")
_Semaphore: Any = _std.original("threading", "Semaphore")
_BoundedSemaphore: Any = _std.original("threading", "BoundedSemaphore")
_Barrier: Any = _std.original("threading", "Barrier")

__all__ = ["Barrier", "BoundedSemaphore", "Condition", "Event", "Semaphore", "outdated"]


def _once_made(name: str, read: Callable[[Any], Any], write: Callable[[Any, Any], object]) -> Any:
    """An attribute whose value the engine keeps once `__init__` has run, and a plain attribute before."""

    def get(made: Any) -> Any:
        return read(made) if made._manyhands_is_made else vars(made)[name]

    def put(made: Any, value: Any) -> None:
        if made._manyhands_is_made:
            write(made, value)
        else:
            vars(made)[name] = value

    return property(get, put)


class Condition(_engine.ThreadCondition):
    """A place where threads wait, having given up a lock, until another thread notifies them of a change.

    `lock` is a `Lock`, an `RLock`, or any object with `acquire` and `release`; without it the condition has an `RLock`
    of its own. The condition's `acquire` and `release`, and a `with` on it, are those of the lock.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.notify is not Condition.notify and cls.notify_all is Condition.notify_all:
            # The standard `notify_all` calls the subclass's own `notify`.
            cls.notify_all = _Condition.notify_all  # type: ignore[method-assign]

    # Used when a program has put waiters of its own in.
    _manyhands_wait = _Condition.wait
    _manyhands_notify = _Condition.notify
    _manyhands_notify_all = _Condition.notify_all

    _lock = _once_made(
        "_lock", lambda condition: condition._manyhands_lock, _engine.ThreadCondition._manyhands_stand_on
    )

    @property
    def _waiters(self) -> Any:
        if "_waiters" in vars(self):
            return vars(self)["_waiters"]
        # One entry for each thread that waits. What a thread waits on is known to the engine alone.
        return deque(range(_engine.ThreadCondition.statistics(self)["waiters"]))

    @_waiters.setter
    def _waiters(self, waiters: Any) -> None:
        vars(self)["_waiters"] = waiters
        if self._manyhands_is_made:
            # The threads that wait in the engine are forgotten, as in the standard class when `_waiters` is replaced.
            self._manyhands_open()

    def __init__(self, lock: Any = None) -> None:
        _engine.ThreadCondition.__init__(self, lock)
        if type(self) is not Condition:
            _forget(self, "_lock", "_waiters")

    def __getstate__(self) -> dict[str, Any]:
        return parts_of(self, _lock=self._lock)

    def __setstate__(self, state: dict[str, Any]) -> None:
        _engine.ThreadCondition.__init__(self, state.pop("_lock"))
        vars(self).update(state)

    def __copy__(self) -> Any:
        if not vars(self).get("_waiters") and _engine.ThreadCondition.statistics(self)["waiters"]:
            # They wait in the engine, where the copy could not wake them.
            return no_copy(self)
        self._waiters = self._waiters
        made = type(self).__new__(type(self))
        _engine.ThreadCondition.__init__(made, self._lock)
        vars(made).update(vars(self))
        made._waiters = self._waiters
        return made

    def notifyAll(self) -> None:
        """Wakes all threads that wait. Deprecated: use `notify_all`."""
        outdated("notifyAll() is deprecated, use notify_all() instead")
        self.notify_all()


class _Inside:
    """The condition inside an object. Reading or setting it opens the object."""

    def __get__(self, thing: Any, kind: type | None = None) -> Any:
        if thing is None:
            return self
        there = thing.__dict__
        if "_cond" not in there:
            condition = there.setdefault("_manyhands_cond", _Condition(_overlay.original(_thread, "allocate_lock")()))
            # Threads that the engine sends to the opened object meanwhile read `_cond`, too, and wait here until the
            # state has been handed over.
            with condition:
                if "_cond" not in there:
                    thing._manyhands_look_inside()
                    there["_cond"] = condition
        return there["_cond"]

    def __set__(self, thing: Any, condition: Any) -> None:
        self.__get__(thing)
        thing.__dict__["_cond"] = condition

    def open(self, thing: Any) -> None:
        """Opens the object: it works as one of the standard class from now on."""
        self.__get__(thing)


def _copy(thing: Any) -> Any:
    """A copy with a flag or value of its own, which shares the condition inside, as with a standard object."""
    made = thing.__class__.__new__(thing.__class__)
    made._cond = thing._cond
    vars(made).update(vars(thing))
    return made


def _forget(thing: Any, *names: str) -> None:
    """Drops what a subclass has set before `__init__`, which sets it anew."""
    for name in names:
        vars(thing).pop(name, None)


#: The most permits that a semaphore of the engine can have.
_MOST_PERMITS = 2**31 - 1


class Semaphore(_engine.ThreadSemaphore):
    """A number of permits. `acquire` takes one, waiting while there is none; `release` gives back or adds some.

    `value` is how many there are at first; below 0 it is a ValueError. A `with` takes one permit and gives it back.
    """

    _manyhands_bounded = False

    _cond: Any = _Inside()
    _manyhands_acquire = _Semaphore.acquire
    _manyhands_release = _Semaphore.release

    def _manyhands_look_inside(self) -> None:
        if not self._manyhands_is_made:
            # A subclass sets up the parts itself, without our `__init__`.
            _engine.ThreadSemaphore.__init__(self, 0)
        self.__dict__.setdefault("_manyhands_value", self._manyhands_open())

    def __repr__(self) -> str:
        standard = _BoundedSemaphore if self._manyhands_bounded else _Semaphore
        return str(standard.__repr__(self) if "_cond" in self.__dict__ else super().__repr__())

    @property
    def _value(self) -> Any:
        if "_manyhands_value" in self.__dict__:
            return self.__dict__["_manyhands_value"]
        return _engine.ThreadSemaphore._value.__get__(self)

    @_value.setter
    def _value(self, value: Any) -> None:
        inside = self.__dict__
        if "_manyhands_value" not in inside and self._manyhands_is_made:
            if isinstance(value, int) and value >= 0 and self._manyhands_set_value(value):
                return
            # Not a number of permits that the engine can have. The standard class takes anything.
            Semaphore._cond.open(self)
        inside["_manyhands_value"] = value

    def _manyhands_set_value(self, value: int) -> bool:
        """Takes permits away, or adds some; False when the semaphore cannot have so many."""
        while self._value > value and _engine.ThreadSemaphore.acquire(self, False):
            pass
        try:
            if value > self._value:
                _engine.ThreadSemaphore.release(self, value - self._value)
        except (ValueError, OverflowError):
            return False
        return True

    def __init__(self, value: int = 1) -> None:
        if type(self) not in (Semaphore, BoundedSemaphore):
            if "_cond" in self.__dict__:
                # A subclass has set up the parts before.
                _Semaphore.__init__(self, value)
                return
            _forget(self, "_manyhands_value")
        if isinstance(value, int) and 0 <= value <= _MOST_PERMITS:
            _engine.ThreadSemaphore.__init__(self, value)
            return
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        Semaphore._cond.open(self)
        self.__dict__["_manyhands_value"] = value

    def __getstate__(self) -> dict[str, Any]:
        return parts_of(self, _cond=Lock(), _value=self._value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        del state["_cond"]
        value = state.pop("_value")
        # A bounded one may begin with more permits than it has now.
        Semaphore.__init__(self, state.get("_initial_value", value))
        self._value = value
        vars(self).update(state)

    __copy__ = _copy


class _FirstValue:
    """The most permits a bounded semaphore may have. The engine cannot change that, so setting it opens the object."""

    def __get__(self, semaphore: Any, kind: type | None = None) -> Any:
        if semaphore is None:
            return self
        return semaphore._manyhands_first

    def __set__(self, semaphore: Any, value: Any) -> None:
        if semaphore._manyhands_is_made and semaphore._manyhands_first != value:
            Semaphore._cond.open(semaphore)
        semaphore._manyhands_first = value


class BoundedSemaphore(Semaphore):
    """A semaphore that never has more permits than the `value` it was made with.

    A `release` that would give it more raises ValueError: it was called more often than `acquire`.
    """

    _manyhands_bounded = True
    _manyhands_release = _BoundedSemaphore.release
    #: The value that was set last; None until `__init__` has run.
    _manyhands_first: Any = None

    _initial_value: Any = _FirstValue()

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._manyhands_first = value

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_initial_value": self._initial_value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._manyhands_first = self.__dict__.pop("_initial_value")


class Event(_engine.ThreadEvent):
    """A flag that threads can wait for: `set` sets it, `clear` clears it, `wait` waits for it. It begins unset."""

    _cond: Any = _Inside()
    _manyhands_set = _Event.set
    _manyhands_clear = _Event.clear
    _manyhands_wait = _Event.wait
    _manyhands_reinit = _Event._at_fork_reinit

    def _manyhands_look_inside(self) -> None:
        self.__dict__["_manyhands_flag"] = self._manyhands_open()

    def _manyhands_is_set(self) -> Any:
        # An opened event has its condition before its flag.
        return self._cond is not None and self._flag

    @property
    def _flag(self) -> Any:
        if "_manyhands_flag" in self.__dict__:
            return self.__dict__["_manyhands_flag"]
        return _engine.ThreadEvent.is_set(self)

    @_flag.setter
    def _flag(self, is_set: Any) -> None:
        if "_manyhands_flag" not in self.__dict__:
            if is_set is True or is_set is False:
                (_engine.ThreadEvent.set if is_set else _engine.ThreadEvent.clear)(self)
                return
            # Any other value: the standard class's methods return what is set here.
            Event._cond.open(self)
        self.__dict__["_manyhands_flag"] = is_set

    def __init__(self) -> None:
        if type(self) is not Event:
            # A subclass may have set it before.
            self._flag = False

    def __getstate__(self) -> dict[str, Any]:
        return parts_of(self, _cond=Lock(), _flag=self._flag)

    def __setstate__(self, state: dict[str, Any]) -> None:
        del state["_cond"]
        self._flag = state.pop("_flag")
        vars(self).update(state)

    __copy__ = _copy

    def isSet(self) -> bool:
        """Whether the flag is set. Deprecated: use `is_set`."""
        outdated("isSet() is deprecated, use is_set() instead")
        return self.is_set()


#: The steps of a wait at a standard barrier, and its attributes.
_STEPS = ("_enter", "_wait", "_release", "_exit", "_break")
_KEPT = ("_action", "_timeout", "_parties", "_state", "_count")


class Barrier(_engine.ThreadBarrier):
    """A place where threads wait for one another: none goes on before as many as `parties` have called `wait`.

    The last of them calls `action` first, if there is one. `timeout` is the limit, in seconds, for each `wait` that has
    none of its own. The barrier can be used again when all have gone on. Fewer than 1 party is a ValueError.
    """

    #: Whether a subclass has steps of its own. Then the standard class's functions do all the work.
    _manyhands_stepwise = False

    _enter = _Barrier._enter
    _wait = _Barrier._wait
    _release = _Barrier._release
    _exit = _Barrier._exit
    _break = _Barrier._break

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if any(getattr(cls, name) is not getattr(_Barrier, name) for name in _STEPS):
            cls._manyhands_stepwise = True
            for name in _KEPT:
                # Our properties show the engine's state, which is not used then.
                if getattr(cls, name) is getattr(Barrier, name):
                    setattr(cls, name, None)

    def _manyhands_by_steps(self, name: str, *arguments: Any) -> Any:
        if not self._manyhands_stepwise or "_cond" not in self.__dict__:
            raise RuntimeError("Barrier.__init__() was not called")
        found = vars(_Barrier)[name].__get__(self)
        return found(*arguments) if callable(found) else found

    # The engine counts how many threads have come. A value that is set here is accepted, and ignored.
    _count = _once_made("_count", lambda barrier: barrier.n_waiting, lambda *_: None)
    _parties = _once_made("_parties", lambda barrier: barrier.parties, _engine.ThreadBarrier._manyhands_set_parties)

    def __init__(self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None) -> None:
        if self._manyhands_stepwise:
            _Barrier.__init__(self, parties, action, timeout)
            return
        _engine.ThreadBarrier.__init__(self, parties, action, timeout)
        if type(self) is not Barrier:
            _forget(self, "_count", "_parties")

    def __getstate__(self) -> dict[str, Any]:
        made = (self.parties, self._action, self._timeout)
        return parts_of(self, _cond=Lock(), _manyhands_made=made, _manyhands_broken=self.broken)

    def __setstate__(self, state: dict[str, Any]) -> None:
        del state["_cond"]
        _engine.ThreadBarrier.__init__(self, *state.pop("_manyhands_made"))
        if state.pop("_manyhands_broken"):
            self.abort()
        vars(self).update(state)

    __copy__ = no_copy


def outdated(text: str) -> None:
    """Warns that a name is deprecated."""
    import warnings

    warnings.warn(text, DeprecationWarning, stacklevel=3)


without_annotations(globals())
for _kind in (Barrier, BoundedSemaphore, Condition, Event, Semaphore):
    # The public module of these classes.
    _kind.__module__ = "manyhands.threading"
