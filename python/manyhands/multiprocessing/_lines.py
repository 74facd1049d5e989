"""How a thread calls a manager's server: a line of its own, through a pipe or a socket.

One call is under way at a time. A call that is broken off takes its line along, so that no call gets the answer to
another. Errors of the connection name the manager; errors of pickling, and what signal handlers raise, stay as they
are.
"""

from __future__ import annotations

from manyhands import _std
from manyhands._bare import without_annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Aside", "Borrowed", "Line", "Socket", "gone"]

_forking: Any = _std.module("reduction").ForkingPickler


class Socket:
    """A connection through a socket that knows whether a call is under way, as a pipe's end does."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self._waits = False

    def is_idle(self) -> bool:
        return not self._waits

    def send(self, obj: Any) -> None:
        message = _forking.dumps(obj)
        # From here on it may have been sent, whatever is raised.
        self._waits = True
        self._conn.send_bytes(message)

    def recv(self) -> Any:
        message = self._conn.recv_bytes()
        self._waits = False
        return _forking.loads(message)

    def close(self) -> None:
        self._conn.close()


class Line:
    """A thread's connection to a server: a pipe, or a socket. When a call through it was broken off, it is closed,
    since the answer to that call would be taken for the answer to the next one."""

    def __init__(self, conn: Any, local: Any, address: Any, authkey: bytes) -> None:
        self.conn = conn
        self.authkey = authkey
        self._local = local
        self._address = address

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return not self.conn.is_idle()

    def send(self, obj: Any) -> None:
        try:
            self.conn.send(obj)
        except BaseException as error:
            raise self._ended_by(error) from None

    def recv(self) -> Any:
        try:
            return self.conn.recv()
        except BaseException as error:
            raise self._ended_by(error) from None

    def close(self) -> None:
        self.conn.close()

    def drop_if_busy(self) -> None:
        """After a call was broken off: closes the line, and has the thread make another one."""
        if self.busy:
            if vars(self._local).get("connection") is self:
                del self._local.connection
            self.close()

    def _ended_by(self, error: BaseException) -> BaseException:
        # What was raised while objects were pickled, or unpickled, has nothing to do with the line.
        if not self.busy:
            return error
        self.drop_if_busy()
        return gone(error, self._address)


class Aside:
    """A call within a call, as a signal handler makes it: it gets a connection of its own."""

    def __init__(self, local: Any, line: Line) -> None:
        self._local = local
        self._line = line

    def __enter__(self) -> None:
        del self._local.connection

    def __exit__(self, *raised: object) -> None:
        own = vars(self._local).pop("connection", None)
        if own is not None:
            own.close()
        self._local.connection = self._line


class Borrowed:
    """A thread's line, for one question to the server itself."""

    def __init__(self, line: Line) -> None:
        self.send, self.recv, self.close = line.send, line.recv, line.drop_if_busy

    def __enter__(self) -> Borrowed:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def gone(error: BaseException, address: Any) -> BaseException:
    """An error of a connection, with a text that says which manager is gone; any other error as it is."""
    text = f"the manager at {address!r} has ended, or is not reachable"
    if type(error) is EOFError:
        return EOFError(text)
    if type(error) in _REFUSALS:
        assert isinstance(error, OSError)
        return type(error)(error.errno, f"{error.strerror}: {text}")
    return error


#: What the system says of a server that is not there.
_REFUSALS = (BrokenPipeError, ConnectionRefusedError, ConnectionResetError, FileNotFoundError)


without_annotations(globals())
