"""Turns conditions, semaphores, events and barriers into standard ones, where the program's threads are greenlets.

Objects that exist go on as standard ones, with the state that they had. From then on each class of ours has the methods
of the standard one, so new objects are standard, too. The part of an object that is the engine's is not used any more.
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
    """Called when the program's threads become greenlets: turns all objects and classes into standard ones."""
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
    """Turns one of our objects into the parts of a standard one: initializer, arguments, attributes to set after it."""
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
    """The initializer for an object that is complete already."""


def _make_standard(ours: Any, standard: Any) -> None:
    """Gives one of our classes the standard one's methods, and removes what hides the attributes that these use."""
    for name in dir(ours):
        if not name.startswith(("__", "_manyhands_")) and hasattr(getattr(ours, name), "__set__"):
            setattr(ours, name, None)
    for name in ("__getstate__", "__setstate__", "__copy__"):
        if name in vars(ours):
            delattr(ours, name)
    for name, value in vars(standard).items():
        # A method that calls `super()` works in the standard class alone, so ours stays.
        by_super = "__class__" in getattr(getattr(value, "__code__", None), "co_freevars", ())
        if name not in ("__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__new__") and not by_super:
            setattr(ours, name, value)


without_annotations(globals())
