"""The standard library's own `multiprocessing.connection` under our name: pipes and sockets.

The module that is imported is the standard one. Only how a connection moves the bytes of a message is ours: head and
body are written at once, and what is read goes where it stays. The bytes on the way are the same, so the other side may
be a plain interpreter.
"""

from __future__ import annotations

import io
import struct
import sys

from manyhands import _engine, _std

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    def __getattr__(name: str) -> Any: ...


#: The longest message whose length stands in four bytes.
_SHORT = 0x7FFFFFFF


def _send_bytes(self, buf):  # type: ignore[no-untyped-def]
    if type(self)._send is not _SEND:
        return _ORIGINAL[0](self, buf)
    if type(buf) is memoryview and buf.format != "B":
        buf = buf.cast("B")
    length = len(buf)
    head = struct.pack("!i", length) if length <= _SHORT else struct.pack("!iQ", -1, length)
    return _engine.write_message(self._handle, head, buf)


def _recv_bytes(self, maxsize=None):  # type: ignore[no-untyped-def]
    if type(self)._recv is not _RECV:
        return _ORIGINAL[1](self, maxsize)
    (length,) = struct.unpack("!i", _engine.read_exactly(self._handle, 4))
    if length == -1:
        (length,) = struct.unpack("!Q", _engine.read_exactly(self._handle, 8))
    if maxsize is not None and length > maxsize:
        return None
    # What is below zero means nothing, as it always did.
    length = max(length, 0)
    message = io.BytesIO(_engine.read_exactly(self._handle, length))
    # Where it ends says how long it is.
    message.seek(length)
    return message


standard: Any = _std.module("connection")

#: The standard library's own way, for classes that send and receive in another way.
_SEND, _RECV = standard.Connection._send, standard.Connection._recv
_ORIGINAL = standard.Connection._send_bytes, standard.Connection._recv_bytes

for _method in (_send_bytes, _recv_bytes):
    _method.__module__, _method.__qualname__ = standard.__name__, f"Connection.{_method.__name__}"
    setattr(standard.Connection, _method.__name__, _method)

sys.modules[__name__] = standard
