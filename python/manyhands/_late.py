"""Names that a notebook imported before `%load_ext manyhands`, and that mean the standard library's things still.

A class or a function that was imported keeps what it is; only what is imported afterwards is ours. `threading` and
`queue` themselves are no such names: our classes come to stand in them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from . import _overlay, _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["advice", "names"]

_PACKAGES = (_std.PACKAGE, "concurrent.futures")


def names(namespace: Mapping[str, Any]) -> list[str]:
    """Which names mean something that has been replaced. To be asked once the names mean ours."""
    replaced = list(_replaced())
    found = (name for name, value in namespace.items() if not name.startswith("_") and _is_stale(value, replaced))
    return sorted(found)


def _is_stale(value: object, replaced: list[Any]) -> bool:
    if isinstance(value, ModuleType):
        name = value.__name__
        return any(f"{name}.".startswith(f"{root}.") for root in _PACKAGES) and import_module(name) is not value
    owner = getattr(value, "__self__", None)
    if type(owner).__module__ == "multiprocessing.context":
        return True
    return any(value is each for each in replaced)


def _replaced() -> Iterator[Any]:
    """The standard library's things under public names that mean something else now."""
    for name in _overlay.OVERLAID:
        module = sys.modules.get(name)
        if module is not None:
            for public in module.__all__:
                before = _overlay.original(module, public)
                if before is not getattr(module, public):
                    yield before
    futures = import_module("concurrent.futures")
    standard = _std.standard("concurrent.futures")
    for public in futures.__all__:
        before = vars(standard).get(public)
        if before is not None and before is not getattr(futures, public):
            yield before
    # Classes of its contexts; its functions are methods of one.
    for before in vars(_std.module("context")).values():
        if isinstance(before, type) and issubclass(before, _std.module("process").BaseProcess):
            yield before


def advice(stale: list[str]) -> str:
    """What to tell the notebook's user."""
    return (
        f"manyhands: imported before, and still the standard library's: {', '.join(stale)}; "
        "run these imports again, or put %load_ext manyhands first"
    )
