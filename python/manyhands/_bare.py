"""Public classes and functions without the annotations that their source has.

The standard library's have none, and tools that look must see the same here. `inspect.signature` shows the same
parameters, and `typing.get_type_hints` of a program's subclass meets no name that only type checkers know. Type
checkers read the stubs.
"""

from __future__ import annotations

from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["without_annotations"]


def without_annotations(namespace: Mapping[str, Any]) -> None:
    """Removes the annotations from all that a module defines; the module calls this at its end."""
    module = namespace["__name__"]
    for value in list(namespace.values()):
        if isinstance(value, type) and value.__module__ == module:
            value.__annotations__ = {}
            for member in vars(value).values():
                _bare(member)
        elif type(value) is FunctionType and value.__module__ == module:
            value.__annotations__ = {}


def _bare(member: Any) -> None:
    for function in (member, getattr(member, "__func__", None), getattr(member, "fget", None)):
        if type(function) is FunctionType:
            function.__annotations__ = {}
