"""A process that begins as a copy of its parent, and what all start methods share: waiting, signals, how it ended.

The child's slot in the arena is claimed before it exists, so that its references and its name are there from its first
instruction on. The sentinel is a pidfd. What a child left as its note is read when its end is first seen.
"""

from __future__ import annotations

import functools
import os
import signal

from manyhands import _debugger, _ending, _engine, _guard, _std
from manyhands._bare import without_annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["Popen"]


# What the standard module has besides.
__getattr__, __dir__ = functools.partial(_std.rest, __name__), functools.partial(_std.names, __name__)


class Popen:
    """A started process, as `Process` uses it."""

    method = "fork"
    returncode: int | None = None

    def __init__(self, process_obj: Any) -> None:
        _std.module("util")._flush_std_streams()
        self._manyhands_child = self._launch(process_obj)
        _debugger.started()
        self.pid = self._manyhands_child.pid
        self.sentinel = self._manyhands_child.sentinel

    def duplicate_for_child(self, fd: int) -> int:
        """A copy has all descriptors of its parent."""
        return fd

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """The exit code, or minus the signal's number; `None` while it runs."""
        if self.returncode is None:
            return _ended(self, self._manyhands_child.poll() if flag else self._manyhands_child.wait())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for the end, or for `timeout` seconds; gives what `poll` gives."""
        if self.returncode is None:
            return _ended(self, self._manyhands_child.wait(timeout))
        return self.returncode

    def interrupt(self) -> None:
        """Sends SIGINT."""
        self._send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self._send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self._send_signal(signal.SIGKILL)

    def _send_signal(self, sig: int) -> None:
        if self.returncode is None:
            self._manyhands_child.send_signal(sig)

    def close(self) -> None:
        """Nothing is left to be given back before the object goes."""

    def _launch(self, process_obj: Any) -> _engine.Child:
        # The child outlives neither this descriptor nor needs another: it is how it sees its parent end.
        parent = os.pidfd_open(os.getpid())
        try:
            child = _engine.fork_child(process_obj.name, role_of(process_obj))
            if child is None:
                run_child(process_obj, parent)
        finally:
            os.close(parent)
        return child


def _ended(popen: Popen, code: int | None) -> int | None:
    if code is not None and popen.returncode is None:
        popen.returncode = code
        if code == _guard.EXIT_CODE:
            _guard.found(popen._manyhands_child.note())
    return code


def role_of(process_obj: Any) -> str:
    """What the engine is to know about with whom a process ends."""
    return "daemon" if process_obj.daemon else "user"


def run_child(process_obj: Any, parent: int) -> NoReturn:
    """Becomes the process, in a forked child; does not return."""
    code = 1
    try:
        _ending.begin_copy()
        _debugger.in_forked_child(process_obj._parent_pid)
        code = process_obj._bootstrap(parent_sentinel=parent)
    finally:
        _ending.end_copy()
        os._exit(code)


without_annotations(globals())
