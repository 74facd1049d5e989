"""The standard library's own `multiprocessing.dummy`, threads under the names of processes, under our name.

It needs nothing of the engine; the module that is imported is that of the standard modules' copy.
"""

import importlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    def __getattr__(name: str) -> Any: ...


sys.modules[__name__] = importlib.import_module("manyhands._plain.dummy")
