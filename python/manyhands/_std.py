"""The standard library's own modules, whichever modules their names mean just now.

We use what we do not replace, and do not write it again: process objects, finalizers, reduction, connections, the
preparation of the main module, `Thread`. Under the launcher these names are ours. So the standard modules are loaded
here, once, from the interpreter's own folder:

* `multiprocessing` and its submodules stay registered where nothing has replaced them;
* `concurrent.futures` is in force only while a module of ours that is built on it is being imported;
* `threading` and `queue` are always registered, with our names laid over theirs (`_overlay`).

All this is safe between threads through the import lock, which a thread holds while it imports one of our modules.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import ModuleType

from . import _overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PACKAGE = "multiprocessing"

#: Whether the name `multiprocessing` means ours in this process: set by `_alias`.
aliased = False

#: The other standard names that mean modules of ours, and these modules.
REPLACEMENTS = {"concurrent.futures": "manyhands.futures"}

#: Finds a module that uses private parts of the standard package, while that name means ours: set by `_alias`, too.
find_on_a_copy: Any = None

#: Packages whose modules get the standard `multiprocessing`, beside those listed: set by `_run`.
plain_for: list[str] = []

#: Submodules of `multiprocessing` that are loaded under their standard names, over ours: noted by `_alias`.
over_ours: set[str] = set()

_loaded: dict[str, ModuleType] = {}
#: For each of these names, while it means ours: the standard modules.
_kept: dict[str, dict[str, ModuleType]] = {}
#: The standard modules that ours are built on. They are not loaded twice, even if their names are taken from them.
_used: dict[str, dict[str, ModuleType]] = {}
#: The standard modules in which our names are laid over theirs.
_overlaid: dict[str, ModuleType] = {}
_library = os.path.dirname(os.__file__)
#: Where the standard package's submodules are.
FOLDER = os.path.join(_library, PACKAGE)


class _Itself:
    """Finds the standard package's own modules while it is being imported, even if aliases are in force."""

    @staticmethod
    def find_spec(fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.startswith(PACKAGE + "."):
            return _find(fullname)
        return None


def _find(full: str) -> ModuleSpec | None:
    return PathFinder.find_spec(full, [_library if full == PACKAGE else FOLDER])


def is_replaced() -> bool:
    """Whether the name `multiprocessing` means ours here, through our alias or through another."""
    found = sys.modules.get(PACKAGE)
    return aliased or (found is not None and found is sys.modules.get("manyhands.multiprocessing"))


def for_children() -> list[str] | None:
    """The packages for which the name does not mean ours, for a child; `None` if it does not mean ours at all."""
    return plain_for if is_replaced() else None


def module(name: str = "") -> Any:
    """The standard module `multiprocessing.NAME`, or the package itself."""
    full = f"{PACKAGE}.{name}" if name else PACKAGE
    found = _loaded.get(full)
    if found is None:
        if name:
            module()
        current = sys.modules.get(full)
        # A module of ours that is registered under the standard name still has its own `__name__`.
        found = current if current is not None and current.__name__ == full else _load(full)
        _loaded[full] = found
    return found


def rest(ours: str, name: str) -> Any:
    """The `__getattr__` of a module of ours: gives what the standard module has by that name."""
    if not name.startswith("__"):
        try:
            return getattr(module(ours.removeprefix("manyhands.multiprocessing.")), name)
        except AttributeError:
            pass
    raise AttributeError(f"module {ours!r} has no attribute {name!r}")


def names(ours: str) -> list[str]:
    """The `__dir__` of a module of ours: gives the names of the standard module."""
    return dir(module(ours.removeprefix("manyhands.multiprocessing.")))


def standing_on_ours(name: str) -> Any:
    """The standard module `multiprocessing.NAME`, loaded once more so that it stands on ours. It is registered nowhere:
    the module of ours that has its name passes it on. What it defines is named as that module is."""
    spec = _find(f"{PACKAGE}.{name}")
    assert spec is not None and spec.loader is not None, f"the interpreter has no {PACKAGE}.{name}"
    loader: Any = spec.loader
    ours = f"manyhands.{PACKAGE}"
    loaded = ModuleType(spec.name if is_replaced() else f"{ours}.{name}")
    loaded.__package__, loaded.__file__ = ours, spec.origin
    exec(loader.get_code(spec.name), vars(loaded))
    return loaded


def loaded(name: str) -> Any:
    """The standard module `multiprocessing.NAME`, if it has been imported."""
    full = f"{PACKAGE}.{name}"
    found = _loaded.get(full) or sys.modules.get(full)
    return found if found is not None and found.__name__ == full else None


def give_up_names() -> None:
    """Takes the names from the standard modules, so that an alias is asked for them. The modules are kept."""
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(PACKAGE + ".")]:
        if sys.modules[name].__name__ == name and name not in over_ours:
            _loaded.setdefault(name, sys.modules.pop(name))


def _load(full: str) -> ModuleType:
    # Not by importing it: another alias in front of ours might lead back to us, for ever.
    in_force = sys.modules.get(PACKAGE)
    spec = _find(full)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {full!r}", name=full)
    loaded = module_from_spec(spec)
    before = sys.modules.get(full)
    sys.modules[full] = loaded
    if full == PACKAGE:
        sys.meta_path.insert(0, _Itself)
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        _put_back(full, before)
        raise
    finally:
        if full == PACKAGE:
            sys.meta_path.remove(_Itself)
    if in_force is not None and in_force is _loaded.get(PACKAGE):
        setattr(in_force, full.rpartition(".")[2], loaded)
    elif in_force is not None:
        _put_back(full, before)
    if aliased:
        give_up_names()
    return loaded


def _put_back(full: str, before: ModuleType | None) -> None:
    if before is None:
        sys.modules.pop(full, None)
    else:
        sys.modules[full] = before


def take(root: str) -> dict[str, ModuleType]:
    """Takes the module of that name, and all below it, out of `sys.modules`."""
    names = [name for name in sys.modules if name == root or name.startswith(root + ".")]
    return {name: sys.modules.pop(name) for name in names}


def replace(root: str) -> None:
    """Makes the name mean ours. The standard modules loaded under it are kept for us."""
    if root not in _kept:
        _kept[root] = take(root)


def give_back() -> None:
    """Makes all names mean the standard modules again. A module of ours that the program holds stays what it is."""
    global aliased
    aliased = False
    for root, standard_ones in ((PACKAGE, _loaded), *((root, _kept.pop(root)) for root in REPLACEMENTS)):
        take(root)
        # This one was built on a copy of the standard `multiprocessing`, for ours. The program must not get it.
        on_a_copy = standard_ones.pop("concurrent.futures.process", None)
        sys.modules.update(standard_ones)
        parent, _, name = root.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(name, None)
            if root in sys.modules:
                setattr(sys.modules[parent], name, sys.modules[root])
        if on_a_copy is not None:
            for known in ("process", "ProcessPoolExecutor"):
                vars(sys.modules[root]).pop(known, None)


class Plainly:
    """While this lasts, a name means the standard library's modules, for the imports of this thread."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._thread = get_ident()
        self._ours: dict[str, ModuleType] = {}
        self._nested = False

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if get_ident() != self._thread or not (fullname == self._root or fullname.startswith(self._root + ".")):
            return None
        if aliased and fullname == "concurrent.futures.process":
            # It uses private parts of the standard `multiprocessing`, too.
            found: ModuleSpec | None = find_on_a_copy(fullname, path)
            return found
        return PathFinder.find_spec(fullname, path)

    def __enter__(self) -> None:
        current = sys.modules.get(self._root)
        self._nested = any(
            isinstance(finder, Plainly) and finder._root == self._root and finder._thread == self._thread
            for finder in sys.meta_path
        ) or (current is not None and current.__name__ == self._root and self._root not in _kept)
        if not self._nested:
            self._ours = take(self._root)
            sys.modules.update(_kept.get(self._root) or _used.get(self._root, {}))
            sys.meta_path.insert(0, self)

    def __exit__(self, *raised: object) -> None:
        if self._nested:
            return
        sys.meta_path.remove(self)
        if self._ours or self._root in _kept:
            _kept[self._root] = take(self._root)
            sys.modules.update(self._ours)
            parent, _, name = self._root.rpartition(".")
            if parent in sys.modules and self._root in self._ours:
                setattr(sys.modules[parent], name, self._ours[self._root])


def in_library(spec: ModuleSpec | None) -> bool:
    """Whether the module is from the interpreter's own folder. A program may have a file of the same name."""
    return spec is not None and os.path.dirname(spec.origin or "") == _library


def standard(full: str) -> Any:
    """The standard module of that name."""
    if full in _overlay.OVERLAID:
        return _overlaid.get(full) or keep(full, import_module(full))
    root = "concurrent.futures" if full.startswith("concurrent.futures") else full
    with Plainly(root):
        found = import_module(full)
        names = [name for name in sys.modules if name == root or name.startswith(root + ".")]
        _used.setdefault(root, {}).update((name, sys.modules[name]) for name in names)
        return found


def keep(full: str, found: ModuleType) -> ModuleType:
    """Keeps the standard module of a name that is laid over in place; `found` is the module of that name just now."""
    if not in_library(found.__spec__):
        spec = PathFinder.find_spec(full, [_library])
        assert spec is not None and spec.loader is not None, f"the interpreter has no module {full!r}"
        found = module_from_spec(spec)
        spec.loader.exec_module(found)
    return _overlaid.setdefault(full, found)


def original(full: str, name: str) -> Any:
    """The standard module's own object of that name, whichever object the name means there now."""
    return _overlay.original(standard(full), name)
