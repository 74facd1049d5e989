"""A process that begins as a copy of its parent, and what all start methods share: waiting, signals, how it ended.

The child's slot in the arena is claimed before it exists, so that its references and its name are there from its first
instruction on. The sentinel is a pidfd. Waiting and sending signals are the standard library's.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from manyhands import _ending, _engine, _guard, _std

from . import util

__all__ = ["Popen"]

if TYPE_CHECKING:
    from multiprocessing.popen_fork import Popen as _StandardPopen
else:
    _StandardPopen = _std.module("popen_fork").Popen


class Popen(_StandardPopen):
    """A started process, as `Process` uses it."""

    method = "fork"
    _slot: int | None = None

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """The exit code, or minus the signal's number; `None` while it runs."""
        known = self.returncode
        code = super().poll(flag)
        if known is None and code is not None and self._slot is not None:
            note = _engine.ended(self._slot, code)
            if note:
                _guard.found(note)
        return code

    def _claim(self, process_obj: Any) -> int:
        self._slot = _engine.claim_process(process_obj.name, "daemon" if process_obj.daemon else "user")
        return self._slot

    def _started(self, pid: int) -> None:
        """The child exists: opens its sentinel, or ends it when there is no descriptor left."""
        self.pid = pid
        try:
            self.sentinel = os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self.finalizer = util.Finalize(self, util.close_fds, (self.sentinel,))

    def _launch(self, process_obj: Any) -> None:
        slot = self._claim(process_obj)
        try:
            parent = os.pidfd_open(os.getpid())
        except OSError:
            _engine.abandon_process(slot)
            raise
        try:
            _engine.next_child(slot)
            pid = os.fork()
            if pid == 0:
                self._run_child(process_obj, parent)
        except OSError:
            _engine.abandon_process(slot)
            raise
        finally:
            os.close(parent)
        self._started(pid)

    @staticmethod
    def _run_child(process_obj: Any, parent: int) -> None:
        code = 1
        try:
            code = process_obj._bootstrap(parent_sentinel=parent)
        finally:
            _ending.tell_engine()
            os._exit(code)
