"""Conditions, semaphores, events and barriers where the program's threads are greenlets: they become standard ones.

What there is already goes on as a standard object, with what it held. Each class of ours has the standard one's
methods from then on, so what will be made is standard, too. What is left of the engine in an object is not used any
more.
"""

from __future__ import annotations

import gc

from . import _std
from ._bare import without_annotations
from ._synchronize import Barrier, BoundedSemaphore, Condition, Event, Semaphore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["stand_aside"]

_Condition: Any = _std.original("threading", "Condition")
_Barrier: Any = _std.original("threading", "Barrier")


def stand_aside() -> None:
    """The program's threads become greenlets: what there is and what will be made is as the standard library's is."""
    found = [each for each in gc.get_objects() if isinstance(each, Condition | Semaphore | Event | Barrier)]
    insides = [_inside(each) for each in found]
    for ours, standard in (
        (Condition, _Condition),
        (Semaphore, _std.original("threading", "Semaphore")),
        (BoundedSemaphore, _std.original("threading", "BoundedSemaphore")),
        (Event, _std.original("threading", "Event")),
        (Barrier, _Barrier),
    ):
        _make_standard(ours, standard)
    for each, (begin, arguments, attributes) in zip(found, insides, strict=True):
        begin(each, *arguments)
        vars(each).update(attributes)


def _inside(thing: Any) -> tuple[Callable[..., None], tuple[Any, ...], dict[str, Any]]:
    """What makes a standard object of one of ours: what begins it, with which arguments, and what it has then."""
    match thing:
        case Condition():
            return _Condition.__init__, (thing._lock,), {}
        case Barrier():
            arguments = (thing.parties, thing._action, thing._timeout)
            return _Barrier.__init__, arguments, {"_state": -2} if thing.broken else {}
        case Semaphore():
            first = {"_initial_value": thing._initial_value} if isinstance(thing, BoundedSemaphore) else {}
            return _nothing, (), {"_cond": thing._cond, "_value": thing._value, **first}
        case _:
            return _nothing, (), {"_cond": thing._cond, "_flag": thing._flag}


def _nothing(thing: object) -> None:
    """Begins what is complete."""


def _make_standard(ours: Any, standard: Any) -> None:
    """Gives one of our classes the standard one's methods; what those keep in the object is found there."""
    for name in dir(ours):
        if not name.startswith(("__", "_manyhands_")) and hasattr(getattr(ours, name), "__set__"):
            setattr(ours, name, None)
    for name in ("__getstate__", "__setstate__", "__copy__"):
        if name in vars(ours):
            delattr(ours, name)
    for name, value in vars(standard).items():
        # One that asks for `super()` is meant for the standard class alone; ours asks in its own place.
        by_super = "__class__" in getattr(getattr(value, "__code__", None), "co_freevars", ())
        if name not in ("__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__new__") and not by_super:
            setattr(ours, name, value)


without_annotations(globals())
