"""A module of ours that has every name of the standard one: it passes on those that it does not have itself.

That holds for reading, writing and deleting, so that `threading.excepthook = f` sets it where the standard module looks
for it.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["pass_on"]


def pass_on(module: str, standard: ModuleType) -> None:
    """Makes the module pass on all names of the standard one that it does not have itself at this time."""
    ours = sys.modules[module]
    passed_on = frozenset(vars(standard)) - frozenset(vars(ours))

    class Passing(ModuleType):
        """A module that passes names on."""

        def __getattr__(self, name: str) -> Any:
            try:
                return getattr(standard, name)
            except AttributeError:
                raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None

        def __setattr__(self, name: str, value: Any) -> None:
            if name in passed_on:
                setattr(standard, name, value)
            else:
                super().__setattr__(name, value)

        def __delattr__(self, name: str) -> None:
            if name in passed_on:
                delattr(standard, name)
            else:
                super().__delattr__(name)

        def __dir__(self) -> list[str]:
            return sorted({*vars(self), *dir(standard)})

    ours.__class__ = Passing
