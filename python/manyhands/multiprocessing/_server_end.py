"""How a manager's server ends: the socket that it listens at has a name, which must not outlive it.

An orderly end removes it. When the server is asked to end by SIGTERM, as it is when its parent was killed, it removes
what has a name first, and then ends by that signal. When the server itself was killed, the process that started it
removes the name. A program's own handler stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading

from manyhands import _std
from manyhands._bare import without_annotations

from . import util

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["in_good_order", "remove_name"]

process: Any = _std.module("process")


@contextlib.contextmanager
def in_good_order() -> Iterator[None]:
    """While this process serves, SIGTERM ends it in good order, if it would otherwise end it in none."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    server = os.getpid()

    def end(signum: int, frame: object) -> None:
        signal.signal(signum, signal.SIG_DFL)
        # A copy of this process, as a pool's worker may be, has nothing to remove.
        if os.getpid() == server:
            with contextlib.suppress(BaseException):
                util._exit_function()
        os.kill(os.getpid(), signum)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def remove_name(address: Any) -> None:
    """Removes what a server that has ended may have left of its address: a socket, in a folder of the server's own."""
    if not isinstance(address, str) or not os.path.basename(address).startswith("listener-"):
        return
    folder = os.path.dirname(address)
    with contextlib.suppress(OSError):
        os.unlink(address)
    # At the very end of the interpreter there is no current process any more.
    own = getattr(process.current_process(), "_config", {}).get("tempdir")
    if folder != own and os.path.basename(folder).startswith("pymp-"):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


without_annotations(globals())
