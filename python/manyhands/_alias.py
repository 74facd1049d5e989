"""Serves `manyhands.multiprocessing` under the name `multiprocessing`, in this process and in its children.

The launcher's hook installs it before the program starts, the entry of a started child before the program's main
module is imported there. Nothing is imported until the program asks: a program that does not use multiprocessing
sees a plain interpreter. A submodule that we neither replace nor pass on is missing; it is not the standard one.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from . import _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader, MetaPathFinder
    from typing import Any
else:
    Loader = MetaPathFinder = object

OURS = "manyhands.multiprocessing"
FUTURES = "concurrent.futures.process"


class _Served(Loader):
    """Hands out a module that was imported under its own name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the other name's spec into it.
        module.__spec__ = self._spec


class _Plainly(Loader):
    """Loads a standard module that is built on the insides of the standard `multiprocessing`, with a copy of that."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        from . import _plain

        names = ("", ".connection", ".queues")
        kept = {name: sys.modules.get(_std.PACKAGE + name) for name in names}
        for name in names:
            sys.modules[_std.PACKAGE + name] = import_module(_plain.__name__ + name)
        try:
            self._loader.exec_module(module)
        finally:
            for name, before in kept.items():
                if before is None:
                    del sys.modules[_std.PACKAGE + name]
                else:
                    sys.modules[_std.PACKAGE + name] = before
        _accept_our_contexts(module)


def _accept_our_contexts(futures: Any) -> None:
    """A process executor that is given one of our contexts takes the copy's of the same start method."""
    from . import _plain

    begin = futures.ProcessPoolExecutor.__init__

    @functools.wraps(begin)
    def __init__(self: Any, max_workers: Any = None, mp_context: Any = None, *rest: Any, **more: Any) -> None:
        from . import multiprocessing

        if mp_context is None or isinstance(mp_context, multiprocessing.context.BaseContext):
            method = (mp_context or multiprocessing).get_start_method()
            # A fork server would run the standard modules themselves, not this copy; a fresh interpreter does as well.
            mp_context = _plain.get_context("spawn" if method == "forkserver" else method)  # type: ignore[attr-defined]
        begin(self, max_workers, mp_context, *rest, **more)

    futures.ProcessPoolExecutor.__init__ = __init__


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == FUTURES:
            spec = PathFinder.find_spec(fullname, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _Plainly(spec.loader)
            return spec
        if fullname != _std.PACKAGE and not fullname.startswith(_std.PACKAGE + "."):
            return None
        real = OURS + fullname[len(_std.PACKAGE) :]
        try:
            __import__(real)
        except ModuleNotFoundError as error:
            if error.name != real:
                raise
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname) from None
        module = sys.modules[real]
        spec = ModuleSpec(fullname, _Served(module), is_package=hasattr(module, "__path__"))
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.extend(module.__path__)
        return spec


def install() -> None:
    """Makes the name `multiprocessing` mean ours, for every import from now on."""
    if not _std.aliased:
        _std.aliased = True
        _std.give_up_names()
        sys.meta_path.insert(0, _Finder())
