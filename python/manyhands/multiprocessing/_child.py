"""How a process object reaches a fresh interpreter, and how that becomes the process.

Two pickles: what the child needs to prepare (search path, arguments, main module: the standard library's preparation
data and our settings), then the process object, which may need the prepared main module. The child learns from the
first whether the name `multiprocessing` means ours. What pickle cannot ship, and what a main module defines that no
child can import (a REPL's, a notebook's, one given by `-c`), goes by value.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from manyhands import _alias, _engine, _guard, _pickling

from . import context, process, reduction, resource_tracker, spawn, util
from .popen_fork import sentinel_of

#: What a fresh interpreter is told to run.
CODE = "from manyhands.multiprocessing._child import main; main()"

#: In a child: the descriptors that came beside its payload.
inherited: list[int] = []


def command(code: str) -> list[bytes]:
    """The command line of an interpreter that runs `code`, which may import this package."""
    # The package may stand where only this interpreter's search path finds it.
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    words = [*util._args_from_interpreter_flags(), "-c", f"import sys; sys.path.append({root!r}); {code}"]
    executable = os.fsencode(spawn.get_executable())
    return [executable, *map(os.fsencode, words), b"--multiprocessing-fork"]


def payload_for(popen: Any, process_obj: Any) -> bytes:
    """Both pickles, one after the other. `popen` collects descriptors and arena objects on the way."""
    return _payload(popen, preparation_data(process_obj.name), process_obj)


def payload_of_workers(starter: Any, plan: Any) -> bytes:
    """The same for a pool's workers, which become what `plan` says."""
    data = preparation_data("worker")
    data["manyhands"]["pool"] = plan.pool
    return _payload(starter, data, plan)


def _payload(popen: Any, data: dict[str, Any], what: Any) -> bytes:
    buffer = io.BytesIO()
    context.set_spawning_popen(popen)
    try:
        reduction.dump(data, buffer)
        buffer.write(_pickling.dumps_for_child(what))
    finally:
        context.set_spawning_popen(None)
    return buffer.getvalue()


def preparation_data(name: str) -> dict[str, Any]:
    """What the standard library tells a child, and what ours must know besides."""
    data: dict[str, Any] = spawn.get_preparation_data(name)
    method = context._default_context.get_start_method()
    data["start_method"] = method
    data["manyhands"] = {"alias": _alias.installed(), "start_method": method}
    return data


def prepare(data: dict[str, Any]) -> None:
    """Makes this interpreter ready to unpickle the process object: names, paths, main module."""
    ours = data.pop("manyhands")
    if ours["alias"]:
        _alias.install()
    if "pool" in ours:
        # The next worker would meet a missing main guard, too.
        _guard.tell = _engine.Worker(ours["pool"]).break_pool
    context._force_start_method(ours["start_method"])
    spawn.prepare(data)


def become(payload: bytes, descriptors: list[int]) -> int:
    """Runs the process object of the payload; returns the exit code."""
    inherited[:] = descriptors
    # The first is always the tracker's.
    resource_tracker._resource_tracker._fd = descriptors[0]
    file = io.BytesIO(payload)
    process.current_process()._inheriting = True
    try:
        prepare(reduction.pickle.load(file))
        this = reduction.pickle.load(file)
    finally:
        del process.current_process()._inheriting
    # A pool's workers get the same payload; each makes its own process object of it.
    this = this.worker() if hasattr(this, "worker") else this
    code: int = this._bootstrap(sentinel_of(this._parent_pid))
    return code


def main() -> None:
    """The entry of a spawned interpreter."""
    sys.exit(become(*_engine.take_request()))
