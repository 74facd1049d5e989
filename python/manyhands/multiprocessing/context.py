"""Contexts: what a program may make (processes, pools, queues, locks), for each start method.

A context knows its start method and makes objects that fit it; the default one takes a method once. Exceptions and the
record of which process is being started are the standard library's own, so that handlers and reducers written
for it work. Names that do not exist yet raise AttributeError.
"""

from __future__ import annotations

import os
import sys

from manyhands import _engine, _std
from manyhands._bare import without_annotations

TYPE_CHECKING = False
process: Any = _std.module("process")
reduction: Any = _std.module("reduction")

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Mapping
    from multiprocessing import managers
    from multiprocessing.connection import Connection
    from multiprocessing.context import AuthenticationError, BufferTooShort, ProcessError, TimeoutError
    from multiprocessing.process import BaseProcess
    from typing import Any, ClassVar

    from . import pool, queues, synchronize
else:
    _context = _std.module("context")
    ProcessError = _context.ProcessError
    BufferTooShort = _context.BufferTooShort
    TimeoutError = _context.TimeoutError
    AuthenticationError = _context.AuthenticationError
    BaseProcess = process.BaseProcess

get_spawning_popen: Callable[[], Any] = _std.module("context").get_spawning_popen
set_spawning_popen: Callable[[Any], None] = _std.module("context").set_spawning_popen
assert_spawning: Callable[[object], None] = _std.module("context").assert_spawning

__all__ = ()


def __getattr__(name: str) -> Any:
    return _std.rest(__name__, name)


def __dir__() -> list[str]:
    return _std.names(__name__)


class BaseContext:
    """What every context offers."""

    ProcessError = ProcessError
    BufferTooShort = BufferTooShort
    TimeoutError = TimeoutError
    AuthenticationError = AuthenticationError

    current_process = staticmethod(process.current_process)
    parent_process = staticmethod(process.parent_process)
    _name: ClassVar[str]
    Process: ClassVar[type[_Process]]

    @staticmethod
    def active_children() -> list[BaseProcess]:
        """The processes that this one started and that have not ended, workers of its pools among them."""
        children: list[BaseProcess] = process.active_children()
        workers = sys.modules.get("manyhands.multiprocessing._workers")
        return children if workers is None else children + workers.workers_here()

    def cpu_count(self) -> int:
        """How many processors the system has."""
        count = os.cpu_count()
        if count is None:
            raise NotImplementedError("cannot determine number of cpus")
        return count

    def Pipe(self, duplex: bool = True) -> tuple[Connection[Any, Any], Connection[Any, Any]]:
        """Two connected ends, the standard library's own, so that they can be waited for together with sockets.

        Without `duplex` the first only receives, and the second only sends.
        """
        from . import connection

        ends: tuple[Connection[Any, Any], Connection[Any, Any]] = connection.Pipe(duplex)
        return ends

    def Manager(self) -> managers.SyncManager:
        """Starts a manager, whose server process keeps objects that several processes use, and returns it.

        Its methods, such as `dict`, `list`, `Queue` and `Lock`, make such objects and return proxies of them.
        """
        from .managers import SyncManager

        manager: managers.SyncManager = SyncManager(ctx=self.get_context())
        manager.start()
        return manager

    def Lock(self) -> synchronize.Lock:
        """A lock; anybody may release it."""
        from .synchronize import Lock

        return Lock(ctx=self.get_context())

    def RLock(self) -> synchronize.RLock:
        """A lock that its owner may take again."""
        from .synchronize import RLock

        return RLock(ctx=self.get_context())

    def Semaphore(self, value: int = 1) -> synchronize.Semaphore:
        """A semaphore with `value` permits at first."""
        from .synchronize import Semaphore

        return Semaphore(value, ctx=self.get_context())

    def BoundedSemaphore(self, value: int = 1) -> synchronize.BoundedSemaphore:
        """A semaphore that never has more permits than `value`."""
        from .synchronize import BoundedSemaphore

        return BoundedSemaphore(value, ctx=self.get_context())

    def Condition(self, lock: synchronize.Lock | synchronize.RLock | None = None) -> synchronize.Condition:
        """A condition, where processes wait to be notified, on `lock` or on an RLock of its own."""
        from .synchronize import Condition

        return Condition(lock, ctx=self.get_context())

    def Barrier(
        self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None
    ) -> synchronize.Barrier:
        """A barrier for so many `parties`. The last to arrive calls `action`; `timeout` is the limit for each wait."""
        from .synchronize import Barrier

        return Barrier(parties, action, timeout, ctx=self.get_context())

    def Event(self) -> synchronize.Event:
        """A flag that can be waited for."""
        from .synchronize import Event

        return Event(ctx=self.get_context())

    def Queue(self, maxsize: int = 0) -> queues.Queue[Any]:
        """A queue for any number of processes; unbounded unless `maxsize` is positive."""
        from .queues import Queue

        return Queue(maxsize, ctx=self.get_context())

    def JoinableQueue(self, maxsize: int = 0) -> queues.JoinableQueue[Any]:
        """A queue that can be waited for until all that was put has been dealt with."""
        from .queues import JoinableQueue

        return JoinableQueue(maxsize, ctx=self.get_context())

    def SimpleQueue(self) -> queues.SimpleQueue[Any]:
        """An unbounded queue with fewer methods."""
        from .queues import SimpleQueue

        return SimpleQueue(ctx=self.get_context())

    def Pool(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        *,
        retries: int = 0,
    ) -> pool.Pool:
        """A pool of worker processes that run calls; see `Pool` in `multiprocessing.pool` for its arguments."""
        from .pool import Pool

        return Pool(processes, initializer, initargs, maxtasksperchild, context=self.get_context(), retries=retries)

    def RawValue(self, typecode_or_type: Any, *args: Any) -> Any:
        """A `ctypes` object in shared memory, of a type or an `array` type code, made of `args`. It has no lock."""
        from .sharedctypes import RawValue

        return RawValue(typecode_or_type, *args)

    def RawArray(self, typecode_or_type: Any, size_or_initializer: Any) -> Any:
        """A `ctypes` array in shared memory, of so many zeros or of the elements of a sequence. It has no lock."""
        from .sharedctypes import RawArray

        return RawArray(typecode_or_type, size_or_initializer)

    def Value(self, typecode_or_type: Any, *args: Any, lock: Any = True) -> Any:
        """As `RawValue`, with a lock for each access: `lock`, or a new one if it is True, or none if it is False."""
        from .sharedctypes import Value

        return Value(typecode_or_type, *args, lock=lock, ctx=self.get_context())

    def Array(self, typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True) -> Any:
        """As `RawArray`, with a lock for each access: `lock`, or a new one if it is True, or none if it is False."""
        from .sharedctypes import Array

        return Array(typecode_or_type, size_or_initializer, lock=lock, ctx=self.get_context())

    def freeze_support(self) -> None:
        """Does nothing: frozen programs start children otherwise only on Windows."""

    def get_logger(self) -> logging.Logger:
        """The package's logger, which is made when it is first asked for."""
        from . import util

        logger: logging.Logger = util.get_logger()
        return logger

    def log_to_stderr(self, level: int | str | None = None) -> logging.Logger:
        """Makes the package's logger write to standard error, from `level` on if that is given, and returns it."""
        from . import util

        logger: logging.Logger = util.log_to_stderr(level)
        return logger

    def allow_connection_pickling(self) -> None:
        """Lets connections and sockets be sent to other processes."""
        from . import connection  # noqa: F401

    def set_executable(self, executable: str | bytes) -> None:
        """Sets the path of the interpreter that `spawn` and `forkserver` start: at first `sys.executable`."""
        from . import spawn

        spawn.set_executable(executable)

    def set_forkserver_preload(self, module_names: list[str]) -> None:
        """Sets which modules the process imports beforehand that `forkserver` children are forked from.

        What it cannot import it leaves to its children. Anything but a list of strings is a TypeError.
        """
        from .forkserver import set_forkserver_preload

        set_forkserver_preload(module_names)

    def get_context(self, method: str | None = None) -> BaseContext:
        """The context of a start method, or this one if `method` is `None`. An unknown one is a ValueError."""
        if method is None:
            return self
        try:
            return _concrete_contexts[method]
        except KeyError:
            raise ValueError(f"cannot find context for {method!r}") from None

    def get_start_method(self, allow_none: bool = False) -> str | None:
        """The name of this context's start method. `allow_none` means nothing here."""
        return self._name

    def set_start_method(self, method: str | None, force: bool = False) -> None:
        """Raises ValueError: only the default context takes a start method."""
        raise ValueError("cannot set start method of concrete context")

    @property
    def reducer(self) -> Any:
        """The module that pickles for other processes: all contexts' own, as in the standard library."""
        return globals()["reduction"]

    @reducer.setter
    def reducer(self, reduction: Any) -> None:
        globals()["reduction"] = reduction

    def _check_available(self) -> None:
        pass


class _Process(BaseProcess):
    """What the process classes of all start methods have in common."""

    def start(self) -> None:
        """Starts the process, which then calls `run`.

        Raises AssertionError when it was started before, or was made by another process, or this one is a daemon.
        """
        self._check_closed()
        if self._popen is not None:
            raise _engine.refused_by(AssertionError("cannot start a process twice"), self)
        super().start()

    def join(self, timeout: float | None = None) -> None:
        """Waits until the process has ended, or for `timeout` seconds; `None` is no limit.

        Returns `None` in either case: ask `is_alive` or `exitcode`. Raises AssertionError when it was not started.
        """
        self._check_closed()
        if self._popen is None and self._parent_pid == os.getpid():
            raise _engine.refused_by(AssertionError("can only join a started process"), self)
        super().join(timeout)

    def interrupt(self) -> None:
        """Sends SIGINT to the process."""
        self._check_closed()
        self._popen.interrupt()

    _popen: Any
    _parent_pid: int

    if TYPE_CHECKING:

        def _check_closed(self) -> None: ...

    def _bootstrap(self, parent_sentinel: int | None = None) -> int:
        if self._start_method is not None:
            _force_start_method(self._start_method)
        code: int = super()._bootstrap(parent_sentinel)  # type: ignore[misc]
        return code

    _start_method: ClassVar[str | None] = None

    if TYPE_CHECKING:

        def __init__(
            self,
            group: None = None,
            target: Callable[..., object] | None = None,
            name: str | None = None,
            args: Iterable[Any] = (),
            kwargs: Mapping[str, Any] = {},
            *,
            daemon: bool | None = None,
        ) -> None: ...


class Process(_Process):
    """A process of the default start method. It calls `target(*args, **kwargs)`, or does what a subclass's `run` does.

    It has the methods of a `threading.Thread`. A daemon is ended when this process ends, and may not start processes;
    with `daemon=None` it is one if this process is. `group` must be `None`.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        return _default_context.get_context().Process._Popen(process_obj)  # type: ignore[attr-defined]

    @staticmethod
    def _after_fork() -> None:
        _default_context.get_context().Process._after_fork()  # type: ignore[attr-defined]


class ForkProcess(_Process):
    """A `Process` that begins as a copy of its parent."""

    _start_method = "fork"

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from .popen_fork import Popen

        return Popen(process_obj)


class SpawnProcess(_Process):
    """A `Process` in a fresh interpreter, which gets its target and arguments pickled."""

    _start_method = "spawn"

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from .popen_spawn_posix import Popen

        return Popen(process_obj)

    @staticmethod
    def _after_fork() -> None:
        pass


class ForkServerProcess(_Process):
    """A `Process` forked from a fresh interpreter that does nothing else. It gets its target and arguments pickled."""

    _start_method = "forkserver"

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from .popen_forkserver import Popen

        return Popen(process_obj)


class ForkContext(BaseContext):
    """Children begin as copies of their parent."""

    _name = "fork"
    Process = ForkProcess


class SpawnContext(BaseContext):
    """Children are fresh interpreters."""

    _name = "spawn"
    Process = SpawnProcess


class ForkServerContext(BaseContext):
    """Children are forked from a fresh interpreter."""

    _name = "forkserver"
    Process = ForkServerProcess


class DefaultContext(BaseContext):
    """The context behind the package's own names; takes a start method once."""

    Process = Process

    def __init__(self, context: BaseContext) -> None:
        self._default_context = context
        self._actual_context: BaseContext | None = None

    def get_context(self, method: str | None = None) -> BaseContext:
        """The context of a start method; without one, of the method in force, which is fixed by asking.

        An unknown start method is a ValueError.
        """
        if method is not None:
            return super().get_context(method)
        if self._actual_context is None:
            self._actual_context = self._default_context
        return self._actual_context

    def set_start_method(self, method: str | None, force: bool = False) -> None:
        """Sets the start method: 'fork', 'spawn' or 'forkserver'. `None` with `force` leaves it open again.

        Raises RuntimeError when it is set or fixed by now, unless `force`, and ValueError for an unknown one.
        """
        if self._actual_context is not None and not force:
            raise RuntimeError("context has already been set")
        if method is None and force:
            self._actual_context = None
        else:
            self._actual_context = self.get_context(method)

    def get_start_method(self, allow_none: bool = False) -> str | None:
        """The start method in force. If none was set: the default, fixed by asking, or `None` with `allow_none`."""
        if self._actual_context is None:
            if allow_none:
                return None
            self._actual_context = self._default_context
        return self._actual_context._name

    def get_all_start_methods(self) -> list[str]:
        """All start methods, the default one first."""
        first = self._default_context._name
        return [first, *(name for name in _concrete_contexts if name != first)]


_concrete_contexts: dict[str, BaseContext] = {
    "fork": ForkContext(),
    "spawn": SpawnContext(),
    "forkserver": ForkServerContext(),
}
# From 3.14 on the standard library's default is forkserver.
_asked = sys.modules.get("manyhands._run")
_first = getattr(_asked, "start_method", None) or ("forkserver" if sys.version_info >= (3, 14) else "fork")
_default_context = DefaultContext(_concrete_contexts[_first])


def _force_start_method(method: str) -> None:
    _default_context._actual_context = _concrete_contexts[method]


without_annotations(globals())
