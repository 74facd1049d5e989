"""Python functions with the names, docstrings and parameters of methods of the engine.

`ffi/functions.rs` says what they are for. A function is made when a program looks at a method for the first time, from
the method's text signature. Its code hardly ever runs, since a call goes straight to the engine's method.
"""

from __future__ import annotations

import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType
    from typing import Any

__all__ = ["make"]


def make(method: Any, owner: str, module: str) -> FunctionType:
    """A function that calls the method, with its parameters, and that appears to be from that class and module."""
    signature = inspect.signature(method)
    first, *others = signature.parameters.values()
    if not any(each.kind is each.POSITIONAL_ONLY for each in others):
        # In the signature of a method written in Rust, `self` always is.
        first = first.replace(kind=first.POSITIONAL_OR_KEYWORD)
    parameters = [first, *others]
    given = ", ".join(_given(each) for each in parameters)
    name = method.__name__
    defined: dict[str, Any] = {"__name__": module, "_method": method}
    exec(f"def {name}{signature.replace(parameters=parameters)}: return _method({given})", defined)
    made: FunctionType = defined[name]
    made.__qualname__ = f"{owner}.{name}"
    made.__doc__ = method.__doc__
    return made


def _given(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"*{parameter.name}"
    if parameter.kind is parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    return f"{parameter.name}={parameter.name}" if parameter.kind is parameter.KEYWORD_ONLY else parameter.name
