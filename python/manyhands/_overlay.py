"""Our names in the standard modules `threading`, `queue` and `_thread`, in the place of theirs.

Where the names mean ours, a program still gets the standard modules; our classes are put into them. So reading,
writing, listing or deleting a name works as on any module, and the standard library's own functions see what a program
has written there. What was there before is kept: some of ours is built on it, and it can be put back.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

#: The modules, and for each the module of ours that has the names.
OVERLAID = {"threading": "manyhands.threading", "queue": "manyhands.queue"}

#: For each module: what it had under the names that are ours now, and what it has there instead.
_laid: dict[str, tuple[ModuleType, dict[str, Any], dict[str, Any]]] = {}
_ABSENT = object()


def original(module: ModuleType, name: str) -> Any:
    """The standard library's own object of that name, whichever object the name means now."""
    laid = _laid.get(module.__name__)
    if laid is not None and name in laid[1]:
        return laid[1][name]
    return getattr(module, name)


def lay(module: ModuleType, names: Mapping[str, Any]) -> None:
    """Makes these names of the module mean ours. Our classes then give that module as their own."""
    namespace = vars(module)
    known = _laid[module.__name__][1] if module.__name__ in _laid else {}
    before = {}
    for name, ours in names.items():
        stands = namespace.get(name, _ABSENT)
        before[name] = known.get(name, ours) if stands is ours else stands
    _laid[module.__name__] = (module, before, dict(names))
    namespace.update(names)
    for ours in names.values():
        if isinstance(ours, type) and ours.__module__.startswith("manyhands."):
            ours.__module__ = module.__name__


def lift() -> None:
    """Puts back what was there before, except where the program has put something else since."""
    for module, before, names in _laid.values():
        namespace = vars(module)
        for name, ours in names.items():
            if namespace.get(name) is not ours:
                continue
            if before[name] is _ABSENT:
                del namespace[name]
            else:
                namespace[name] = before[name]


def lay_over(name: str) -> None:
    """Lays our names over those of a module that is imported."""
    __import__(OVERLAID[name])
    ours = sys.modules[OVERLAID[name]]
    # A module that is just being imported does so itself, at its end.
    if hasattr(ours, "lay_names"):
        ours.lay_names()
