"""Serves `manyhands.multiprocessing` under the name `multiprocessing`, in this process and in its children.

The launcher's hook installs it before the program starts, the entry of a started child before the program's main
module is imported there. Nothing is imported until the program asks: a program that does not use multiprocessing
sees a plain interpreter. A submodule that we neither replace nor pass on is missing; it is not the standard one.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from . import _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader, MetaPathFinder
else:
    Loader = MetaPathFinder = object

OURS = "manyhands.multiprocessing"


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


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _std.PACKAGE and not fullname.startswith(_std.PACKAGE + "."):
            return None
        if _std.loading():
            return None
        real = OURS + fullname[len(_std.PACKAGE) :]
        try:
            __import__(real)
        except ModuleNotFoundError as error:
            if error.name != real:
                raise
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname) from None
        module = sys.modules[real]
        # Importing it may have left the standard library's modules here.
        _std.give_up_names()
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
