"""The orderly end of a process of the program.

It is registered before anything of the program's own, so it runs after that. It joins the children, reports a missing
main guard that a child has met, and prints `--stats`. Then it lets the engine know that this end is no death: what the
process still holds, it holds on purpose.

It does nothing for a process that is killed; that is what the reaper is for. A child that began as a copy of another
process runs the functions of `atexit` from Python 3.13 on, as in the standard library.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys

from . import _std
from ._standard_error import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Whether this process is to end as an interpreter of its own, although it began as a copy.
ends_as_interpreter = False

_arranged_by: int | None = None
_stats = False


def arrange(stats: bool = False) -> None:
    """Arranges the end of this process, once."""
    global _arranged_by, _stats
    _stats = _stats or stats
    if _arranged_by is None:
        _arranged_by = os.getpid()
        atexit.register(_end)


def begin_copy() -> None:
    """Called in a child that is a copy of another process: drops what that process has registered for its own end."""
    if sys.version_info >= (3, 13):
        atexit._clear()
        atexit.register(_end)


def end_copy() -> None:
    """The end of such a child: runs what it has registered itself."""
    if sys.version_info >= (3, 13) or ends_as_interpreter:
        atexit._run_exitfuncs()
    report_to_engine()


def end_within_call() -> None:
    """The whole end of a child that ends within a call."""
    util, threading = _std.loaded("util"), sys.modules.get("threading")
    if util is not None:
        util._exit_function()
    if threading is not None:
        threading._shutdown()
    end_copy()
    flush()


def report_to_engine() -> None:
    """Lets the engine know that this process ends in good order."""
    engine = sys.modules.get("manyhands._engine")
    if engine is not None:
        engine.leave()


def _end() -> None:
    util, process = _std.loaded("util"), _std.loaded("process")
    if util is not None:
        util._exit_function()
        if process._children:
            # All children were waited for, so Ctrl-C has ended the waiting. It must end this process, too, and with it
            # its children. Children that it has ended already are still listed, because nothing has asked for their
            # exit codes.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            flush()
            os.kill(os.getpid(), signal.SIGINT)
    first = os.getpid() == _arranged_by
    unguarded = None
    if first:
        guard: Any = sys.modules.get("manyhands._guard")
        unguarded = guard.unreported() if guard is not None else None
        if unguarded is not None:
            flush()
            report(unguarded)
        if _stats:
            _print_stats()
    report_to_engine()
    if unguarded is not None:
        # The program itself found nothing wrong, so its exit code would be 0.
        flush()
        os._exit(1)


def _print_stats() -> None:
    flush()
    lines = ["manyhands: what the engine did"]
    engine: Any = sys.modules.get("manyhands._engine")
    counted = engine.statistics() if engine is not None else {}
    for key in ("processes started", "threads started", "calls", "messages", "lock waits"):
        lines.append(f"{key}: {counted.get(key, 0)}")
    report("\n".join(lines))


def flush() -> None:
    """Writes out what the standard streams hold, as far as they exist and are open."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()
