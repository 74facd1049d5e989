"""Executors and futures: the names of the standard library's `concurrent.futures`, on the engine.

A future is a subclass of the standard one, and so is an executor, so that asyncio and others take them for theirs.
"""

from __future__ import annotations

from importlib import import_module

from ._base import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    TimeoutError,
    as_completed,
    wait,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .process import ProcessPoolExecutor
    from .thread import ThreadPoolExecutor

__all__ = [
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "ALL_COMPLETED",
    "CancelledError",
    "TimeoutError",
    "InvalidStateError",
    "BrokenExecutor",
    "Future",
    "Executor",
    "wait",
    "as_completed",
    "ProcessPoolExecutor",
    "ThreadPoolExecutor",
]

_EXECUTORS = {"ProcessPoolExecutor": "process", "ThreadPoolExecutor": "thread"}


def __getattr__(name: str) -> Any:
    # Imported when they are asked for, as in the standard library.
    if name not in _EXECUTORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"manyhands.futures.{_EXECUTORS[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    from manyhands import _std

    return dir(_std.standard("concurrent.futures"))
