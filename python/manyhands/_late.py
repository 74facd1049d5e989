"""Names that a notebook imported before `%load_ext manyhands`, and that still mean the standard library's objects.

A class or a function that was imported stays what it is; only what is imported later is ours. The names `threading` and
`queue` themselves are not affected, since our classes are put into these modules.
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
    """The names that mean something which has been replaced. Called when the standard names mean ours already."""
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
    """The objects of the standard library whose public names mean something else now."""
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
    # The classes of its contexts; its functions are methods of a context.
    for before in vars(_std.module("context")).values():
        if isinstance(before, type) and issubclass(before, _std.module("process").BaseProcess):
            yield before


def advice(stale: list[str]) -> str:
    """The text for the notebook's user."""
    return (
        f"manyhands: these names were imported before, and still mean the standard library's: {', '.join(stale)}; "
        "import them again, or put %load_ext manyhands first"
    )
