"""The standard library's own `multiprocessing.connection` under our name: pipes and sockets.

Nothing of it is replaced; the module that is imported is the standard one.
"""

import sys

from manyhands import _std

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    def __getattr__(name: str) -> Any: ...


sys.modules[__name__] = _std.module("connection")
