"""The names of the standard library's `multiprocessing`, on the engine.

Processes, pools, queues and locks that survive a kill: see `context` for what there is. Process objects, finalizers,
connections and the main module's preparation are the standard library's own. Submodules that have no file here
(`managers`, `sharedctypes`, `heap`, `dummy`) are loaded from its folder, so that they stand on what is here.
"""

from __future__ import annotations

import importlib
import sys

from manyhands import _ending, _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Before the standard library registers its own end, so that ours comes after it.
_ending.arrange()

from . import context  # noqa: E402

__path__.append(_std.FOLDER)

# As with the standard library, these are there at once.
for _name in ("process", "reduction"):
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _std.module(_name)

_names = [name for name in dir(context._default_context) if not name.startswith("_")]
globals().update((name, getattr(context._default_context, name)) for name in _names)
__all__ = _names

#: A submodule that others of the standard library import, and by which of them it is there without an import of its
#: own.
_EXECUTORS = "manyhands.futures.process"
_IMPORTED_BY = {
    "connection": ("forkserver", "managers", "pool", "queues", _EXECUTORS),
    "heap": ("sharedctypes", "synchronize"),
    "queues": ("pool", _EXECUTORS),
    "resource_tracker": ("forkserver", "popen_spawn_posix", "shared_memory", "synchronize"),
    "spawn": ("forkserver", "popen_spawn_posix", "resource_tracker", "synchronize"),
    "synchronize": ("pool", "queues", "sharedctypes"),
    "util": ("forkserver", "heap", "popen_fork", "queues", "synchronize"),
}


def _is_imported(name: str) -> bool:
    """Whether the standard library would have imported the module by now: the program has, or one of its users."""
    full = name if name == _EXECUTORS else f"{__name__}.{name}"
    return full in sys.modules or any(map(_is_imported, _IMPORTED_BY.get(name, ())))


def __getattr__(name: str) -> Any:
    if name in _IMPORTED_BY and _is_imported(name):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


SUBDEBUG = 5
SUBWARNING = 25

del TYPE_CHECKING

# A child gives its prepared main module this name; objects that are pickled here name it so, too.
if "__main__" in sys.modules:
    sys.modules["__mp_main__"] = sys.modules["__main__"]
