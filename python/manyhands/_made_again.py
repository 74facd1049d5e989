"""Objects that travel by being made again on the other side, as the program's own statements made them here.

These are functions that `functools` has wrapped in objects of its own, and members of enumerations. A member is found
by its name, since a copy of its value need not be equal to it. Where the program's names and classes come along, there
are also the locks, thread-local data and context variables among them: every process that runs the program has its own.
`_by_value` writes them. A lock that is held is refused, because a new one would not be held.
"""

from __future__ import annotations

import _thread
import contextlib
import contextvars
import enum
import functools
import sys
import threading
from importlib.machinery import EXTENSION_SUFFIXES

from . import _engine, _overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: The type of what `functools.lru_cache` and `cache` make.
CACHED = type(functools.lru_cache(abs))
#: The code of what `functools.singledispatch` makes.
DISPATCHER = functools.singledispatch(lambda _: None).__code__  # type: ignore[attr-defined]
_HEAP_TYPE = 1 << 9


def reduced(function: Any) -> Any:
    """Takes apart a cached or a dispatching function."""
    if isinstance(function, CACHED):
        settings = function.cache_parameters()
        call = _make_cached, (function.__wrapped__, settings["maxsize"], settings["typed"])
        return *call, _attributes(function)
    kinds = dict(function.registry)
    own = ("register", "dispatch", "registry", "_clear_cache")
    rest = {name: value for name, value in _attributes(function).items() if name not in own}
    return _make_dispatching, (kinds.pop(object),), (list(kinds.items()), rest), None, None, _fill_dispatching


def _attributes(function: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(function).items() if name != "__wrapped__"}


def _make_cached(function: Any, maxsize: int | None, typed: bool) -> Any:
    return functools.lru_cache(maxsize, typed)(function)


def _make_dispatching(function: Any) -> Any:
    return functools.singledispatch(function)


def _fill_dispatching(dispatching: Any, state: tuple[list[tuple[type, Any]], dict[str, Any]]) -> None:
    kinds, rest = state
    for kind, function in kinds:
        dispatching.register(kind, function)
    vars(dispatching).update(rest)


def is_plain_member(member: enum.Enum) -> bool:
    """Whether the member of an enumeration is found by its name, and its class has no pickling of its own."""
    kind = type(member)
    in_its_way = kind.__reduce_ex__ is not enum.Enum.__reduce_ex__
    return not in_its_way and kind.__members__.get(member._name_) is member


def is_of_an_extension(cls: type) -> bool:
    """Whether the class was made by compiled code."""
    if not cls.__flags__ & _HEAP_TYPE:
        return True
    module = sys.modules.get(cls.__module__)
    return str(getattr(module, "__file__", None)).endswith(tuple(EXTENSION_SUFFIXES))


def _make_variable(name: str, default: tuple[Any, ...], value: tuple[Any, ...]) -> contextvars.ContextVar[Any]:
    made: contextvars.ContextVar[Any] = contextvars.ContextVar(name, **dict(zip(("default",), default, strict=False)))
    if value:
        made.set(value[0])
    return made


def _variable(variable: contextvars.ContextVar[Any]) -> Any:
    context = contextvars.copy_context()
    default: tuple[Any, ...] = ()
    with contextlib.suppress(LookupError):
        default = (contextvars.Context().run(variable.get),)
    return _make_variable, (variable.name, default, (context[variable],) if variable in context else ())


def _make_local(values: dict[str, Any]) -> threading.local:
    made = threading.local()
    vars(made).update(values)
    return made


def _local(local: threading.local) -> Any:
    return _make_local, (dict(vars(local)),)


def _lock(lock: Any) -> Any:
    # A new lock would not be held, so one that is held cannot be made again.
    return NotImplemented if lock.locked() else (_thread.allocate_lock, ())


def _rlock(lock: Any) -> Any:
    if lock._is_owned() or not lock.acquire(False):
        return NotImplemented
    lock.release()
    return _thread.RLock, ()


#: How to take apart objects that belong to the program and have no content that could travel.
ANEW: dict[type, Callable[[Any], Any]] = {
    contextvars.ContextVar: _variable,
    threading.local: _local,
    **dict.fromkeys((_engine.ThreadLock, type(_overlay.original(_thread, "allocate_lock")())), _lock),
    **dict.fromkeys((_engine.ThreadRLock, _overlay.original(_thread, "RLock")), _rlock),
}


def anew(thing: object) -> Any:
    """Takes apart an object of one of these types."""
    return ANEW[type(thing)](thing)
