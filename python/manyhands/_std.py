"""The standard library's own modules, whatever their names mean just now.

What we do not replace is used, not written again: process objects, finalizers, reduction, connections, the main
module's preparation, `Thread`. Under the launcher these names are ours, so the standard modules are loaded here, once,
from the interpreter's own folder. `multiprocessing`'s stay registered where nobody replaced them, `concurrent.futures`
is in force only while something of ours that stands on it is being imported, `threading` and `queue` are registered
always, with our names laid over theirs (`_overlay`). Thread-safe through the import lock of whoever imports one of our
modules.
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

#: The other standard names that mean a module of ours, and which.
REPLACEMENTS = {"concurrent.futures": "manyhands.futures"}

#: How to find what needs the insides of the standard package while that name means ours: set by `_alias`, too.
find_on_a_copy: Any = None

#: Packages whose modules get the standard `multiprocessing`, beside those listed: set by `_run`.
plain_for: list[str] = []

#: Submodules of `multiprocessing` that are loaded under their standard names, over ours: noted by `_alias`.
over_ours: set[str] = set()

_loaded: dict[str, ModuleType] = {}
#: The standard modules of each of those names, while it means ours.
_kept: dict[str, dict[str, ModuleType]] = {}
#: Those that something of ours stands on: whoever takes their names from them, they are not loaded twice.
_used: dict[str, dict[str, ModuleType]] = {}
#: Those whose names are laid over in place.
_overlaid: dict[str, ModuleType] = {}
_library = os.path.dirname(os.__file__)
#: Where the standard package's submodules are.
FOLDER = os.path.join(_library, PACKAGE)


class _Itself:
    """Finds the standard package's own modules while it is being imported, whatever aliases are in force."""

    @staticmethod
    def find_spec(fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.startswith(PACKAGE + "."):
            return _find(fullname)
        return None


def _find(full: str) -> ModuleSpec | None:
    return PathFinder.find_spec(full, [_library if full == PACKAGE else FOLDER])


def is_replaced() -> bool:
    """Whether the name `multiprocessing` means ours here, by our alias or by somebody else's."""
    found = sys.modules.get(PACKAGE)
    return aliased or (found is not None and found is sys.modules.get("manyhands.multiprocessing"))


def for_children() -> list[str] | None:
    """What a child is to be told: that the name means ours, and for which packages it does not; `None`: nothing."""
    return plain_for if is_replaced() else None


def module(name: str = "") -> Any:
    """The standard module `multiprocessing.NAME`, or the package itself."""
    full = f"{PACKAGE}.{name}" if name else PACKAGE
    found = _loaded.get(full)
    if found is None:
        if name:
            module()
        current = sys.modules.get(full)
        # A module of ours that stands there under the standard name keeps its own.
        found = current if current is not None and current.__name__ == full else _load(full)
        _loaded[full] = found
    return found


def rest(ours: str, name: str) -> Any:
    """What the standard module has by that name, for a module of ours that has not: its `__getattr__`."""
    if not name.startswith("__"):
        try:
            return getattr(module(ours.removeprefix("manyhands.multiprocessing.")), name)
        except AttributeError:
            pass
    raise AttributeError(f"module {ours!r} has no attribute {name!r}")


def names(ours: str) -> list[str]:
    """The names that the standard module has: what `dir` tells of ours."""
    return dir(module(ours.removeprefix("manyhands.multiprocessing.")))


def loaded(name: str) -> Any:
    """The standard module `multiprocessing.NAME` if anybody has imported it."""
    full = f"{PACKAGE}.{name}"
    found = _loaded.get(full) or sys.modules.get(full)
    return found if found is not None and found.__name__ == full else None


def give_up_names() -> None:
    """Takes the standard names from the standard modules, so that an alias is asked for them; keeps the modules."""
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(PACKAGE + ".")]:
        if sys.modules[name].__name__ == name and name not in over_ours:
            _loaded.setdefault(name, sys.modules.pop(name))


def _load(full: str) -> ModuleType:
    # Not by importing it: an alias that somebody else has put before us might send us round in a circle.
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
    """Takes the modules of that name, and of those below it, out of the register."""
    names = [name for name in sys.modules if name == root or name.startswith(root + ".")]
    return {name: sys.modules.pop(name) for name in names}


def replace(root: str) -> None:
    """From now on the name means ours; what is loaded of the standard modules is kept for us."""
    if root not in _kept:
        _kept[root] = take(root)


def give_back() -> None:
    """Makes all names mean the standard modules again. A module of ours that somebody has stays what it is."""
    global aliased
    aliased = False
    for root, standard_ones in ((PACKAGE, _loaded), *((root, _kept.pop(root)) for root in REPLACEMENTS)):
        take(root)
        # Loaded on a copy of the standard `multiprocessing`, for ours.
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
    """While this lasts a name means the standard library's modules, for this thread's imports."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._thread = get_ident()
        self._ours: dict[str, ModuleType] = {}
        self._nested = False

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if get_ident() != self._thread or not (fullname == self._root or fullname.startswith(self._root + ".")):
            return None
        if aliased and fullname == "concurrent.futures.process":
            # It needs the insides of the standard `multiprocessing`, too.
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
    """Whether the interpreter's own folder holds the module, and not a program's that has a file of the same name."""
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
    """Takes note of the standard module of a name that is laid over in place; `found` has the name just now."""
    if not in_library(found.__spec__):
        spec = PathFinder.find_spec(full, [_library])
        assert spec is not None and spec.loader is not None, f"the interpreter has no module {full!r}"
        found = module_from_spec(spec)
        spec.loader.exec_module(found)
    return _overlaid.setdefault(full, found)


def original(full: str, name: str) -> Any:
    """What the standard module has under that name, whatever it means there now."""
    return _overlay.original(standard(full), name)
