"""Workers whose process class is a program's own: of its context, or made by its pool's `Process`; or one whose
`__init__` or `start` the program has replaced.

Each is made, named and started here as any process of that class, and then handed to the supervisor of the
pool's workers instead of being started. What its own process becomes is the object as it was at that moment. One that
takes another's place becomes what that one was, under a name and a number of its own.
"""

from __future__ import annotations

import re

from manyhands import _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["OwnObjects", "is_own"]

process: Any = _std.module("process")

#: Where the classes stand that are nobody's own.
_STOCK = ("multiprocessing.context", "manyhands.multiprocessing.context")


def is_own(kind: object) -> bool:
    """Whether a context's `Process` is a program's own class, or a function that makes processes, or has methods that
    the program has replaced."""
    if not isinstance(kind, type) or kind.__module__ not in _STOCK:
        return True
    return any(_is_replaced(getattr(kind, name)) for name in ("__init__", "start"))


def _is_replaced(method: Any) -> bool:
    # By where it is written: a program may have done so before this was imported, and copied the names.
    code = getattr(method, "__code__", None)
    return code is None or code.co_filename != process.__file__


class OwnObjects:
    """The process objects of a pool's workers."""

    #: What their names begin with while they have only a number.
    PREFIX = "worker yet to be named-"

    def __init__(
        self, make: Callable[..., Any], workers: int, target: Callable[[], None], adapt: Callable[[Any], None]
    ) -> None:
        #: As the program has made them, for who looks at the pool's workers.
        self.here: list[Any] = []
        #: As their own processes see them.
        self.there: list[Any] = []
        for _ in range(workers):
            made = make(target=target)
            adapt(made)
            made._Popen = self._hand_over
            made.start()
            del made._Popen
            made._popen = None
            process._children.discard(made)
            self.here.append(made)
        if len(self.there) != workers:
            raise RuntimeError(
                f"{type(self.here[0]).__qualname__}.start did not start the process that is to be a worker: it has to "
                "call the start that it overrides, once"
            )

    def _hand_over(self, made: Any) -> _NotStarted:
        state = {name: value for name, value in vars(made).items() if name != "_Popen"}
        there = object.__new__(type(made))
        vars(there).update(state)
        self.there.append(there)
        return _NotStarted()

    def __getstate__(self) -> dict[str, Any]:
        return {"here": [], "there": self.there}

    @property
    def first(self) -> int:
        """The first worker's number among the processes of the program."""
        number: int = self.here[0]._identity[-1]
        return number

    def worker(self, number: int, identity: int) -> Any:
        """The process object of a worker: of those that were made, or of one that takes another's place."""
        worker = self.there[(number - 1) % len(self.there)]
        if number > len(self.there):
            before, worker._identity = worker._identity, (*worker._identity[:-1], identity)
            was, now = (":".join(map(str, each)) for each in (before, worker._identity))
            worker._name = re.sub(f"-{was}$", f"-{now}", worker._name)
        return worker

    def found(self, name: str) -> Any:
        """What the program has made for the worker of that name, which is the engine's until the worker begins."""
        if name.startswith(self.PREFIX):
            number = int(name.removeprefix(self.PREFIX))
            return self.here[number - 1] if number <= len(self.here) else None
        return next((made for made in self.here if made.name == name), None)


class _NotStarted:
    """Stands for a process that somebody else will start."""

    pid = None
    sentinel = None
