"""Gives the modules of some packages the standard library's own `multiprocessing`, while all others get ours.

The packages are those of `plain_for.txt`, and those that the program asks for (`_std.plain_for`). Their modules run
with an `__import__` of their own, so that the name means the copy (`_plain`) whenever they import it, at the top or
later in a function. The names in `sys.modules` stay ours. Compiled modules are not reached.
"""

from __future__ import annotations

import builtins
import copy
import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

from . import _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plain_for.txt")
COPY = "manyhands._plain"

#: The builtins of those modules. It is a copy, brought up to date each time such a module is loaded.
_built_in: dict[str, Any] = {}
#: Classes of loaders, and the classes that replace them.
_kinds: dict[type, type] = {}


def names() -> frozenset[str]:
    """The names of all these packages."""
    with open(LIST, encoding="utf-8") as file:
        words = [line.partition("#")[0].strip() for line in file]
    return frozenset([word for word in words if word] + _std.plain_for)


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    # The interpreter's own code, such as pickle, passes a list, and takes the module from `sys.modules` afterwards.
    if level == 0 and not isinstance(fromlist, list) and (name + ".").startswith(_std.PACKAGE + "."):
        name = COPY + name.removeprefix(_std.PACKAGE)
        if not fromlist:
            import_module(name)
            return sys.modules[COPY]
    return builtins.__import__(name, globals, locals, fromlist or (), level)


def _with_copy(kind: type) -> type:
    """A subclass of that class of loaders, for modules that import the copy."""

    def exec_module(self: Any, module: ModuleType) -> None:
        _built_in.update(vars(builtins))
        _built_in["__import__"] = _import
        vars(module)["__builtins__"] = _built_in
        kind.exec_module(self, module)  # type: ignore[attr-defined]

    return type(kind.__name__, (kind,), {"exec_module": exec_module, "__module__": kind.__module__})


def loaded_with_copy(spec: ModuleSpec) -> ModuleSpec:
    """The same module, but importing the copy. If the class of its loader is compiled, it stays as it is."""
    loader: Any = copy.copy(spec.loader)
    kind = type(loader)
    if hasattr(kind, "exec_module"):
        try:
            loader.__class__ = _kinds.get(kind) or _kinds.setdefault(kind, _with_copy(kind))
        except TypeError:
            return spec
        spec.loader = loader
    return spec


def find(fullname: str, path: Sequence[str] | None, target: ModuleType | None, but: object) -> ModuleSpec | None:
    """Finds a module of those packages as it would be found without us, and makes it load with the copy."""
    for finder in sys.meta_path:
        spec = None if finder is but else finder.find_spec(fullname, path, target)
        if spec is not None:
            return loaded_with_copy(spec)
    return None
