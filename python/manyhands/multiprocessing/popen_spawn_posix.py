"""A process in a fresh interpreter.

What it is to become travels as two pickles (`_child`), over the engine's socket to it; descriptors and the arena's
objects that the process object refers to are passed on with them.
"""

from __future__ import annotations

import functools

from manyhands import _debugger, _engine, _guard, _std
from manyhands._bare import without_annotations

from . import _child, _payload, _tracker, popen_fork, resource_tracker  # noqa: F401

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Popen"]


# What the standard module has besides.
__getattr__, __dir__ = functools.partial(_std.rest, __name__), functools.partial(_std.names, __name__)


class InheritedFd:
    """A descriptor that travels beside the payload; knows its place among them."""

    def __init__(self, place: int) -> None:
        self.place = place

    def detach(self) -> int:
        """The descriptor's number in the child."""
        return _child.inherited[self.place]


class Popen(popen_fork.Popen):
    """A process started by executing an interpreter."""

    method = "spawn"
    DupFd = InheritedFd
    _manyhands_begin = staticmethod(_engine.exec_child)

    def __init__(self, process_obj: Any) -> None:
        self._fds: list[int] = []
        self._manyhands_handles: list[int] = []
        super().__init__(process_obj)

    def duplicate_for_child(self, fd: int) -> int:
        """Passes a descriptor on to the child; gives its place."""
        self._fds.append(fd)
        return len(self._fds) - 1

    def _manyhands_share(self, handle: int) -> None:
        """Gives the child a reference to an object of the arena."""
        self._manyhands_handles.append(handle)

    def _manyhands_code(self) -> str:
        """What the interpreter is to run."""
        return _payload.CODE

    def _launch(self, process_obj: Any) -> _engine.Child:
        _guard.check()
        with _debugger.unfollowed():
            self._fds.append(_tracker.descriptor())
        payload = _payload.payload_for(self, process_obj)
        return self._manyhands_begin(
            {
                "name": process_obj.name,
                "role": popen_fork.role_of(process_obj),
                "command": _payload.command(self._manyhands_code()),
                "payload": payload,
                "descriptors": self._fds,
                "handles": self._manyhands_handles,
            }
        )


without_annotations(globals())
