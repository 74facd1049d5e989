"""`DeadlockError`: threads that wait for one another, or for something no thread can bring, would wait for ever.

The engine raises it in the thread that finds the deadlock; `manyhands.errors` has it as a public name.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DeadlockError", "DeadlockStep"]


class DeadlockStep(tuple[str, str, str, str, str]):
    """One thread of a deadlock: what it waits for and where, which thread has that, and where that thread took it."""

    __slots__ = ()

    @property
    def thread(self) -> str:
        """The name of the waiting thread."""
        return self[0]

    @property
    def object(self) -> str:
        """What it waits for, as text."""
        return self[1]

    @property
    def wanted_at(self) -> str:
        """Where it waits."""
        return self[2]

    @property
    def holder(self) -> str:
        """The name of the thread that has it; empty when no particular thread has."""
        return self[3]

    @property
    def taken_at(self) -> str:
        """Where that thread took it."""
        return self[4]


class DeadlockError(RuntimeError):
    """The wait would never have ended. Nothing was taken, and this thread still holds what it held before."""

    def __init__(self, message: str = "", steps: Iterable[tuple[str, str, str, str, str]] = ()) -> None:
        super().__init__(message)
        #: The threads, each waiting for what the next one has.
        self.steps = [DeadlockStep(step) for step in steps]

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (*self.args, [tuple(step) for step in self.steps])


for _kind in (DeadlockError, DeadlockStep):
    _kind.__module__ = "manyhands.errors"


def deadlock_error(text: str, steps: list[tuple[str, str, str, str, str]]) -> DeadlockError:
    """The error for a deadlock that the engine has found."""
    if steps and steps[-1][3] == steps[0][0]:
        found = "these threads wait for one another, for ever:"
        advice = "release what this thread holds and try again, or take locks in one order everywhere"
    else:
        found = "these threads wait for ever, and no other thread is left to end a wait:"
        advice = "see that each thread releases what it took before it ends"
    return DeadlockError(f"{found}{text}\n{advice}", steps)
