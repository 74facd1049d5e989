"""Values and arrays that processes share: the standard library's.

Their attributes take the lock in the engine, and their errors know which object refused.
"""

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


class _Elements:
    """How an array's elements are read and written: an index that is out of range is refused by an object."""

    def __getitem__(self: Any, i: Any) -> Any:
        with self:
            try:
                return self._obj[i]
            except IndexError as error:
                raise _engine.refused_by(error, self) from None

    def __setitem__(self: Any, i: Any, value: Any) -> None:
        with self:
            try:
                self._obj[i] = value
            except IndexError as error:
                raise _engine.refused_by(error, self) from None


for _name in ("__getitem__", "__setitem__"):
    _method = vars(_Elements)[_name]
    _method.__qualname__ = f"SynchronizedArray.{_name}"
    setattr(standard.SynchronizedArray, _name, _method)

standard.make_property = make_property
standard.Synchronized.value = make_property("value")
standard.SynchronizedString.value = make_property("value")
standard.SynchronizedString.raw = make_property("raw")

_bare.without_annotations(globals())
_passed_on.pass_on(__name__, standard)
