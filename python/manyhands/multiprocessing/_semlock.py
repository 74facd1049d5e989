"""`SemLock`, what the standard library's locks and semaphores are made of, and `_semlock`, what is inside one.

Ours are made otherwise; both names are there for programs that ask for the kind of a lock, look inside one, or build a
lock of their own. What is inside is a view of the lock itself, so the answers are those of the moment.
"""

from __future__ import annotations

from manyhands._bare import without_annotations

from . import context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import synchronize

    Primitive = synchronize.Lock | synchronize.RLock | synchronize.Semaphore

__all__ = ["RECURSIVE_MUTEX", "SEMAPHORE", "Inside", "SemLock"]

RECURSIVE_MUTEX, SEMAPHORE = range(2)


class Inside:
    """A lock or semaphore with the methods that the standard library's compiled class has."""

    #: It has no name that another process could find it by.
    name = None

    def __init__(self, of: Primitive, kind: int, maxvalue: int) -> None:
        self._of = of
        self.kind = kind
        self.maxvalue = maxvalue
        self.acquire = of.acquire
        self.release = of.release
        self.__enter__ = of.__enter__
        self.__exit__ = of.__exit__

    @property
    def handle(self) -> int:
        """Its number in the arena."""
        return self._of._manyhands_handle

    def _get_value(self) -> int:
        of: Any = self._of
        value: int = of._manyhands_value() if hasattr(of, "_manyhands_value") else of.get_value()
        return value

    def _is_zero(self) -> bool:
        return self._get_value() == 0

    def _is_mine(self) -> bool:
        of: Any = self._of
        return bool(of._manyhands_is_mine()) if hasattr(of, "_manyhands_is_mine") else False

    def _count(self) -> int:
        of: Any = self._of
        return int(of._manyhands_count()) if hasattr(of, "_manyhands_count") else 0


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        from .synchronize import Lock, RLock, Semaphore

        return super().__subclasscheck__(subclass) or (
            cls is SemLock and any(kind in subclass.__mro__ for kind in (Lock, RLock, Semaphore))
        )


class SemLock(metaclass=_Kind):
    """A lock of that kind, or so many permits. All locks and semaphores of this package count as its instances."""

    def __init__(self, kind: int, value: int, maxvalue: int, *, ctx: Any) -> None:
        from .synchronize import RLock, Semaphore, made

        # A semaphore with another limit than its class has.
        of: Any = RLock(ctx=ctx) if kind == RECURSIVE_MUTEX else made(Semaphore)
        if kind != RECURSIVE_MUTEX:
            of._manyhands_open(value, maxvalue)
        self._semlock = Inside(of, kind, maxvalue)
        self._make_methods()

    def _make_methods(self) -> None:
        self.acquire = self._semlock.acquire
        self.release = self._semlock.release

    def __enter__(self) -> bool:
        return self._semlock._of.__enter__()

    def __exit__(self, *args: Any) -> None:
        return self._semlock._of.__exit__(*args)

    def __getstate__(self) -> Any:
        context.assert_spawning(self)
        return self._semlock._of, self._semlock.kind, self._semlock.maxvalue

    def __setstate__(self, state: Any) -> None:
        self._semlock = Inside(*state)
        self._make_methods()


without_annotations(globals())
