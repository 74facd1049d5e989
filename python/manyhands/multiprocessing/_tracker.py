"""The resource tracker's descriptor, which goes to every child that begins as an interpreter of its own.

The tracker is the standard library's. A program that closes all descriptors it does not know, as daemons do, closes
this one as well, and may open another file under its number. So the descriptor is looked at before it is handed on. If
it is no tracker's any more, another tracker is started.
"""

from __future__ import annotations

import contextlib
import os
import stat

from manyhands import _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Which file it was when it was last handed on.
_known: tuple[int, int, int] | None = None


def descriptor() -> int:
    """The number of the tracker's descriptor."""
    global _known
    module: Any = _std.module("resource_tracker")
    tracker = module._resource_tracker
    if tracker._fd is not None and not _is_its_pipe(tracker._fd):
        ended, tracker._fd, tracker._pid = tracker._pid, None, None
        if ended is not None:
            # It ends when nobody has the other end of its pipe; a child that is left keeps it until then.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(ended, os.WNOHANG)
    number: int = module.getfd()
    status = os.fstat(number)
    _known = number, status.st_dev, status.st_ino
    return number


def _is_its_pipe(number: int) -> bool:
    try:
        status = os.fstat(number)
    except OSError:
        return False
    if _known is not None and _known[0] == number:
        return _known[1:] == (status.st_dev, status.st_ino)
    return stat.S_ISFIFO(status.st_mode)
