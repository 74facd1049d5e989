"""What an object is made of, for those who take it apart: `pickle`, `copy`, and libraries such as dill that take locks.

The standard library's conditions, events and queues are objects of Python's with a lock in them. A pickle of one fails
at that lock, and a library that takes locks along takes the whole. Ours have their state in the engine, and say here
what a standard one would have: a lock first. A shallow copy of a standard one shares its lock; where ours has none to
share it is refused.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parts_of(thing: object, **parts: Any) -> dict[str, Any]:
    """These parts, and what the program has put into the object."""
    own = {name: value for name, value in vars(thing).items() if not name.startswith("_manyhands_")}
    # Twice: they come first, and are not what an attribute of the same name says.
    return {**parts, **own, **parts}


def no_copy(thing: object) -> Any:
    """The `__copy__` of what a copy cannot share."""
    raise TypeError(f"cannot copy {type(thing).__name__!r} object: its state is the engine's; make another one")
