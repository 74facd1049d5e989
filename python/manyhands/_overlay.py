"""Our names in the standard modules `threading`, `queue` and `_thread`, in the place of theirs.

Where the names mean ours a program gets the standard modules themselves, and our classes stand in them. So to read,
write, list or delete a name is what it is on any module, and the standard library's own functions see what a program
has written there. What stood there before is kept: for what of ours is built on it, and to be put back.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

#: Which modules there are, and what of ours brings the names for each.
OVERLAID = {"threading": "manyhands.threading", "queue": "manyhands.queue"}

#: What the standard modules had under the names that are ours now, and what they have there instead.
_laid: dict[str, tuple[ModuleType, dict[str, Any], dict[str, Any]]] = {}
_ABSENT = object()


def original(module: ModuleType, name: str) -> Any:
    """What the standard library has under that name, whatever it means now."""
    laid = _laid.get(module.__name__)
    if laid is not None and name in laid[1]:
        return laid[1][name]
    return getattr(module, name)


def lay(module: ModuleType, names: Mapping[str, Any]) -> None:
    """From now on these names of the module mean ours. Classes of ours are said to come from there."""
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
    """Puts back what stood there before, as far as nobody has put something else there since."""
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
    # One that is just being imported does it at its end.
    if hasattr(ours, "lay_names"):
        ours.lay_names()
