"""What happens when a process of the program ends in good order.

Registered before anything of the program's own, so that it runs after it: children are joined, a missing main guard
that a child met is reported, `--stats` is printed, and the engine is told that this end is no death: what the process
still holds it holds on purpose. Does nothing for a process that is killed; that is what the reaper is for. A child that
began as a copy of another process runs `atexit`'s functions from Python 3.13 on, as in the standard library.
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

#: Whether this process, though it began as a copy, is to end as an interpreter of its own.
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
    """In a child that is a copy of another process: what that one has registered for its end is not run here."""
    if sys.version_info >= (3, 13):
        atexit._clear()
        atexit.register(_end)


def end_copy() -> None:
    """The end of such a child: what it has registered itself is run."""
    if sys.version_info >= (3, 13) or ends_as_interpreter:
        atexit._run_exitfuncs()
    tell_engine()


def end_within_call() -> None:
    """All that comes at the end of a child, for one that goes no further."""
    util, threading = _std.loaded("util"), sys.modules.get("threading")
    if util is not None:
        util._exit_function()
    if threading is not None:
        threading._shutdown()
    end_copy()
    flush()


def tell_engine() -> None:
    """Tells the engine that this process ends in good order."""
    engine = sys.modules.get("manyhands._engine")
    if engine is not None:
        engine.leave()


def _end() -> None:
    util, process = _std.loaded("util"), _std.loaded("process")
    if util is not None:
        util._exit_function()
        if process._children:
            # All were waited for, so Ctrl-C has ended the waiting. It ends this process, too, and with it its children;
            # those that it has ended already are there still, since nobody has asked for them.
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
    tell_engine()
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
    """Writes out what the standard streams hold, as far as they are there and open."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()
