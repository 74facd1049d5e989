"""A pool's workers, as process objects of the process whose pool it is.

They are watched and signalled by pidfd. They are children of the pool's supervisor, which reaps them and replaces those
that die; here they can be looked at, waited for and ended, as the standard library's can.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
from typing import Any

from manyhands import _engine, _std

from . import connection

__all__ = ["WorkerPopen", "WorkerProcess", "worker_class"]

process: Any = _std.module("process")


class WorkerPopen:
    """A worker as the process sees it whose pool it works for: it is watched by pidfd, and reaped by its supervisor."""

    returncode: int | None = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._open()

    def _open(self) -> None:
        try:
            self.sentinel = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self.sentinel = -1
        else:
            self._file = os.fstat(self.sentinel)
            if _engine.is_stranger(self.pid):
                # The number stands in shared memory, and something wrote another one over it.
                os.close(self.sentinel)
                self.sentinel = -1

    def _present(self) -> int:
        """The descriptor, which is opened again where the program has closed it; -1 when there is no such process."""
        if self.sentinel >= 0 and not self._is_open():
            self._open()
        return self.sentinel

    def _is_open(self, _look: Any = os.fstat, _same: Any = os.path.samestat) -> bool:
        """Whether the descriptor is still ours: the program may have closed it, and opened something else."""
        try:
            return self.sentinel >= 0 and _same(self._file, _look(self.sentinel))
        except OSError:
            return False

    def __del__(self, _close: Any = os.close) -> None:
        if getattr(self, "sentinel", -1) >= 0 and self._is_open():
            _close(self.sentinel)

    def poll(self, flag: int = 0) -> int | None:
        return self.wait(0.0)

    def wait(self, timeout: float | None = None) -> int | None:
        sentinel = self._present()
        ended = sentinel < 0 or bool(connection.wait([sentinel], timeout))
        # How it ended, its supervisor knows.
        return 0 if ended else None

    def _signal(self, sig: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if (sentinel := self._present()) >= 0:
                signal.pidfd_send_signal(sentinel, sig)

    def interrupt(self) -> None:
        self._signal(signal.SIGINT)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        pass


class WorkerProcess(process.BaseProcess):  # type: ignore[misc]
    """A worker of a pool, for `active_children` and for who looks after its workers."""

    def __init__(self, name: str, pid: int, daemon: bool) -> None:
        number = name.rpartition("-")[2].rpartition(":")[2]
        self._identity = (int(number) if number.isdecimal() else 0,)
        self._name = name
        self._config = {**process.current_process()._config, "daemon": daemon}
        self._parent_pid = os.getpid()
        self._closed = False
        self._popen = WorkerPopen(pid)
        self._sentinel = self._popen.sentinel

    def interrupt(self) -> None:
        """Sends SIGINT to the worker."""
        self._popen.interrupt()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkerProcess) and self.pid == other.pid

    def __hash__(self) -> int:
        return hash(self.pid)


@functools.cache
def worker_class(kind: type) -> Any:
    """The class of workers of a context whose processes are of class `kind`: one of these, by its name."""
    return type(
        kind.__name__, (WorkerProcess, kind), {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    )
