"""The standard library's own `multiprocessing.reduction` under our name: pickling for another process.

Nothing of it is replaced; the module that is imported is the standard one.
"""

import sys
from typing import TYPE_CHECKING, Any

from manyhands import _std

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


sys.modules[__name__] = _std.module("reduction")
