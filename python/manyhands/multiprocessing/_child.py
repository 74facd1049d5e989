"""How a process object reaches a fresh interpreter, and how that becomes the process.

Two pickles: what the child needs to prepare (search path, arguments, main module: the standard library's
preparation data and our settings), then the process object, which may need the prepared main module. The child
learns from the first whether the name `multiprocessing` means ours.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from manyhands import _alias, _engine, _pickling

from . import context, process, reduction, resource_tracker, spawn

#: What a fresh interpreter is told to run. The package may stand where only this interpreter's search path finds it.
COMMAND = "import sys; sys.path.append({root!r}); from manyhands.multiprocessing._child import main; main({arguments})"


def payload_for(popen: Any, process_obj: Any) -> memoryview:
    """Both pickles, one after the other. `popen` collects descriptors and arena objects on the way."""
    data = preparation_data(process_obj.name)
    buffer = io.BytesIO()
    context.set_spawning_popen(popen)
    try:
        reduction.dump(data, buffer)
        buffer.write(_pickling.dumps_for_child(process_obj))
    finally:
        context.set_spawning_popen(None)
    return buffer.getbuffer()


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
    context._force_start_method(ours["start_method"])
    spawn.prepare(data)


def become(message: int, parent: int) -> int:
    """Runs the process object that stands in the memory file `message`; returns the exit code."""
    os.lseek(message, 0, os.SEEK_SET)
    with open(message, "rb") as file:
        process.current_process()._inheriting = True
        try:
            prepare(reduction.pickle.load(file))
            this = reduction.pickle.load(file)
        finally:
            del process.current_process()._inheriting
    code: int = this._bootstrap(parent)
    return code


def main(message: int, parent: int, arena: int, doorbell: int, slot: int, tracker: int) -> None:
    """The entry of a spawned interpreter."""
    _engine.adopt_arena(arena, doorbell, slot)
    resource_tracker._resource_tracker._fd = tracker
    sys.exit(become(message, parent))
