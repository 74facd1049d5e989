"""The workers of a pool: processes that are started alike, and what of the program they know by name.

A `multiprocessing.Pool` and a process executor each keep an object of `Workers`, and nothing else of their own: so a
subclass may have an attribute of any name. That object does not refer to its pool.

Forked workers come from a template, a copy of this process as it is when they are first wanted. Others begin
afresh, and a pickled plan says what they need. Nothing here knows what is called, or when it is over.
"""

from __future__ import annotations

import os
import pickle
import types
import weakref
from collections.abc import Callable
from typing import Any

from manyhands import _debugger, _engine, _guard, _known, _namespaces, _pickling, _std
from manyhands._bare import without_annotations

from . import _payload, _tracker, context, forkserver, util
from ._own_process import OwnObjects
from ._work import Plan, end_template, run_forked
from ._worker_process import WorkerPopen, worker_class

__all__ = ["PATIENCE", "Workers", "workers_here"]

process: Any = _std.module("process")

#: How long workers may take to begin, or to end once they are asked to, in seconds.
PATIENCE = 1.0

_all: weakref.WeakSet[Workers] = weakref.WeakSet()


def workers_here() -> list[Any]:
    """The workers of all pools of this process, as process objects."""
    return [worker for workers in list(_all) for worker in workers.worker_objects]


class Workers(_engine.PoolCore):
    """A pool's core with its workers."""

    #: The plan of all workers, once they are started, and what they know by name.
    plan: Any = None
    known: _known.Known

    def number_workers(self, plan: Plan, make: Callable[..., Any] | None, workers: int) -> str:
        """Gives the workers their numbers among the processes of the program, and has them made where a program makes
        them; what their names begin with."""
        if make is not None:
            plan.own = OwnObjects(make, workers, plan.work, plan.adapt)
            plan.first = plan.own.first
            return plan.own.PREFIX
        plan.first = next(process._process_counter)
        for _ in range(workers - 1):
            next(process._process_counter)
        name: str = context._concrete_contexts[plan.method].Process.__name__
        return name.replace("Process", plan.kind) + "-"

    def start_workers(self, plan: Plan) -> None:
        """Has them started."""
        # Kept: the workers' references to what stands in it begin with their own.
        self.plan = plan
        if plan.method == "fork":
            _namespaces.identify_classes()
            self.known = _known.Copied()
            self._keep_forked(plan)
        else:
            self.known = _known.afresh()
            self._keep_fresh(plan)
        _all.add(self)

    @property
    def worker_objects(self) -> list[Any]:
        """The workers that there are now, as process objects."""
        if self.plan is None or os.getpid() != self.plan.parent:
            return []
        self.await_workers(PATIENCE)
        return [self._process_object(name, pid) for name, pid, _ in self.workers]

    def _process_object(self, name: str, pid: int) -> Any:
        own: Any = self.plan.own and self.plan.own.found(name)
        if own is None:
            kind: Any = context._concrete_contexts[self.plan.method].Process
            return worker_class(kind)(name, pid, self.plan.daemon)
        if own._popen is None or own._popen.pid != pid:
            own._popen = WorkerPopen(pid)
            own._sentinel = own._popen.sentinel
        return own

    def _keep_forked(self, plan: Plan) -> None:
        util._flush_std_streams()
        part = self.keep_by_template("pool template")
        if part == "worker":
            run_forked(plan)
        if part == "end":
            end_template()

    def renew_template(self) -> None:
        """From now on, workers begin as copies of this process as it is now. The core asks for it before it submits."""
        known: Any = self.known
        known.compare()
        _namespaces.identify_classes()
        self._keep_forked(self.plan)

    def _keep_fresh(self, plan: Plan) -> None:
        code = forkserver.code_for_spawned if plan.method == "spawn" else forkserver.code
        starter = _PlanOnItsWay()
        with _debugger.unfollowed():
            starter.fds.append(_tracker.descriptor())
        self.keep_by_zygote(
            {
                "name": "pool",
                "role": "worker",
                "command": _payload.command(code()),
                "payload": _payload.payload_of_workers(starter, plan),
                "descriptors": starter.fds,
                "handles": starter.handles,
            }
        )

    def finish(self) -> None:
        """Waits until the workers have ended; the pool takes no calls any more."""
        self.join()
        self.forget_supervisor()
        # To ask for a result raises that; otherwise it is reported at the program's end.
        if self.phase == "broken":
            _guard.found(self.broken_because)

    # What can go to the workers by reference, and what not: asked by the core.

    def by_reference(self, func: Callable[..., object]) -> bytes | None:
        if isinstance(func, types.BuiltinFunctionType):
            if not isinstance(func.__self__, types.ModuleType | None):
                return None
        elif not isinstance(func, types.FunctionType | type):
            return None
        if not self.known.knows(func):
            return None
        try:
            return pickle.dumps(func, 5)
        except Exception:
            return None

    def dumps_arguments(self, what: tuple[Any, ...], large: list[Any]) -> bytes:
        return _pickling.carrying(_pickling.dumps_known, what, large, self.known)

    def dumps_call(self, what: tuple[Any, ...], large: list[Any]) -> bytes:
        if isinstance(what[0], types.FunctionType | type) and not self.known.knows(what[0]):
            return _pickling.carrying(_pickling.dumps_by_value, what, large, self.known)
        return self.dumps_arguments(what, large)


class _PlanOnItsWay:
    """Collects what a plan refers to while it is pickled, as a `Popen` does for a process."""

    DupFd: Any

    def __init__(self) -> None:
        from .popen_spawn_posix import InheritedFd

        self.DupFd = InheritedFd
        self.fds: list[int] = []
        self.handles: list[int] = []

    def duplicate_for_child(self, fd: int) -> int:
        self.fds.append(fd)
        return len(self.fds) - 1

    def _manyhands_share(self, handle: int) -> None:
        self.handles.append(handle)


without_annotations(globals())
