"""A second copy of the standard library's `multiprocessing`, for code that needs its insides.

`concurrent.futures.process` and the packages of `plain_for.txt` are built on private parts of the standard queues,
pools and contexts. Where the name `multiprocessing` means ours, they get this copy, whose modules refer to one another.
The modules that we pass on unchanged (processes, finalizers, connections) are not copied, so there is one current
process and one list of children. The start method is the same here and there.

In a process that the copy has started, the name is the standard library's. There this is that package itself, so that
objects can be pickled.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder

from manyhands import _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

#: Submodules that are not copied: the standard ones, which ours are built on, too.
SHARED = frozenset(
    ["connection", "process", "reduction", "resource_sharer", "resource_tracker", "shared_memory", "spawn", "util"]
)

#: The folder of the standard package, in which submodules are found under this package's name.
__path__ = [_std.FOLDER]


class _Itself:
    """Serves a standard module under this package's name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        name = spec.name.removeprefix(__name__ + ".")
        module: ModuleType = import_module(f"{_std.PACKAGE}.{name}") if _is_itself else _std.module(name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the other name's spec into it.
        module.__spec__ = self._spec


class _Finder:
    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        name = fullname.removeprefix(__name__ + ".")
        if name == fullname:
            return None
        if name in SHARED or _is_itself:
            return ModuleSpec(fullname, _Itself(), is_package=name == "dummy")  # type: ignore[arg-type]
        return PathFinder.find_spec(fullname, path)


_is_itself = not _std.is_replaced()


def _one_start_method(copied: Any) -> None:
    """Makes a start method that is set here or there apply to both."""
    from manyhands.multiprocessing import context as ours

    class DefaultContext(copied.DefaultContext):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

        @property
        def _default_context(self) -> Any:
            return copied._concrete_contexts[ours._default_context._default_context._name]

        @property
        def _actual_context(self) -> Any:
            actual = ours._default_context._actual_context
            return actual and copied._concrete_contexts[actual._name]

        @_actual_context.setter
        def _actual_context(self, context: Any) -> None:
            ours._default_context._actual_context = context and ours._concrete_contexts[context._name]

    copied._default_context = DefaultContext()


def _begin() -> None:
    copied = import_module(__name__ + ".context")
    standard = _std.module("context")
    # Handlers written for the standard library's exceptions must see these. There is one process being started, here
    # and there.
    for name in ("ProcessError", "BufferTooShort", "TimeoutError", "AuthenticationError"):
        for holder in (copied, copied.BaseContext):
            setattr(holder, name, getattr(standard, name))
    for name in ("assert_spawning", "get_spawning_popen", "set_spawning_popen"):
        setattr(copied, name, getattr(standard, name))
    _one_start_method(copied)
    path = os.path.join(_std.FOLDER, "__init__.py")
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    exec(code, globals())


sys.meta_path.insert(0, _Finder)
if _is_itself:
    sys.modules[__name__] = _std.module()
else:
    _begin()
