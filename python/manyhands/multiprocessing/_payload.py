"""What a fresh interpreter is sent, to become a process or a pool's worker.

Two pickles: what the child needs to prepare (search path, arguments, main module: the standard library's preparation
data and our settings), then the process object, which may need the prepared main module. What pickle cannot ship,
and what a main module defines that no child can import (a REPL's, a notebook's, one given by `-c`), goes by value.
`_child` reads it.
"""

from __future__ import annotations

import io
import os

from manyhands import _debugger, _known, _pickling, _std

from . import _cell_output, context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What a fresh interpreter is to run.
CODE = "from manyhands.multiprocessing._child import main; main()"


def command(code: str) -> list[bytes]:
    """The command line of an interpreter that runs `code`, which may import this package."""
    # The package may stand where only this interpreter's search path finds it.
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    flags = _std.module("util")._args_from_interpreter_flags()
    words = [*flags, "-c", f"import sys; sys.path.append({root!r}); {code}"]
    executable = os.fsencode(_std.module("spawn").get_executable())
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
        _std.module("reduction").dump(data, buffer)
        buffer.write(_pickling.dumps_for_others(what))
    finally:
        context.set_spawning_popen(None)
    return buffer.getvalue()


def preparation_data(name: str) -> dict[str, Any]:
    """What the standard library hands to a child, and what ours must know besides."""
    data: dict[str, Any] = _std.module("spawn").get_preparation_data(name)
    method = context._default_context.get_start_method()
    data["start_method"] = method
    data["manyhands"] = {"alias": _std.for_children(), "start_method": method, "debugger": _debugger.code_for_fresh()}
    if _cell_output.is_shown():
        data["manyhands"]["shown"] = True
    if not _known.main_is_importable():
        data.pop("init_main_from_path", None)
        data["manyhands"]["main"] = _known.about_main()
    return data
