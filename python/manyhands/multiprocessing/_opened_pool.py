"""What programs find inside a pool: the register of its jobs, the queue of its tasks, and results made by hand.

A well-known recipe makes a lazy `starmap` of these: it makes a standard `IMapIterator` of the pool, and puts tasks into
the queue that answer it. Here putting them there submits them, as far ahead as a stream's feeder does, and each answer
is set on the job that the register has. What the pool submits itself does not pass here; the register counts it.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any

from manyhands import _engine, _std

from ._streams import AHEAD, TERMINATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.pool import ApplyResult as _ApplyResult, MapResult as _MapResult
    from threading import Condition, Lock

    from .pool import Pool
else:
    _standard = _std.module("pool")
    _ApplyResult, _MapResult = _standard.ApplyResult, _standard.MapResult
    # Not ours, for the reason that streams have.
    Condition, Lock = (getattr(_std.standard("threading"), name) for name in ("Condition", "Lock"))

__all__ = ["ApplyResult", "JobRegister", "MapResult", "ResultEvent", "TaskQueue"]


class _AlsoOurs(type):
    """Takes the results of our pools for instances of the standard classes."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        ours = {ApplyResult: _engine.ApplyResult, MapResult: _engine.MapResult}.get(cls)
        return ours is not None and isinstance(instance, ours)


class ApplyResult(_ApplyResult, metaclass=_AlsoOurs):  # type: ignore[type-arg]
    """The standard class of a call's result, for programs that make one or ask for its class."""


class MapResult(_MapResult, ApplyResult):  # type: ignore[type-arg]
    """The same of a map's."""


class ResultEvent:
    """The event that is set when a result is there."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def is_set(self) -> bool:
        """Whether it is there."""
        there: bool = self._result.ready()
        return there

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is there, or for `timeout` seconds; whether it is."""
        self._result.wait(timeout)
        return self.is_set()


class JobRegister(dict[int, Any]):
    """The jobs that programs have made by hand. What the pool has submitted itself it only counts: each call that has
    no answer yet."""

    def __init__(self, pool: Pool) -> None:
        self._pool = weakref.ref(pool)
        #: How many of the unanswered calls are those jobs'.
        self.theirs = 0
        self.lock = Lock()

    def __len__(self) -> int:
        pool = self._pool()
        unanswered = 0 if pool is None else pool._manyhands.unanswered
        return super().__len__() + max(unanswered - self.theirs, 0)

    def count(self, more: int) -> None:
        with self.lock:
            self.theirs += more


class TaskQueue:
    """Where tasks are put: pairs of what gives `(job, number, func, args, kwds)`, and what takes their number."""

    def __init__(self, pool: Pool) -> None:
        self._pool = weakref.ref(pool)

    def put(self, item: tuple[Iterable[Any], Callable[[int], object] | None] | None) -> None:
        """Has the tasks run."""
        pool = self._pool()
        if item is None or pool is None:
            return
        feeder = TaskFeeder(pool, *item)
        if isinstance(item[0], list) and len(item[0]) <= feeder.most:
            feeder.run()
        else:
            pool._manyhands.feeders.start(feeder)

    def qsize(self) -> int:
        """How many calls no worker has taken."""
        pool = self._pool()
        return 0 if pool is None else int(pool._manyhands.waiting)

    def empty(self) -> bool:
        return not self.qsize()


class TaskFeeder:
    """Submits tasks, and sets the answers on their jobs."""

    def __init__(self, pool: Pool, tasks: Iterable[Any], set_length: Callable[[int], object] | None) -> None:
        self.pool = pool
        self.tasks = tasks
        self.set_length = set_length
        self.most = AHEAD * pool._processes
        self.unanswered = 0
        self.stopped = False
        self.room = Condition(Lock())

    def run(self) -> None:
        length = 0
        for job, number, func, args, kwds in self.tasks:
            with self.room:
                self.room.wait_for(lambda: self.stopped or self.unanswered < self.most)
                if self.stopped or self.pool._state == TERMINATE:
                    return
                self.unanswered += 1
            self.pool._cache.count(1)
            done = functools.partial(self.answer, job, number)
            try:
                self.pool._manyhands.call_one(
                    self.pool, func, tuple(args), kwds, (functools.partial(done, True), functools.partial(done, False))
                )
            except Exception as error:
                done(False, error)
            length = number + 1
        if self.set_length is not None:
            self.set_length(length)

    def answer(self, job: int, number: int, is_value: bool, answer: Any) -> None:
        register = self.pool._cache
        found = register.get(job)
        if found is not None:
            found._set(number, (is_value, answer))
        register.count(-1)
        with self.room:
            self.unanswered -= 1
            self.room.notify()

    def hurry(self, stop: bool = False) -> None:
        """Nothing more is to be submitted, if the pool stops."""
        with self.room:
            self.stopped = self.stopped or stop
            self.room.notify()
