"""Exceptions for what went wrong in another process.

`WorkerDied` is a `BrokenProcessPool`, so that handlers written for `concurrent.futures` catch it; the pool itself goes
on with a new worker. Importing this module imports `concurrent.futures.process`, so it is imported only after something
has gone wrong.
"""

from __future__ import annotations

from . import _guard, _std
from ._deadlock import DeadlockError, DeadlockStep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures.process import BrokenProcessPool
else:
    BrokenProcessPool = _std.standard("concurrent.futures.process").BrokenProcessPool

__all__ = [
    "BrokenProcessPool",
    "DeadlockError",
    "DeadlockStep",
    "MissingGuardError",
    "WorkerDied",
    "broken_pool",
    "unreadable",
]


class WorkerDied(BrokenProcessPool):
    """The worker died while it ran a call. Only this call is lost; `retries=` runs such a call again."""

    def __init__(
        self,
        message: str = "",
        *,
        pid: int = 0,
        worker: str = "",
        exitcode: int | None = None,
        call: str = "",
    ) -> None:
        super().__init__(message)
        #: The worker's pid, name, and exit code (or minus the signal that ended it); `None` if that is not known.
        self.pid = pid
        self.worker = worker
        self.exitcode = exitcode
        #: The name of the function that was called.
        self.call = call

    def __reduce__(self) -> tuple[object, ...]:
        state = {"pid": self.pid, "worker": self.worker, "exitcode": self.exitcode, "call": self.call}
        return type(self), self.args, state


class MissingGuardError(RuntimeError):
    """The main module starts processes when it is imported. If nothing reads this error, it is reported at the end."""

    def __str__(self) -> str:
        _guard.reported()
        return super().__str__()


def broken_pool(text: str, reason: str) -> Exception:
    """The exception for a pool in which no worker can work."""
    if reason.startswith(_guard.PREFIX):
        _guard.found(reason)
        return MissingGuardError(_guard.message(reason))
    return BrokenProcessPool(text)


def unreadable(error: BaseException) -> Exception:
    """The exception for a call of an executor whose arguments or result cannot be unpickled."""
    broken = BrokenProcessPool(f"a call's arguments or result cannot be unpickled: {type(error).__name__}: {error}")
    broken.__cause__ = error
    return broken
