"""Admission of calls that say what they need: `submit(f, needs={"memory": 2 << 30})`.

An executor that was made with `resources` has a banker. A call with needs is refused at once when they are beyond what
there is. Otherwise the worker that runs the call waits, fairly, until it can have them, and gives them back at the end,
also when its process is killed. The waiting call keeps its worker, so that calls behind it wait as well.
"""

from __future__ import annotations

import functools
import weakref

from manyhands import _engine
from manyhands.banker import Banker, _named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["admit", "run_here", "run_there"]


def admit(executor: Any, resources: Mapping[str, int] | Banker, shared: bool) -> object:
    """Has the executor's `submit` take `needs`: which that is. `resources` are a banker's, or a banker that others use,
    too."""
    if isinstance(resources, Banker):
        banker = resources
        if shared and banker._manyhands.engine._handle is None:
            raise ValueError("calls in other processes need a banker for processes: make it by Banker.shared()")
    else:
        banker = Banker.shared(resources) if shared else Banker(resources)
    executor.banker = banker
    executor.submit = admission = _Submit(executor, run_there if shared else run_here)
    return admission


class _Submit:
    """The `submit` of one executor, which it does not keep alive."""

    __slots__ = ("_books", "_executor", "_run")

    def __init__(self, executor: Any, run: Callable[..., Any]) -> None:
        self._executor = weakref.ref(executor)
        self._books = executor.banker._manyhands
        self._run = run

    def __call__(self, fn: Any, /, *args: Any, needs: Mapping[str, int] | None = None, **kwargs: Any) -> Any:
        executor = self._executor()
        if executor is None:
            raise RuntimeError("the executor is gone: keep it while calls are submitted")
        submit = type(executor).submit
        if not needs:
            return submit(executor, fn, *args, **kwargs)
        books = self._books
        units = books.listed(_named(needs, {}))
        name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
        books.engine._admits(name, units)
        place = books.engine if self._run is run_here else books.engine._handle
        return submit(executor, self._run, place, name, units, fn, args, kwargs)


def run_here(
    banker: _engine.Banker, name: str, units: list[int], fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Runs a call that has what it needs."""
    claim = banker._claim(name, units)
    try:
        while not claim._request(units):
            pass
        return fn(*args, **kwargs)
    finally:
        claim.close()


@functools.cache
def _banker(handle: int) -> _engine.Banker:
    return _engine.Banker([], handle=handle)


def run_there(handle: int, *call: Any) -> Any:
    """The same in another process; the executor keeps the banker."""
    return run_here(_banker(handle), *call)
