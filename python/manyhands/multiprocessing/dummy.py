"""The standard library's own `multiprocessing.dummy`, threads under the names of processes, under our name.

Only its `Pool` is ours. The module that is imported is that of the standard modules' copy, so its connections and its
processes are threads' as ever.
"""

import importlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    def __getattr__(name: str) -> Any: ...


def _pool(processes: "int | None" = None, initializer: "Any" = None, initargs: "Any" = ()) -> "Any":
    from ._thread_pool import ThreadPool

    return ThreadPool(processes, initializer, initargs)


_module: "Any" = importlib.import_module("manyhands._plain.dummy")
_pool.__name__ = _pool.__qualname__ = "Pool"
_module.Pool = _pool
sys.modules[__name__] = _module
