"""The standard library's own multiprocessing modules, whatever the name `multiprocessing` means just now.

What we do not replace is used, not written again: process objects, finalizers, reduction, connections, the main
module's preparation. Under the launcher the name `multiprocessing` is ours, so these modules are loaded here, once,
from the interpreter's own folder; they stay registered under their standard names. Thread-safe through the import
lock of whoever imports one of our re-exporting modules.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PACKAGE = "multiprocessing"

#: Whether the name `multiprocessing` means ours in this process: set by `_alias`.
aliased = False

_loaded: dict[str, ModuleType] = {}
_library = os.path.dirname(os.__file__)


class _Itself:
    """Finds the standard package's own modules while it is being imported, whatever aliases are in force."""

    @staticmethod
    def find_spec(fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.startswith(PACKAGE + "."):
            return _find(fullname)
        return None


def _find(full: str) -> ModuleSpec | None:
    return PathFinder.find_spec(full, [_library if full == PACKAGE else os.path.join(_library, PACKAGE)])


def is_replaced() -> bool:
    """Whether the name `multiprocessing` means ours here, by our alias or by somebody else's."""
    found = sys.modules.get(PACKAGE)
    return aliased or (found is not None and found is sys.modules.get("manyhands.multiprocessing"))


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


def loaded(name: str) -> Any:
    """The standard module `multiprocessing.NAME` if anybody has imported it."""
    full = f"{PACKAGE}.{name}"
    found = _loaded.get(full) or sys.modules.get(full)
    return found if found is not None and found.__name__ == full else None


def give_up_names() -> None:
    """Takes the standard names from the standard modules, so that an alias is asked for them; keeps the modules."""
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(PACKAGE + ".")]:
        if sys.modules[name].__name__ == name:
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


def standard(full: str) -> Any:
    """The standard module of that name, one of those that are not `multiprocessing`'s."""
    return import_module(full)
