"""Values and arrays that processes share: the standard library's, whose attributes take the lock in the engine."""

from __future__ import annotations

from manyhands import _bare, _engine, _passed_on, _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Array: Any
    RawArray: Any
    RawValue: Any
    Value: Any

standard: Any = _std.standing_on_ours("sharedctypes")


def make_property(name: str) -> Any:
    """An attribute of a wrapper that is read and written with the lock held."""
    return _engine.GuardedAttribute(name)


standard.make_property = make_property
standard.Synchronized.value = make_property("value")
standard.SynchronizedString.value = make_property("value")
standard.SynchronizedString.raw = make_property("raw")

_bare.without_annotations(globals())
_passed_on.pass_on(__name__, standard)
