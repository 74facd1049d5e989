"""The standard library's own `multiprocessing.connection` under our name: pipes and sockets.

The module that is imported is the standard one. Three things are ours. One is how a connection moves the bytes of a
message: head and body are written at once, and what is read goes where it stays. The bytes on the way are the same, so
the other side may be a plain interpreter. Another is that `wait` also takes queues and their readers. The last one is
that the name of a listening socket goes with the last process that has it, also after a kill.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from time import monotonic

from manyhands import _engine, _std

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    def __getattr__(name: str) -> Any: ...


def _send_bytes(self, buf):  # type: ignore[no-untyped-def]
    if type(self)._send is not _SEND:
        return _ORIGINAL[0](self, buf)
    try:
        return _engine.write_message(self._handle, buf)
    except BufferError:
        return _ORIGINAL[0](self, buf)


def _recv_bytes(self, maxsize=None):  # type: ignore[no-untyped-def]
    if type(self)._recv is not _RECV:
        return _ORIGINAL[1](self, maxsize)
    message = _engine.read_message(self._handle, maxsize)
    if message is None:
        return None
    stream = io.BytesIO(message)
    # Where it ends says how long it is.
    stream.seek(len(message))
    return stream


#: The folders that this process, or one that it is a fork of, has made for sockets.
_folders: dict[str, _engine.SocketFolder] = {}


def _folder_of(path: str) -> _engine.SocketFolder | None:
    """The folder of a socket, if the standard library has made it for that."""
    util: Any = _std.module("util")
    folder = os.path.dirname(path)
    removals = [one for one in util._finalizer_registry.values() if one._callback is util._remove_temp_dir]
    if folder not in _folders and any(folder in one._args for one in removals):
        _folders[folder] = _engine.SocketFolder(folder)
    return _folders.get(folder)


def _listens(self: Any, address: Any, family: Any, backlog: int = 1) -> None:
    _LISTENS(self, address, family, backlog)
    if self._unlink is not None:
        # Where it cannot be kept, it stays after a kill, as it does in the standard library.
        with contextlib.suppress(OSError, TypeError, ValueError):
            path = os.path.abspath(os.fsdecode(address))
            self._manyhands_name = _engine.SocketName(path, _folder_of(path))


#: How long to wait for queues before a thread is started that watches them, in seconds: no longer than its start takes.
_SHORT_WAIT = 0.0001

#: What has no descriptor of its own.
_QUEUES = (_engine.Queue, _engine.SimpleQueue, _engine.QueueReader)


def wait(object_list: Any, timeout: Any = None) -> list[Any]:
    """Waits until one of the objects is ready, and returns a list of those that are.

    The objects are connections, sockets, sentinels of processes, queues, and whatever else selectors take. A queue is
    ready when something can be taken from it. The wait ends after `timeout` seconds, if that is given; then the list
    is empty.
    """
    objects = list(object_list)
    queues = [one for one in objects if isinstance(one, _QUEUES)]
    if not queues:
        return _WAIT(objects, timeout)  # type: ignore[no-any-return]
    if len({*map(id, queues)}) < len(queues):
        raise KeyError("a queue is already registered")
    others = [one for one in objects if not isinstance(one, _QUEUES)]
    end = None if timeout is None else monotonic() + timeout
    while True:
        has_something = _engine.wait_for_queues(queues, 0)
        found = {id(one) for one, is_ready in zip(queues, has_something, strict=True) if is_ready}
        found.update(map(id, _WAIT(others, 0) if others else ()))
        left = None if end is None else end - monotonic()
        if found or (left is not None and left <= 0):
            return [one for one in objects if id(one) in found]
        if not others:
            _engine.wait_for_queues(queues, left)
        elif not any(_engine.wait_for_queues(queues, _SHORT_WAIT if left is None else min(left, _SHORT_WAIT))):
            bell = _engine.Readiness(queues)
            try:
                _WAIT([*others, bell], left)
            finally:
                bell.close()


standard: Any = _std.module("connection")

#: The standard library's own way, for classes that send and receive in another way.
_SEND, _RECV = standard.Connection._send, standard.Connection._recv
_ORIGINAL = standard.Connection._send_bytes, standard.Connection._recv_bytes

for _method in (_send_bytes, _recv_bytes):
    _method.__module__, _method.__qualname__ = standard.__name__, f"Connection.{_method.__name__}"
    setattr(standard.Connection, _method.__name__, _method)

_LISTENS = standard.SocketListener.__init__
_listens.__module__, _listens.__annotations__ = standard.__name__, {}
_listens.__name__, _listens.__qualname__ = "__init__", "SocketListener.__init__"
standard.SocketListener.__init__ = _listens

_WAIT = standard.wait
wait.__module__, wait.__annotations__ = standard.__name__, {}
standard.wait = wait

sys.modules[__name__] = standard
