"""A process in a fresh interpreter.

The process object travels in a memory file, so that writing it never waits for the child; the arena's
descriptors and the objects that the child may use are passed on explicitly. What pickle cannot ship, and what a main
module defines that no child can import (a REPL's, a notebook's, one given by `-c`), goes by value.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from manyhands import _engine, _guard

from . import popen_fork, resource_tracker, spawn, util
from ._child import COMMAND, payload_for

__all__ = ["Popen"]


class _InheritedFd:
    """A descriptor that has the same number in the child."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def detach(self) -> int:
        return self.fd


class Popen(popen_fork.Popen):
    """A process started by executing an interpreter."""

    method = "spawn"
    DupFd = _InheritedFd

    def __init__(self, process_obj: Any) -> None:
        self._fds: list[int] = []
        self._handles: list[tuple[int, int]] = []
        super().__init__(process_obj)

    def duplicate_for_child(self, fd: int) -> int:
        """Passes a descriptor on to the child."""
        self._fds.append(fd)
        return fd

    def share(self, handle: tuple[int, int]) -> None:
        """Gives the child a reference to an object of the arena."""
        self._handles.append(handle)

    def _launch(self, process_obj: Any) -> None:
        _guard.check()
        tracker = resource_tracker.getfd()
        payload = payload_for(self, process_obj)
        slot = self._claim(process_obj)
        opened: list[int] = []
        try:
            _engine.share_with(slot, self._handles)
            parent = os.pidfd_open(os.getpid())
            opened.append(parent)
            message = os.memfd_create("manyhands-process")
            opened.append(message)
            with open(message, "wb", closefd=False) as file:
                file.write(payload)
            arena, doorbell = _engine.arena_descriptors()
            command = COMMAND.format(
                root=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                arguments=f"{message}, {parent}, {arena}, {doorbell}, {slot}, {tracker}",
            )
            executable = spawn.get_executable()
            flags = util._args_from_interpreter_flags()
            pid = util.spawnv_passfds(
                executable,
                [executable, *flags, "-c", command, "--multiprocessing-fork"],
                [*self._fds, message, parent, arena, doorbell, tracker],
            )
        except BaseException:
            _engine.abandon_process(slot)
            raise
        finally:
            for fd in opened:
                os.close(fd)
        self._started(pid)


if sys.platform != "linux":
    raise ImportError("manyhands runs on Linux only")
