"""Serves our modules under the standard names (`multiprocessing`, `concurrent.futures`), here and in all children.

The launcher's hook installs it before the program starts; in a child, the entry does so before the program's main
module is imported. Nothing is imported until the program asks for it: a program that uses none of these modules sees a
plain interpreter.

`threading` and `queue` are the standard modules themselves; our names are laid over theirs as soon as they are imported
(`_overlay`). A submodule that we do not replace is the standard one, on top of ours, under its own name. While a module
of ours is being imported, the name that it replaces means the standard module to it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from . import _aside, _overlay, _plain_for, _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader, MetaPathFinder
    from typing import Any
else:
    Loader = MetaPathFinder = object

OURS = "manyhands.multiprocessing"


class _Served(Loader):
    """Serves a module that was imported under its own name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the other name's spec into it.
        module.__spec__ = self._spec


class _Through(Loader):
    """Loads a module through another loader, whose attributes it has as well."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _Ours(_Through):
    """Loads a module of ours, which sees the standard one under that name, and then registers it under both names."""

    def __init__(self, loader: Any, replaced: str, root: str) -> None:
        super().__init__(loader)
        self._replaced = replaced
        self._root = root

    def exec_module(self, module: ModuleType) -> None:
        with _std.Plainly(self._root):
            self._loader.exec_module(module)
        # The interpreter asks for some of these by their standard names, whichever module has imported them.
        sys.modules[self._replaced] = module


class _AndThen(_Through):
    """Loads a module as it is, and then calls a function with it."""

    def __init__(self, loader: Any, act: Callable[[ModuleType], object]) -> None:
        super().__init__(loader)
        self._act = act

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._act(module)


def _lay_over(module: ModuleType) -> None:
    # A program may load another copy of the module for itself: that stays as it is.
    if _std.keep(module.__name__, module) is module:
        _overlay.lay_over(module.__name__)


def standing_on_a_copy(fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """The standard module that uses private parts of the standard `multiprocessing`."""
    spec = PathFinder.find_spec(fullname, path)
    return None if spec is None else _plain_for.loaded_with_copy(spec)


def _counterpart(name: str, of: dict[str, str]) -> tuple[str, str] | None:
    """The root of the name, and the counterpart of the name on the other side."""
    for root, other in of.items():
        if name == root or name.startswith(root + "."):
            return root, other + name[len(root) :]
    return None


def _passed_on(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Finds a submodule of `multiprocessing` for which we have no file."""
    spec = PathFinder.find_spec(name, path)
    return spec if spec is not None and (spec.origin or "").startswith(_std.FOLDER + os.sep) else None


def _served(name: str, module: ModuleType) -> ModuleSpec:
    spec = ModuleSpec(name, _Served(module), is_package=hasattr(module, "__path__"))
    if spec.submodule_search_locations is not None:
        spec.submodule_search_locations.extend(module.__path__)
    return spec


class _Finder(MetaPathFinder):
    def __init__(self) -> None:
        self._replacements = {_std.PACKAGE: OURS, **_std.REPLACEMENTS}
        self._replaced = {ours: name for name, ours in _std.REPLACEMENTS.items()}
        self._plain_for = _plain_for.names()
        self._first_words = {name.partition(".")[0] for name in self._plain_for}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._first_words and self._gets_the_copy(fullname):
            return _plain_for.find(fullname, path, target, self)
        replaced = _counterpart(fullname, self._replaced)
        if replaced is not None:
            spec = PathFinder.find_spec(fullname, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _Ours(spec.loader, replaced[1], self._replaced[replaced[0]])
            return spec
        if fullname.startswith(OURS + "."):
            standard = _std.PACKAGE + fullname.removeprefix(OURS)
            return _served(fullname, import_module(standard)) if _passed_on(fullname, path) else None
        act = _lay_over if fullname in _overlay.OVERLAID else _aside.WATCHED.get(fullname)
        if act is not None:
            spec = PathFinder.find_spec(fullname, path)
            if spec is not None and spec.loader is not None and (act is not _lay_over or _std.in_library(spec)):
                spec.loader = _AndThen(spec.loader, act)
            return spec
        replacement = _counterpart(fullname, self._replacements)
        if replacement is None:
            return None
        real = replacement[1]
        inside = fullname.startswith(_std.PACKAGE + ".") and real not in sys.modules
        if inside and (passed_on := _passed_on(fullname, path)):
            _std.over_ours.add(fullname)
            return passed_on
        try:
            __import__(real)
        except ModuleNotFoundError as error:
            if error.name != real:
                raise
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname) from None
        module = sys.modules[real]
        # It has just been registered. The import system must register it itself.
        sys.modules.pop(fullname, None)
        return _served(fullname, module)

    def _gets_the_copy(self, name: str) -> bool:
        while name:
            if name in self._plain_for:
                return True
            name = name.rpartition(".")[0]
        return False


def install(plain_for: Sequence[str] = ()) -> None:
    """Makes the names mean ours, for every import from now on, except in the modules of the packages `plain_for`."""
    if _aside.in_force or _aside.are_greenlets():
        # A wait must let the program's other greenlets run; a wait in the engine would stop them all.
        return
    if not _std.aliased:
        _std.aliased = True
        _std.plain_for.extend(plain_for)
        _std.find_on_a_copy = standing_on_a_copy
        _std.give_up_names()
        for root in _std.REPLACEMENTS:
            _std.replace(root)
        finder = _Finder()
        sys.meta_path.insert(0, finder)
        _aside.standing_aside(lambda: _give_back(finder))
        for name, watch in _aside.WATCHED.items():
            if name in sys.modules:
                watch(sys.modules[name])
        for name in _overlay.OVERLAID:
            if name in sys.modules:
                _overlay.lay_over(name)


def _give_back(finder: _Finder) -> None:
    """Gives the names back to the standard library's modules."""
    sys.meta_path.remove(finder)
    _std.give_back()
