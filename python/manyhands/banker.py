"""The banker's algorithm: units of named resources, granted only when that cannot lead to a deadlock.

A claimant that needs several resources, one after the other, first declares how much it will need at most. A request is
granted if all claimants can then still get all they declared, in some order; otherwise it waits. Dijkstra, EWD 108 and
EWD 623; for several resources Habermann, "Prevention of system deadlocks", CACM 12 (1969).

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
    from typing import Any, Self

    _Units = Mapping[str, int] | None

__all__ = ["Banker", "BankerStatistics", "Claim", "ClaimantStatistics", "ResourceStatistics", "Units", "Verdict"]

_MOST = 2**64 - 1


class ResourceStatistics(NamedTuple):
    """How many units of a resource there are, and how many of them are free."""

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
    """The state of a banker at one moment."""

    resources: dict[str, ResourceStatistics]
    claimants: list[ClaimantStatistics]


class Verdict(NamedTuple):
    """The outcome of a request: whether it is safe, and an order in which all could finish, or the reason to wait."""

    safe: bool
    order: list[str] | None
    reason: str


def _named(units: _Units, more: dict[str, int]) -> dict[str, int]:
    """Units by name, as whole numbers in the engine's range."""
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


class _Books:
    """The engine's banker, and the names of its resources."""

    __slots__ = ("engine", "names")

    def __init__(self, engine: _engine.Banker) -> None:
        self.engine = engine
        self.names = [name for name, _ in engine._resources()]

    def listed(self, named: dict[str, int]) -> list[int]:
        """Units as the engine takes them: a list in the order of the resources."""
        for name in named:
            if name not in self.names:
                raise ValueError(f"this banker has no resource {name!r}: it has {', '.join(self.names)}")
        return [named.get(name, 0) for name in self.names]

    def by_name(self, units: list[int]) -> dict[str, int]:
        return dict(zip(self.names, units, strict=True))


def _attach(kind: Any, handle: int) -> Any:
    """A banker that another process has sent."""
    banker = kind.__new__(kind)
    banker._manyhands = _Books(_engine.Banker([], handle=handle))
    return banker


class Banker:
    """Units of named resources: `Banker(memory=8 << 30, licences=3)`, or one mapping."""

    _manyhands: _Books

    def __init__(self, resources: _Units = None, /, **more: int) -> None:
        self._manyhands = _Books(_engine.Banker(list(_named(resources, more).items()), False))

    @classmethod
    def shared(cls, resources: _Units = None, /, **more: int) -> Banker:
        """A banker for several processes. It is passed to child processes when they are started, as locks are."""
        banker = cls.__new__(cls)
        banker._manyhands = _Books(_engine.Banker(list(_named(resources, more).items()), True))
        return banker

    def claim(self, name: str | None = None, units: _Units = None, /, **more: int) -> Claim:
        """Declares that at most so many units will be needed at one time; `ValueError` if there are not so many.

        `name` appears in errors and statistics; the default is the name of the thread.
        """
        books = self._manyhands
        listed = books.listed(_named(units, more))
        name = threading.current_thread().name if name is None else name
        return Claim(books, books.engine._claim(name, listed))

    @property
    def totals(self) -> dict[str, int]:
        """How many units of each resource there are."""
        return dict(self._manyhands.engine._resources())

    def is_safe(self) -> bool:
        """Whether all claimants can get all they declared, in some order. If not, the banker has failed."""
        return self._manyhands.engine._safe_order() is not None

    def safe_order(self) -> list[str]:
        """The names of the claimants, in such an order."""
        return self._manyhands.engine._safe_order() or []

    def statistics(self) -> BankerStatistics:
        """The resources, and what each claimant has declared, has, and waits for."""
        books = self._manyhands
        free, rows = books.engine._statistics()
        totals = books.engine._resources()
        resources = {name: ResourceStatistics(total, left) for (name, total), left in zip(totals, free, strict=True)}
        named = books.by_name
        claimants = [
            ClaimantStatistics(name, pid, named(claimed), named(held), None if wanted is None else named(wanted))
            for name, pid, claimed, held, wanted in rows
        ]
        return BankerStatistics(resources, claimants)

    def __reduce__(self) -> tuple[Any, ...]:
        handle = self._manyhands.engine._handle
        if handle is None:
            raise TypeError("a banker for threads cannot be sent to another process: make it with Banker.shared()")
        from .multiprocessing import context

        context.assert_spawning(self)
        context.get_spawning_popen()._manyhands_share(handle)
        return _attach, (type(self), handle)

    def __repr__(self) -> str:
        resources = ", ".join(f"{name}={units}" for name, units in self._manyhands.engine._resources())
        return f"<{type(self).__name__}({resources})>"


class _UntilItsEnd:
    """An object that a `with` gives back at its end."""

    __slots__ = ()

    def _manyhands_end(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None, /
    ) -> None:
        self._manyhands_end()


class Claim(_UntilItsEnd):
    """A declaration of a claimant. One thread at a time requests units with it. Closing it gives all units back."""

    __slots__ = ("__weakref__", "_manyhands_books", "_manyhands_claim")

    def __init__(self, books: _Books, claim: _engine.Claim) -> None:
        self._manyhands_books = books
        self._manyhands_claim = claim

    @property
    def name(self) -> str:
        """The claimant's name."""
        return self._manyhands_claim.name

    def request(self, units: _Units = None, /, **more: int) -> Units:
        """Waits until so many more units can be granted safely, and takes them. `with` gives them back.

        `ValueError` if that is more than was declared.
        """
        listed = self._manyhands_books.listed(_named(units, more))
        while not self._manyhands_claim._request(listed, None, self):
            pass
        return Units(self, listed)

    def try_request(self, units: _Units = None, /, **more: int) -> Units | None:
        """Takes the units if that is safe at once, and overtakes no request that has waited too long; else `None`."""
        listed = self._manyhands_books.listed(_named(units, more))
        return Units(self, listed) if self._manyhands_claim._try_request(listed) else None

    def request_timeout(self, seconds: float, units: _Units = None, /, **more: int) -> Units:
        """As `request`, but raises `TimeoutError` when the time is over first."""
        listed = self._manyhands_books.listed(_named(units, more))
        if not self._manyhands_claim._request(listed, max(seconds, 0.0), self):
            wanted = ", ".join(
                f"{count} of {name}" for name, count in self._manyhands_books.by_name(listed).items() if count
            )
            raise TimeoutError(f"{self.name} did not get {wanted} within {seconds} s")
        return Units(self, listed)

    def release(self, units: _Units = None, /, **more: int) -> None:
        """Gives units back, from any of the requests; `ValueError` if the claim does not have so many."""
        self._manyhands_claim._release(self._manyhands_books.listed(_named(units, more)))

    @property
    def held(self) -> dict[str, int]:
        """The units that the claim has now."""
        return self._manyhands_books.by_name(self._manyhands_claim._held())

    def foresee(self, units: _Units = None, /, **more: int) -> Verdict:
        """The outcome of a request, if it were made now. Nothing is taken."""
        safe, order, lacking = self._manyhands_claim._foresee(self._manyhands_books.listed(_named(units, more)))
        if safe:
            return Verdict(True, order, "safe")
        if lacking is not None:
            return Verdict(False, None, f"there is not enough {lacking} now")
        return Verdict(False, None, "unsafe: all could come to wait for one another")

    def close(self) -> None:
        """Gives all units back and ends the claim; a second call does nothing."""
        self._manyhands_claim.close()

    def _manyhands_end(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.name!r}>"


class Units(_UntilItsEnd):
    """Units that were granted. `with` or `release()` gives them back; otherwise they stay until the claim is closed."""

    __slots__ = ("_manyhands_claim", "_manyhands_units")

    def __init__(self, claim: Claim, units: list[int]) -> None:
        self._manyhands_claim = claim
        self._manyhands_units: list[int] | None = units

    @property
    def counts(self) -> dict[str, int]:
        """How many units of each resource; empty after they were given back."""
        units = self._manyhands_units
        return {} if units is None else self._manyhands_claim._manyhands_books.by_name(units)

    def release(self) -> None:
        """Gives the units back; a second call does nothing."""
        units, self._manyhands_units = self._manyhands_units, None
        if units is not None:
            self._manyhands_claim._manyhands_claim._release(units)

    def _manyhands_end(self) -> None:
        self.release()

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={count}" for name, count in self.counts.items())
        return f"<{type(self).__name__}({counts}) of {self._manyhands_claim.name!r}>"
