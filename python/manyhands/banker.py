"""The banker's algorithm: units of named resources, granted only when that cannot lead to a deadlock.

Whoever needs several resources one after the other declares first how much it will need at most. A request is granted
when all claimants can still get all they declared, in some order, and waits otherwise. Dijkstra, EWD 108 and EWD 623;
for several resources Habermann, "Prevention of system deadlocks", CACM 12 (1969).

    banker = Banker(memory=8 << 30, licences=3)
    with banker.claim("report", memory=2 << 30, licences=1) as claim:
        with claim.request(memory=1 << 30):
            ...

`Banker(...)` is for the threads of one process, `Banker.shared(...)` for several processes.
"""

from __future__ import annotations

import threading
from operator import index
from typing import TYPE_CHECKING, NamedTuple

from . import _engine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    _Units = Mapping[str, int] | None

__all__ = ["Banker", "BankerStatistics", "Claim", "ClaimantStatistics", "ResourceStatistics", "Units", "Verdict"]

_MOST = 2**64 - 1


class ResourceStatistics(NamedTuple):
    """How many units of a resource there are, and how many of them nobody has."""

    total: int
    free: int


class ClaimantStatistics(NamedTuple):
    """A claimant: what it declared, has, and waits for (`None` when it does not wait)."""

    name: str
    pid: int
    claimed: dict[str, int]
    held: dict[str, int]
    waits_for: dict[str, int] | None


class BankerStatistics(NamedTuple):
    """What can be told of a banker at one moment."""

    resources: dict[str, ResourceStatistics]
    claimants: list[ClaimantStatistics]


class Verdict(NamedTuple):
    """What would become of a request: if it is safe, in which order all could then finish, or why it has to wait."""

    safe: bool
    order: list[str] | None
    reason: str


def _named(units: _Units, more: dict[str, int]) -> dict[str, int]:
    """Units by name, as whole numbers that the engine can count."""
    named = {**(units or {}), **more}
    for name, count in named.items():
        try:
            number = index(count)
        except TypeError:
            kind = type(count).__name__
            raise TypeError(f"the units of {name!r} must be a whole number, not {kind!r}") from None
        if not 0 <= number <= _MOST:
            raise ValueError(f"the units of {name!r} must be between 0 and {_MOST}, not {number}")
        named[name] = number
    return named


def _attach(kind: Any, handle: int) -> Any:
    """The banker that another process named, as this process's own."""
    banker = _engine.Banker.__new__(kind, [], handle=handle)
    banker._names = [name for name, _ in banker._resources()]
    return banker


class Banker(_engine.Banker):
    """Units of named resources: `Banker(memory=8 << 30, licences=3)`, or one mapping."""

    _names: list[str]

    def __new__(cls, resources: _Units = None, /, **more: int) -> Banker:
        return cls._made(_named(resources, more), False)

    @classmethod
    def shared(cls, resources: _Units = None, /, **more: int) -> Banker:
        """A banker for several processes. It goes to those that are started, as locks do."""
        return cls._made(_named(resources, more), True)

    @classmethod
    def _made(cls, named: dict[str, int], shared: bool) -> Banker:
        banker = super().__new__(cls, list(named.items()), shared)
        banker._names = list(named)
        return banker

    def _listed(self, named: dict[str, int]) -> list[int]:
        """Units as the engine counts them, in the order of the resources."""
        for name in named:
            if name not in self._names:
                raise ValueError(f"this banker has no {name!r}: it has {', '.join(self._names)}")
        return [named.get(name, 0) for name in self._names]

    def _by_name(self, units: list[int]) -> dict[str, int]:
        return dict(zip(self._names, units, strict=True))

    def claim(self, name: str | None = None, units: _Units = None, /, **more: int) -> Claim:
        """Declares that at most so many units will be needed at one time; `ValueError` when there are not so many.

        `name` stands in errors and statistics; without one it is the thread's.
        """
        listed = self._listed(_named(units, more))
        return Claim(self, self._claim(threading.current_thread().name if name is None else name, listed))

    @property
    def totals(self) -> dict[str, int]:
        """How many units of each resource there are."""
        return dict(self._resources())

    def is_safe(self) -> bool:
        """Whether all claimants can get all they declared, in some order; true, unless the banker has failed."""
        return self._safe_order() is not None

    def safe_order(self) -> list[str]:
        """The names of the claimants in such an order."""
        return self._safe_order() or []

    def statistics(self) -> BankerStatistics:
        """What there is, who declared what, has what and waits for what."""
        free, rows = self._statistics()
        resources = {
            name: ResourceStatistics(total, left) for (name, total), left in zip(self._resources(), free, strict=True)
        }
        named = self._by_name
        claimants = [
            ClaimantStatistics(name, pid, named(claimed), named(held), None if wanted is None else named(wanted))
            for name, pid, claimed, held, wanted in rows
        ]
        return BankerStatistics(resources, claimants)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._handle is None:
            raise TypeError("a banker for threads cannot go to another process: make it by Banker.shared()")
        from .multiprocessing import context

        context.assert_spawning(self)
        context.get_spawning_popen().share(self._handle)
        return _attach, (type(self), self._handle)

    def __repr__(self) -> str:
        resources = ", ".join(f"{name}={units}" for name, units in self._resources())
        return f"<{type(self).__name__}({resources})>"


class Claim:
    """What a claimant has declared; one thread at a time requests units with it. Closing it gives all back."""

    __slots__ = ("__weakref__", "_banker", "_claim")

    def __init__(self, banker: Banker, claim: _engine.Claim) -> None:
        self._banker = banker
        self._claim = claim

    @property
    def name(self) -> str:
        """The claimant's name."""
        return self._claim.name

    def _listed(self, units: _Units, more: dict[str, int]) -> list[int]:
        return self._banker._listed(_named(units, more))

    def request(self, units: _Units = None, /, **more: int) -> Units:
        """Waits until so many units more can be had safely, and takes them; `with` gives them back.

        `ValueError` when that is more than was declared.
        """
        listed = self._listed(units, more)
        while not self._claim._request(listed, None, self):
            pass
        return Units(self, listed)

    def try_request(self, units: _Units = None, /, **more: int) -> Units | None:
        """Takes the units if they can be had safely at once, without overtaking anybody who has waited too long."""
        listed = self._listed(units, more)
        return Units(self, listed) if self._claim._try_request(listed) else None

    def request_timeout(self, seconds: float, units: _Units = None, /, **more: int) -> Units:
        """As `request`; `TimeoutError` when the time is over first."""
        listed = self._listed(units, more)
        if not self._claim._request(listed, max(seconds, 0.0), self):
            wanted = ", ".join(f"{count} of {name}" for name, count in self._banker._by_name(listed).items() if count)
            raise TimeoutError(f"{self.name} did not get {wanted} within {seconds} s")
        return Units(self, listed)

    def release(self, units: _Units = None, /, **more: int) -> None:
        """Gives units back, of whichever request; `ValueError` when the claim does not have so many."""
        self._claim._release(self._listed(units, more))

    @property
    def held(self) -> dict[str, int]:
        """What the claim has now."""
        return self._banker._by_name(self._claim._held())

    def foresee(self, units: _Units = None, /, **more: int) -> Verdict:
        """What would become of a request if it were made now; nothing is taken."""
        safe, order, lacking = self._claim._foresee(self._listed(units, more))
        if safe:
            return Verdict(True, order, "safe")
        if lacking is not None:
            return Verdict(False, None, f"there is not enough {lacking} now")
        return Verdict(False, None, "unsafe: all could come to wait for one another")

    def close(self) -> None:
        """Gives all back, and the claim up; may be done again."""
        self._claim.close()

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.name!r}>"


class Units:
    """Units that were granted. `with` or `release()` gives them back; otherwise they stay until the claim is closed."""

    __slots__ = ("_claim", "_units")

    def __init__(self, claim: Claim, units: list[int]) -> None:
        self._claim = claim
        self._units: list[int] | None = units

    @property
    def counts(self) -> dict[str, int]:
        """How many of each resource; nothing once they were given back."""
        return {} if self._units is None else self._claim._banker._by_name(self._units)

    def release(self) -> None:
        """Gives them back; may be done again."""
        units, self._units = self._units, None
        if units is not None:
            self._claim._claim._release(units)

    def __enter__(self) -> Units:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None, /
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={count}" for name, count in self.counts.items())
        return f"<{type(self).__name__}({counts}) of {self._claim.name!r}>"
