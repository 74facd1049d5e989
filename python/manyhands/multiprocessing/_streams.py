"""What `imap` and `imap_unordered` return, and who feeds it.

A stream gives results one by one while the iterable is still asked for more: in a thread of the feeder's own, unless it
is a small collection. So many calls may be unanswered at a time; and when so many results are there for the taking, the
feeder waits for somebody to take them. When nobody does, it goes on: all that the iterable gives is run. An iterable
that raises ends its stream with that exception. Knows nothing of how calls are run. What a program has in hand is an
object of the standard class by name; its results are in another object, so that it may have any attributes.
"""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sized
from typing import TYPE_CHECKING, Any, TypeVar

from manyhands import _std

from . import context

if TYPE_CHECKING:
    from multiprocessing.context import TimeoutError
    from multiprocessing.pool import IMapIterator, IMapUnorderedIterator
    from threading import Condition, Lock

    from .pool import Pool
else:
    TimeoutError = context.TimeoutError
    # Not ours: an answer comes from outside the program, of which a watch over its threads cannot know.
    Condition, Lock = (getattr(_std.standard("threading"), name) for name in ("Condition", "Lock"))
    IMapIterator = _std.module("pool").IMapIterator
    IMapUnorderedIterator = _std.module("pool").IMapUnorderedIterator

__all__ = ["Feeder", "Feeders", "OrderedStream", "UnorderedStream"]

T = TypeVar("T")

#: The state of a pool that was terminated.
TERMINATE = "TERMINATE"
#: How many calls for each worker may be unanswered, or have results that nobody takes.
AHEAD = 32
#: How long the feeder waits for somebody to take a result, in seconds.
PATIENCE = 1.0
#: How long it waits for one answer before it looks whether others are there.
LOOK = 0.05


class _Results:
    """What both kinds of results have in common: what a feeder asks, and how many results there are."""

    def __init__(self) -> None:
        lock = Lock()
        self.changed, self._room = Condition(lock), Condition(lock)
        #: How many results there will be, once the iterable has ended.
        self.length: int | None = None
        self._submitted = self._taken = 0
        self.items: deque[Any] = deque()
        #: How many may be ahead; how many were taken when nobody took more.
        self.most = 0
        self._given_up_at = -1
        #: Nobody waits for results to be taken; the pool has ended.
        self._hurried = self._stopped = False

    def next(self, timeout: float | None = None) -> Any:
        raise NotImplementedError

    def _await(self, deadline: float | None) -> None:
        """Waits for a change of the stream, with its lock held; `TimeoutError` when the time is over."""
        left = None if deadline is None else deadline - time.monotonic()
        if (left is not None and left <= 0) or not self.changed.wait(left):
            raise TimeoutError

    def _take(self) -> Any:
        """Takes what is there, with the lock held."""
        self._taken += 1
        if self._untaken() * 2 <= self.most:
            self._room.notify()
        return self.items.popleft()

    @property
    def index(self) -> int:
        """How many results a program could have taken by now."""
        raise NotImplementedError

    def _is_over(self) -> bool:
        return self._taken == self.length

    # The feeder's side.

    def _untaken(self) -> int:
        return self._submitted - self._taken

    def _has_result(self) -> bool:
        """Whether somebody who asks has a result at once."""
        raise NotImplementedError

    def make_room(self) -> None:
        """Waits until another call may be submitted."""
        self._await_answers()
        with self.changed:
            if self._untaken() < self.most or not self._has_result():
                return
            taken = self._taken
            if self._hurried or taken == self._given_up_at:
                return
            self._room.wait_for(lambda: self._hurried or self._untaken() * 2 <= self.most, PATIENCE)
            if self._taken == taken:
                self._given_up_at = taken

    def _await_answers(self) -> None:
        """Waits until fewer calls than may be are unanswered."""
        raise NotImplementedError

    def hurry(self, stop: bool) -> None:
        """From now on nobody waits for results to be taken, nor for answers if nothing more is to be submitted."""
        with self.changed:
            self._hurried, self._stopped = True, stop
            self._room.notify()

    def submit(self, call: Callable[..., Any]) -> None:
        raise NotImplementedError

    def fail(self, error: Exception) -> None:
        """The iterable has raised this, which is its last result."""
        raise NotImplementedError

    def end(self) -> None:
        """The iterable gives no more."""
        with self.changed:
            self.length = self._submitted
            self.changed.notify_all()


class _Ordered(_Results):
    """Results in order. The items are the results of calls, answered or not."""

    def __init__(self) -> None:
        super().__init__()
        #: Those that were unanswered when the feeder last looked.
        self._flying: deque[Any] = deque()

    def next(self, timeout: float | None = None) -> Any:
        """The next result; `TimeoutError` when it does not come within `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self.changed:
                while not self.items:
                    if self._is_over():
                        raise StopIteration
                    self._await(deadline)
                first = self.items[0]
                if first.ready():
                    self._take()
                    break
            # It stays there until its answer does, so that a time-out loses nothing.
            first.wait(None if deadline is None else max(deadline - time.monotonic(), 0))
            if deadline is not None and not first.ready():
                raise TimeoutError
        return first.get()

    @property
    def index(self) -> int:
        """How many results are there or were taken, up to the first that is not."""
        with self.changed:
            return self._taken + sum(1 for _ in itertools.takewhile(lambda result: result.ready(), self.items))

    def _has_result(self) -> bool:
        return bool(self.items) and self.items[0].ready()

    def _await_answers(self) -> None:
        late = False
        while len(self._flying) >= self.most and not self._stopped:
            left: deque[Any] = deque()
            for result in self._flying:
                # A result that is there is made, so that nothing of its call is kept.
                if result.ready():
                    result.successful()
                else:
                    left.append(result)
            self._flying = left
            if len(left) >= self.most:
                # Most others have their answers by then; unless it is one that takes long.
                self._flying[-1 if late else len(left) // 2].wait(LOOK)
                late = not late

    def submit(self, call: Callable[..., Any]) -> None:
        result = call(None, None)
        self._flying.append(result)
        self._add(result)

    def fail(self, error: Exception) -> None:
        self._add(_Failed(error))

    def _add(self, result: Any) -> None:
        with self.changed:
            self._submitted += 1
            self.items.append(result)
            self.changed.notify()


class _Failed:
    """The result that is an exception of the iterable's."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def ready(self) -> bool:
        return True

    def get(self) -> None:
        raise self._error


class _Unordered(_Results):
    """Results as they come. The items are pairs: whether it is a value, and what it is."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived = 0

    def next(self, timeout: float | None = None) -> Any:
        """The next result; `TimeoutError` when it does not come within `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while not self.items:
                if self._is_over():
                    raise StopIteration
                self._await(deadline)
            is_value, value = self._take()
        if is_value:
            return value
        raise value

    @property
    def index(self) -> int:
        """How many results have come."""
        return self._arrived

    def _has_result(self) -> bool:
        return bool(self.items)

    def _await_answers(self) -> None:
        if self._unanswered() >= self.most:
            with self.changed:
                self._room.wait_for(lambda: self._stopped or self._unanswered() * 2 <= self.most)

    def _unanswered(self) -> int:
        return self._submitted - self._arrived

    def submit(self, call: Callable[..., Any]) -> None:
        with self.changed:
            self._submitted += 1
        try:
            call(self._take_value, self._take_error)
        except BaseException:
            with self.changed:
                self._submitted -= 1
            raise

    def fail(self, error: Exception) -> None:
        with self.changed:
            self._submitted += 1
        self._take_error(error)

    def _take_value(self, value: Any) -> None:
        self._arrive((True, value))

    def _take_error(self, error: BaseException) -> None:
        self._arrive((False, error))

    def _arrive(self, item: tuple[bool, Any]) -> None:
        with self.changed:
            self._arrived += 1
            self.items.append(item)
            if self._unanswered() * 2 <= self.most:
                self._room.notify()
            self.changed.notify()


class _Stream:
    """What a program has in hand of either."""

    def __init__(self, results: _Results) -> None:
        self._manyhands = results
        self._cond, self._items = results.changed, results.items

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self._manyhands.next()

    def next(self, timeout: float | None = None) -> Any:
        """The next result; `TimeoutError` when it does not come within `timeout` seconds."""
        return self._manyhands.next(timeout)

    @property
    def _length(self) -> int | None:
        """How many results there will be, once that is known."""
        return self._manyhands.length

    @property
    def _index(self) -> int:
        """How many results are there or were taken."""
        return self._manyhands.index


class OrderedStream(_Stream, IMapIterator):  # type: ignore[type-arg, misc]
    """The results of `imap`, in order."""

    def __init__(self) -> None:
        super().__init__(_Ordered())


class UnorderedStream(_Stream, IMapUnorderedIterator):  # type: ignore[type-arg, misc]
    """The results of `imap_unordered`, as they come."""

    def __init__(self) -> None:
        super().__init__(_Unordered())


class Feeder:
    """Submits what an iterable gives: a small collection at once, anything else in a thread of its own."""

    def __init__(
        self, pool: Pool, results: Any, func: Callable[..., Any], iterable: Iterable[Any], chunksize: int
    ) -> None:
        self.pool = pool
        self.results = results
        self.func = func
        self.iterable = iterable
        self.chunksize = chunksize
        results.most = AHEAD * pool._processes

    def is_small(self) -> bool:
        """Whether all of it may be ahead, so that no thread is needed."""
        most: int = self.results.most * self.chunksize
        return isinstance(self.iterable, Sized) and len(self.iterable) <= most

    def run(self) -> None:
        pool, results = self.pool, self.results
        try:
            elements = iter(self.iterable)
            while chunk := list(itertools.islice(elements, self.chunksize)):
                results.make_room()
                if pool._state == TERMINATE:
                    break
                results.submit(self.call(chunk))
                del chunk
        except Exception as error:
            results.fail(error)
        finally:
            results.end()

    def call(self, chunk: list[Any]) -> Callable[..., Any]:
        pool, workers = self.pool, self.pool._manyhands

        def submitted(*callbacks: Any) -> Any:
            if self.chunksize == 1:
                return workers.call_one(pool, self.func, (chunk[0],), None, callbacks)
            return workers.map_elements(pool, self.func, chunk, len(chunk), False, callbacks)

        return submitted

    def hurry(self, stop: bool = False) -> None:
        """Somebody waits until all is submitted; or nothing more is to be."""
        self.results.hurry(stop)


class Feeders:
    """Those of a pool that still submit what an iterable gives, each in its thread."""

    def __init__(self) -> None:
        #: Threads, and whom they run. Only the thread keeps its feeder, and what that refers to, until it has ended.
        self._all: list[tuple[threading.Thread, weakref.ref[Any]]] = []

    def start(self, feeder: Any) -> None:
        thread = threading.Thread(target=feeder.run, name="PoolFeeder", daemon=True)
        # One that another thread is about to start has no number yet.
        self._all = [(each, whom) for each, whom in self._all if each.ident is None or each.is_alive()]
        self._all.append((thread, weakref.ref(feeder)))
        thread.start()

    def are_busy(self) -> bool:
        return any(thread.is_alive() for thread, _ in self._all)

    def stop(self) -> None:
        """Nothing more is to be submitted."""
        self._hurry(stop=True)

    def join(self) -> None:
        """Waits until all is submitted."""
        self._hurry(stop=False)
        for thread, _ in self._all:
            thread.join()

    def _hurry(self, stop: bool) -> None:
        for _, whom in self._all:
            feeder = whom()
            if feeder is not None:
                feeder.hurry(stop)
