# The types of `manyhands.threading`: those of the standard module, and what is ours besides.

from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from threading import (
    TIMEOUT_MAX as TIMEOUT_MAX,
    BrokenBarrierError as BrokenBarrierError,
    ExceptHookArgs as ExceptHookArgs,
    Thread as _Thread,
    ThreadError as ThreadError,
    active_count as active_count,
    enumerate as enumerate,
    excepthook as excepthook,
    get_ident as get_ident,
    get_native_id as get_native_id,
    getprofile as getprofile,
    gettrace as gettrace,
    local as local,
    setprofile as setprofile,
    settrace as settrace,
    stack_size as stack_size,
)
from types import TracebackType
from typing import Any, TypeVar, final

_T = TypeVar("_T")

__all__ = [
    "get_ident",
    "active_count",
    "Condition",
    "current_thread",
    "enumerate",
    "main_thread",
    "TIMEOUT_MAX",
    "Event",
    "Lock",
    "RLock",
    "Semaphore",
    "BoundedSemaphore",
    "Thread",
    "Barrier",
    "BrokenBarrierError",
    "Timer",
    "ThreadError",
    "setprofile",
    "settrace",
    "local",
    "stack_size",
    "excepthook",
    "ExceptHookArgs",
    "gettrace",
    "getprofile",
    "get_native_id",
]

class State(str):
    on: object

class Thread(_Thread):
    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
        context: Context | None = None,
    ) -> None: ...
    @property
    def state(self) -> State: ...

class Timer(Thread):
    args: Iterable[Any]
    finished: Event
    function: Callable[..., Any]
    interval: float
    kwargs: Mapping[str, Any]
    def __init__(
        self,
        interval: float,
        function: Callable[..., object],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None: ...
    def cancel(self) -> None: ...

class _Held:
    def release(self) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

class _AnyLock(_Held):
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def locked(self) -> bool: ...
    def statistics(self) -> dict[str, int | None]: ...

@final
class Lock(_AnyLock):
    def acquire_lock(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def release_lock(self) -> None: ...
    def locked_lock(self) -> bool: ...

LockType = Lock

class RLock(_AnyLock): ...

class Condition(_Held):
    def __init__(self, lock: Lock | RLock | None = None) -> None: ...
    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def wait_for(self, predicate: Callable[[], _T], timeout: float | None = None) -> _T: ...
    def notify(self, n: int = 1) -> None: ...
    def notify_all(self) -> None: ...
    def notifyAll(self) -> None: ...
    def statistics(self) -> dict[str, int]: ...

class Semaphore:
    def __init__(self, value: int = 1) -> None: ...
    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool: ...
    def release(self, n: int = 1) -> None: ...
    def statistics(self) -> dict[str, int]: ...
    def __enter__(self, blocking: bool = True, timeout: float | None = None) -> bool: ...
    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

class BoundedSemaphore(Semaphore): ...

class Event:
    def is_set(self) -> bool: ...
    def isSet(self) -> bool: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def statistics(self) -> dict[str, Any]: ...

class Barrier:
    def __init__(
        self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None
    ) -> None: ...
    @property
    def parties(self) -> int: ...
    @property
    def n_waiting(self) -> int: ...
    @property
    def broken(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def reset(self) -> None: ...
    def abort(self) -> None: ...
    def statistics(self) -> dict[str, Any]: ...

def current_thread() -> Thread: ...
def currentThread() -> Thread: ...
def main_thread() -> Thread: ...
def trust_with(trusted: bool) -> None: ...
