"""The parts of an object, for code that takes it apart: `pickle`, `copy`, and libraries such as dill.

The standard library's conditions, events and queues are Python objects with a lock in them. A pickle of one fails at
that lock, while a library that can pickle locks takes the whole. Ours have their state in the engine, and give here the
parts that a standard one would have: a lock first. A shallow copy of a standard one shares its lock; where ours has no
lock to share, copying is refused.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parts_of(thing: object, **parts: Any) -> dict[str, Any]:
    """These parts, and the attributes that the program has set."""
    own = {name: value for name, value in vars(thing).items() if not name.startswith("_manyhands_")}
    # Twice: the first sets their place in the order, the second overrides attributes of the same names.
    return {**parts, **own, **parts}


def no_copy(thing: object) -> Any:
    """The `__copy__` of an object whose state a copy cannot share."""
    raise TypeError(f"cannot copy {type(thing).__name__!r} object: the engine keeps its state; make a new one instead")
