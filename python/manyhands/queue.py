"""Queues between threads: the names of the standard library's `queue`, on the engine.

Items stand in a store of the engine's, and a wait costs no lock, no condition and no bytecode. A program that looks
inside (`mutex`, `queue`, `not_empty` and so on) finds there what the standard class has, and that queue works with it
from then on (`_opened_queue`). So does one with its own `_init`, `_put`, `_get` or `_qsize`, in a subclass or in place
of the class's. Nothing is pickled. `shutdown` is there on every version of Python.
"""

from __future__ import annotations

import gc
import sys
from collections import deque

from . import _aside, _engine, _opened_queue, _overlay, _std
from ._bare import without_annotations
from ._opened_queue import Empty as Empty, Full as Full, ShutDown, standard
from ._parts import no_copy, parts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeVar

    T = TypeVar("T")

__all__ = ["Empty", "Full", "ShutDown", "Queue", "PriorityQueue", "LifoQueue", "SimpleQueue"]

_HOOKS = ("_init", "_put", "_get", "_qsize")
_CONDITIONS = ("not_empty", "not_full", "all_tasks_done")
#: What the engine keeps of a queue beside its items.
_KEPT = ("maxsize", "unfinished_tasks", "_manyhands_is_closed")


class _Inside:
    """An attribute of the standard class. To read it opens the queue, and from then on the instance has it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        _open(instance)
        try:
            return vars(instance)[self._name]
        except KeyError:
            raise AttributeError(f"{type(instance).__name__!r} object has no attribute {self._name!r}") from None


class _IsShutDown:
    """Whether `shutdown` was called. Where the standard class has no such thing, a program's own attribute wins."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance._manyhands_is_closed


class _SettableIsShutDown(_IsShutDown):
    """The same where the standard class has it."""

    def __set__(self, instance: Any, is_shutdown: Any) -> None:
        instance._manyhands_is_closed = bool(is_shutdown)


def _open(queue: Queue[Any]) -> None:
    """Moves the items into attributes of the queue."""
    if queue._manyhands_hooked:
        # It has them from the start.
        return
    attributes: dict[str, Any] = vars(queue)
    # The first thread's are everybody's. No lock but the queue's own is held: a destructor may open others meanwhile.
    inside = attributes.setdefault(
        "_manyhands_inside", {**_opened_queue.attributes(), "queue": queue._manyhands_sequence()}
    )
    with inside["mutex"]:
        if not queue._manyhands_opened:
            inside["queue"].extend(queue._manyhands_open())
        if "mutex" not in attributes:
            # In one step: a thread that finds one of them finds all.
            attributes.update(inside)
        # Nothing is left that the standard class has not. A thread that comes late finds the queue opened.
        attributes.pop("_manyhands_inside", None)


def _has_other_hooks(kind: type[Queue[Any]]) -> bool:
    """Whether a program has given the class hooks since it was made."""
    return any(getattr(kind, name) is not hook for name, hook in kind._manyhands_hooks.items())


_begin: Any = standard.Queue._init

# Inherited, so that the engine sees it when a program gives the class another one.
for _name in _HOOKS:
    setattr(_engine.ThreadQueue, _name, getattr(standard.Queue, _name))


class Queue(_engine.ThreadQueue["T"]):
    """A queue for any number of threads, first in, first out.

    `maxsize` is how many items may wait in it before `put` waits for room; 0 or less sets no limit.
    """

    mutex: Any = _Inside()
    not_empty: Any = _Inside()
    not_full: Any = _Inside()
    all_tasks_done: Any = _Inside()
    queue: Any = _Inside()

    is_shutdown: Any = _SettableIsShutDown() if sys.version_info >= (3, 13) else _IsShutDown()

    _manyhands_ours = True
    #: What holds the items once they are attributes.
    _manyhands_sequence: Any = deque
    #: Whether a subclass has its own way to hold them.
    _manyhands_hooked = False

    def __init_subclass__(cls, *, known: bool = False, **more: Any) -> None:
        super().__init_subclass__(**more)
        if known:
            return
        base: Any = next(base for base in cls.__mro__[1:] if "_manyhands_ours" in vars(base))
        cls._manyhands_hooked = base._manyhands_hooked or any(
            getattr(cls, name) is not getattr(base, name) for name in _HOOKS
        )
        if cls._manyhands_hooked:
            for name in ("put", "get"):
                # Not by way of the engine, which would only find that the queue is opened.
                if getattr(cls, name) is getattr(_engine.ThreadQueue, name):
                    setattr(cls, name, getattr(_opened_queue, name))

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        # A queue of this very class is opened when something is put, at the latest.
        is_as_made = Queue._init is _begin if type(self) is Queue else not _has_other_hooks(type(self))
        if self._manyhands_hooked or _aside.in_force or not is_as_made:
            self._manyhands_open()
            self.__dict__.update(_opened_queue.attributes())
            self._init(maxsize)

    def __getstate__(self) -> dict[str, Any]:
        _open(self)
        parts = parts_of(self, mutex=_engine.ThreadLock(), **{name: getattr(self, name) for name in _KEPT})
        return {name: part for name, part in parts.items() if name not in _CONDITIONS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._manyhands_open()
        self.__dict__.update(_opened_queue.attributes())
        del state["mutex"]
        for name in _KEPT:
            setattr(self, name, state.pop(name))
        self.__dict__.update(state)

    __copy__ = no_copy

    def __dir__(self) -> list[str]:
        names: Any = super().__dir__()
        if not self._manyhands_hooked:
            return list(names)
        # A subclass with a store of its own has no other: a manager reads all that is listed.
        return [name for name in names if not isinstance(vars(Queue).get(name), _Inside) or name in vars(self)]

    # They call whichever `put` and `get` the class has.
    put_nowait: Any = standard.Queue.put_nowait
    get_nowait: Any = standard.Queue.get_nowait

    #: Those that it was made with.
    _manyhands_hooks: ClassVar[dict[str, Any]] = {name: getattr(standard.Queue, name) for name in _HOOKS}

    _manyhands_look_inside = _open
    _manyhands_put_opened = _opened_queue.put
    _manyhands_get_opened = _opened_queue.get
    _manyhands_task_done_opened = _opened_queue.task_done
    _manyhands_join_opened = _opened_queue.join
    _manyhands_qsize_opened = _opened_queue.qsize
    _manyhands_shutdown_opened = _opened_queue.shutdown


class LifoQueue(Queue["T"], known=True):
    """A queue that gives the item put last first. `maxsize` bounds it as it does a `Queue`."""

    _manyhands_ours = True
    _manyhands_sequence = list

    def __init__(self, maxsize: int = 0) -> None:
        self._manyhands_serve_last_first()
        super().__init__(maxsize)

    _init = standard.LifoQueue._init
    _put = standard.LifoQueue._put
    _get = standard.LifoQueue._get
    _qsize = standard.LifoQueue._qsize
    _manyhands_hooks: ClassVar[dict[str, Any]] = {name: getattr(standard.LifoQueue, name) for name in _HOOKS}


class PriorityQueue(Queue["T"]):
    """A queue that gives the smallest item first. `maxsize` bounds it as it does a `Queue`.

    Items are compared with `<`. Often they are pairs of a number and what it is about.
    """

    _manyhands_ours = True

    _init = standard.PriorityQueue._init
    _put = standard.PriorityQueue._put
    _get = standard.PriorityQueue._get
    _qsize = standard.PriorityQueue._qsize


class SimpleQueue(_engine.ThreadSimpleQueue["T"]):
    """An unbounded queue; `put` may be called from anywhere, a destructor or a signal handler included."""


# What the standard library calls the one that it uses where it has no other.
_PySimpleQueue = SimpleQueue


def lay_names() -> None:
    """Makes the names of the standard module mean ours."""
    _overlay.lay(standard, {name: globals()[name] for name in __all__})


def _stand_aside() -> None:
    """The program's threads become greenlets: all queues work as the standard ones do; those to come do so at once."""
    for found in gc.get_objects():
        if isinstance(found, Queue):
            _open(found)


without_annotations(globals())
_engine.note_queue_class(Queue)
if _std.aliased:
    lay_names()
_aside.standing_aside(_stand_aside)
