"""How a manager's server ends: the socket that it listens at has a name, which must not outlive it.

An orderly end removes it. When the server is asked to end by SIGTERM, as it is when its parent was killed, it removes
what has a name first, and then ends by that signal. When the server itself was killed, the process that started it
removes the name. A program's own handler stays as it is. One that ends before it has begun to serve is an error that
says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading

from manyhands import _guard, _std
from manyhands._bare import without_annotations
from manyhands.errors import MissingGuardError

from . import util

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["before_it_served", "in_good_order", "remove_name"]

#: How many seconds a server may take to end that has given up its pipe.
_PATIENCE = 10

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


def before_it_served(server: Any) -> Exception:
    """The error for a manager whose server has ended before it could serve."""
    server.join(_PATIENCE)
    text = _guard.unreported() if server.exitcode == _guard.EXIT_CODE else None
    if text is not None:
        return MissingGuardError(text)
    return EOFError(f"the server {server.name!r} ended before it could serve, with exit code {server.exitcode}")


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
