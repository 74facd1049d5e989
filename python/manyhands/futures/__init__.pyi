# The types of `manyhands.futures`: the standard ones, with the arguments that are ours besides.

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import (
    ALL_COMPLETED as ALL_COMPLETED,
    FIRST_COMPLETED as FIRST_COMPLETED,
    FIRST_EXCEPTION as FIRST_EXCEPTION,
    BrokenExecutor as BrokenExecutor,
    CancelledError as CancelledError,
    Executor as Executor,
    Future as _Future,
    InvalidStateError as InvalidStateError,
    TimeoutError as TimeoutError,
    as_completed as as_completed,
    wait as wait,
)
from multiprocessing.context import BaseContext as _StandardContext
from typing import Any, ParamSpec, TypeVar, overload

from ..banker import Banker
from ..multiprocessing.context import BaseContext

_P = ParamSpec("_P")
_T = TypeVar("_T")

class Future(_Future[_T]): ...

# What both executors have.
class _Executor(Executor):
    @overload
    def submit(self, fn: Callable[..., _T], /, *args: Any, needs: Mapping[str, int], **kwargs: Any) -> Future[_T]: ...
    @overload
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]: ...
    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[_T]: ...
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None: ...

class ThreadPoolExecutor(_Executor):
    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        resources: Mapping[str, int] | Banker | None = None,
    ) -> None: ...

class ProcessPoolExecutor(_Executor):
    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: BaseContext | _StandardContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        retries: int = 0,
        resources: Mapping[str, int] | Banker | None = None,
    ) -> None: ...
    def terminate_workers(self) -> None: ...
    def kill_workers(self) -> None: ...
