"""The names of the standard library's `multiprocessing`, on the engine.

Processes, pools, queues and locks that survive a kill: see `context` for what there is. What is not there yet
(`Manager`, `Value`, `Array`, `JoinableQueue`) is missing by name. Process objects, finalizers,
connections and the main module's preparation are the standard library's own.
"""

from __future__ import annotations

import sys

from manyhands import _ending, _std

# Before the standard library registers its own end, so that ours comes after it.
_ending.arrange()

from . import context  # noqa: E402

# As with the standard library, these are there at once.
for _name in ("process", "reduction"):
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _std.module(_name)

_names = [name for name in dir(context._default_context) if not name.startswith("_")]
globals().update((name, getattr(context._default_context, name)) for name in _names)
__all__ = _names

SUBDEBUG = 5
SUBWARNING = 25

# A child gives its prepared main module this name; objects that are pickled here name it so, too.
if "__main__" in sys.modules:
    sys.modules["__mp_main__"] = sys.modules["__main__"]
