"""Finds out which exceptions came from a signal handler.

An exception of a signal handler comes up in the code that the main thread happens to run, also where an exception would
be taken for the answer of a call. It is recognized by its class, or by the handler's frame in its traceback.
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
    """Whether a signal handler raised it. KeyboardInterrupt counts as such: Ctrl-C by itself leaves no frame."""
    if get_ident() != _std.standard("threading").main_thread().ident:
        # Handlers run only in the main thread.
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False
