"""`DeadlockError`: threads that wait for one another, or all for ever, and would never have gone on.

Made by the engine for the thread that finds it out; `manyhands.errors` passes it on.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DeadlockError", "DeadlockStep"]


class DeadlockStep(tuple[str, str, str, str, str]):
    """One thread of a deadlock: what it waits for and where, who has that and where it was taken."""

    __slots__ = ()

    @property
    def thread(self) -> str:
        """The name of the waiting thread."""
        return self[0]

    @property
    def object(self) -> str:
        """What it waits for, in words."""
        return self[1]

    @property
    def wanted_at(self) -> str:
        """Where it waits."""
        return self[2]

    @property
    def holder(self) -> str:
        """The name of the thread that has it; empty when nobody in particular has."""
        return self[3]

    @property
    def taken_at(self) -> str:
        """Where that thread took it."""
        return self[4]


class DeadlockError(RuntimeError):
    """The wait would never have ended. Nothing was taken; what this thread holds it still holds."""

    def __init__(self, message: str = "", steps: Iterable[tuple[str, str, str, str, str]] = ()) -> None:
        super().__init__(message)
        #: The threads, each waiting for what the next one has.
        self.steps = [DeadlockStep(step) for step in steps]

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (*self.args, [tuple(step) for step in self.steps])


for _kind in (DeadlockError, DeadlockStep):
    _kind.__module__ = "manyhands.errors"


def deadlock_error(text: str, steps: list[tuple[str, str, str, str, str]]) -> DeadlockError:
    """The error for what the engine found."""
    if steps and steps[-1][3] == steps[0][0]:
        told = "these threads wait for one another, for ever:"
        advice = "release what this thread holds and try again, or take locks in one order everywhere"
    else:
        told = "these threads wait for what nobody is left to bring, for ever:"
        advice = "see that each thread releases what it took before it ends"
    return DeadlockError(f"{told}{text}\n{advice}", steps)
