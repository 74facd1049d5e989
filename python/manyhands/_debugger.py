"""Lets a debugger that follows processes follow those that the engine starts.

pydevd, which debugpy and most editors use, replaces `os.fork` and the functions that execute programs. The engine forks
and executes by itself, so it does what these replacements would have done. A forked child goes on under the debugger; a
fresh interpreter connects to it before it imports the program. Without a debugger, all this costs one look at
`os.fork`.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from types import BuiltinFunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

__all__ = ["code_for_fresh", "connect", "in_forked_child", "started", "unfollowed"]

_MODULE = "pydev_monkey"


def _following() -> Any:
    """The debugger's module for new processes, if it follows them."""
    if type(os.fork) is BuiltinFunctionType:
        return None
    name = getattr(os.fork, "__module__", "")
    return sys.modules.get(name) if name.endswith(_MODULE) else None


def in_forked_child(parent: int) -> None:
    """Called in each process that was forked from one that may be debugged.

    `parent` is the pid of the process that asked for the fork: a debugger knows nothing of a pool's supervisor.
    """
    following = _following()
    if following is None:
        return
    system = os.getppid
    os.getppid = lambda: parent
    try:
        following._on_forked_process()
    finally:
        os.getppid = system


def unfollowed() -> AbstractContextManager[None]:
    """While this lasts, the debugger does not follow what is executed, such as the resource tracker."""
    following = _following()
    return nullcontext() if following is None else following.skip_subprocess_arg_patch()


def started() -> None:
    """Called in a process that has started another."""
    following = _following()
    if following is not None:
        following.send_process_created_message()


def code_for_fresh() -> str | None:
    """The code that a fresh interpreter must run to be debugged like this one; `None` when this one is not debugged."""
    following = _following()
    if following is None:
        return None
    command = following.patch_args([sys.executable, "-c", "pass"])
    code: str | None = command[2] if len(command) == 3 else None
    return code


def connect(code: str | None) -> None:
    """Runs the code that `code_for_fresh` gave in the process that started this one."""
    if code is not None:
        exec(code, {"__name__": __name__})
