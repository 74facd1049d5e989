# The types of `manyhands.queue`: those of the standard module on its newest version, and what programs find inside.

from queue import Empty as Empty, Full as Full
from threading import Condition, Lock
from typing import Any, TypeVar

from ._engine import ThreadQueue, ThreadSimpleQueue

_T = TypeVar("_T")

__all__ = ["Empty", "Full", "ShutDown", "Queue", "PriorityQueue", "LifoQueue", "SimpleQueue"]

class ShutDown(Exception): ...

class Queue(ThreadQueue[_T]):
    maxsize: int
    mutex: Lock
    not_empty: Condition
    not_full: Condition
    all_tasks_done: Condition
    unfinished_tasks: int
    is_shutdown: bool
    queue: Any
    def __init__(self, maxsize: int = 0) -> None: ...
    def _init(self, maxsize: int) -> None: ...
    def _put(self, item: _T) -> None: ...
    def _get(self) -> _T: ...
    def _qsize(self) -> int: ...
    def put_nowait(self, item: _T) -> None: ...
    def get_nowait(self) -> _T: ...

class PriorityQueue(Queue[_T]):
    queue: list[_T]

class LifoQueue(Queue[_T]):
    queue: list[_T]

class SimpleQueue(ThreadSimpleQueue[_T]):
    def __init__(self) -> None: ...
