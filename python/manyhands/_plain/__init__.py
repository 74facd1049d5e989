"""A second copy of the standard library's `multiprocessing`, for standard code that needs its insides.

`concurrent.futures.process` and `ThreadPool` are built on private parts of the standard queues and pools. Where the
name `multiprocessing` means ours they get this copy, whose modules refer to one another and never to ours. It is loaded
when it is first needed, and changes nothing.
"""

from __future__ import annotations

import os
import sys

from manyhands import _std

#: The standard package's own folder: its submodules are found there, under this package's name.
__path__ = [os.path.join(os.path.dirname(os.__file__), "multiprocessing")]


def _begin() -> None:
    path = os.path.join(__path__[0], "__init__.py")
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    exec(code, globals())
    # Handlers written for the standard library's exceptions are to see these.
    standard = _std.module("context")
    for name in ("ProcessError", "BufferTooShort", "TimeoutError", "AuthenticationError"):
        for holder in (sys.modules[__name__ + ".context"], globals()["context"].BaseContext):
            setattr(holder, name, getattr(standard, name))
        globals()[name] = getattr(standard, name)


_begin()
