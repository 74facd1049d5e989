"""How a thread calls a manager's server: a line of its own, through a pipe or a socket.

One call is under way at a time. A call that is broken off takes its line along, so that no call gets the answer to
another. A question to the server itself goes through the same line, which stays open until it is answered. Errors of
the connection name the manager; errors of pickling, and what signal handlers raise, stay as they are.
"""

from __future__ import annotations

from manyhands import _std
from manyhands._bare import without_annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["LOST", "Aside", "Borrowed", "Line", "Socket", "gone"]

_forking: Any = _std.module("reduction").ForkingPickler
_refused: Any = _std.module("context").AuthenticationError
#: As what it is noticed that a server is not there, or does not let one in.
LOST = (OSError, EOFError, _refused)


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
        #: How many questions to the server have it now, and whether it is to be closed after the last of them.
        self._lent = 0
        self._unwanted = False

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

    def lend(self) -> bool:
        """Keeps the line open until it is given back. False if the thread has this line no more."""
        self._lent += 1
        return vars(self._local).get("connection") is self

    def give_back(self) -> None:
        """Undoes a `lend`."""
        self._lent -= 1
        if self._unwanted:
            self.close()

    def close(self) -> None:
        """Closes it when no question has it any more: a proxy that is collected in the midst of one may be the last."""
        self._unwanted = True
        if not self._lent:
            self.conn.close()

    def drop_if_busy(self) -> None:
        """After a call was broken off: closes the line, and has the thread make another one."""
        if self.busy:
            if vars(self._local).get("connection") is self:
                del self._local.connection
            self.conn.close()

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
    """A thread's line, lent for one question to the server itself. It goes back when this object does, if not before:
    the standard library's proxies do not close what they ask through."""

    def __init__(self, line: Line) -> None:
        self.send, self.recv = line.send, line.recv
        self._line: Line | None = line
        #: Whether it may be used: a proxy that was collected just before may have closed it.
        self.is_good = line.lend()

    def __enter__(self) -> Borrowed:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        if self._line is not None:
            self._line.drop_if_busy()
            self.__del__()

    def __del__(self) -> None:
        # The line may have another call under way by now.
        line, self._line = self._line, None
        if line is not None:
            line.give_back()


def gone(error: BaseException, address: Any) -> BaseException:
    """An error of a connection, with a text that says which manager is gone; any other error as it is."""
    text = f"the manager at {address!r} has ended, or is not reachable"
    if text in str(error):
        return error
    if type(error) is EOFError:
        return EOFError(text)
    if type(error) is _refused:
        return _refused(f"{error}: the manager at {address!r} has another key")
    if type(error) in _REFUSALS:
        assert isinstance(error, OSError)
        return type(error)(error.errno, f"{error.strerror}: {text}")
    return error


#: What the system says of a server that is not there.
_REFUSALS = (BrokenPipeError, ConnectionRefusedError, ConnectionResetError, FileNotFoundError)


without_annotations(globals())
