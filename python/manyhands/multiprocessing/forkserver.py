"""The zygote that the start method `forkserver` forks from, as far as it is Python.

It is an interpreter with one thread which imports the modules that it is to preload, and then serves until the
process that made it ends. It runs nothing of the program: the main module is imported in each child. The workers of
pools come from such an interpreter under `spawn`, too: from one of its own that preloads nothing.
"""

from __future__ import annotations

import functools
import gc
import importlib
import os
import sys

from manyhands import _ending, _engine, _std
from manyhands._bare import without_annotations

from . import _beginning, _child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

process = _std.module("process")

__all__ = ["set_forkserver_preload"]


def __getattr__(name: str) -> Any:
    return _std.rest(__name__, name)


def __dir__() -> list[str]:
    return _std.names(__name__)


_preload: list[str] = []


def set_forkserver_preload(modules_names: list[str]) -> None:
    """Sets which modules the zygote imports; those that it cannot import it leaves to its children.

    Anything but a list of strings is a TypeError.
    """
    if not all(type(name) is str for name in modules_names):
        raise TypeError("module_names must be a list of strings")
    # The main module is prepared in each child, as in the standard library.
    _preload[:] = [name for name in modules_names if name != "__main__"]


@functools.cache
def code() -> str:
    """What the zygote's interpreter is to run: from the first time on, the same."""
    return _call_of_main(_preload, sys.path if _preload else None, "forkserver")


def code_for_spawned() -> str:
    """The same for a zygote whose children are to be as interpreters of their own."""
    return _call_of_main([], None, "spawn")


def _call_of_main(*arguments: object) -> str:
    call = ", ".join(map(repr, (*arguments, _std.for_children())))
    return f"from manyhands.multiprocessing.forkserver import main; main({call})"


def main(preload: list[str], path: list[str] | None, method: str, alias: list[str] | None) -> None:
    """The entry of the zygote, and of each of its children."""

    def load() -> None:
        # What every child needs, so that none has to load it.
        for name in ("util", "spawn", "resource_tracker"):
            _std.module(name)
        importlib.import_module("pkgutil")
        if alias is not None:
            from manyhands import _alias

            _alias.install(alias)
        if path is not None:
            sys.path[:] = path
        before = dict(os.environb)
        process.current_process()._inheriting = True
        try:
            for name in preload:
                try:
                    importlib.import_module(name)
                except ImportError:
                    continue
        finally:
            del process.current_process()._inheriting
        _beginning.note_preloaded(before)
        # The children's collectors leave alone what is shared with this process, and so does the kernel.
        gc.collect()
        gc.freeze()

    request = _engine.serve_zygote(load)
    if request is None:
        os._exit(0)
    _ending.ends_as_interpreter = method == "spawn"
    code = 1
    try:
        _beginning.begin()
        _ending.begin_copy()
        code = _child.become(*request)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        if method == "forkserver":
            _ending.end_copy()
            _ending.flush()
            os._exit(code)
    # What a spawned interpreter does at its end, this one does as well.
    sys.exit(code)


without_annotations(globals())
