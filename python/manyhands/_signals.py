"""Which exceptions came by a signal.

What a signal's handler raises comes up in whatever the main thread runs just then, also where an exception would be
taken for somebody's answer. It is told by its kind, or by the handler's frame in its traceback.
"""

from __future__ import annotations

import signal
from _thread import get_ident

from . import _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["raised_by_handler"]


def raised_by_handler(error: BaseException, traceback: TracebackType | None) -> bool:
    """Whether a handler of a signal raised it, or is most likely to have: Ctrl-C by itself leaves no frame."""
    if get_ident() != _std.standard("threading").main_thread().ident:
        # Handlers run in the main thread.
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False
