"""How a fresh interpreter becomes the process that it was started for.

`_payload` says what it is sent. The child learns from the first pickle whether the name `multiprocessing` means ours
and imports the program's main module; then it can read the process object. It imports little itself: this is most of
what a start costs.
"""

from __future__ import annotations

import io
import os
import sys

from manyhands import _debugger, _engine, _namespaces, _std

from . import context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The descriptors that came beside the payload.
inherited: list[int] = []


def sentinel_of(pid: int) -> int:
    """A descriptor that polls readable when that process, which started this one, has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        ended, other = os.pipe()
        os.close(other)
        return ended


def prepare(data: dict[str, Any]) -> None:
    """Makes this interpreter ready to unpickle the process object: names, paths, main module."""
    ours = data.pop("manyhands")
    _debugger.connect(ours["debugger"])
    if ours["alias"] is not None:
        from manyhands import _alias

        _alias.install(ours["alias"])
    if "shown" in ours:
        from . import _cell_output

        _cell_output.begin_fresh()
    if "pool" in ours:
        from manyhands import _guard

        # The next worker would meet a missing main guard, too.
        _guard.note_in_pool = _engine.Worker(ours["pool"]).break_pool
    context._force_start_method(ours["start_method"])
    _std.module("spawn").prepare(data)
    if "main" in ours:
        _namespaces.make_main(ours["main"])
    else:
        _namespaces.main_was_imported()


def become(payload: bytes, descriptors: list[int]) -> int:
    """Runs the process object of the payload; returns the exit code."""
    inherited[:] = descriptors
    # The first is always the tracker's.
    _std.module("resource_tracker")._resource_tracker._fd = descriptors[0]
    file = io.BytesIO(payload)
    load = _std.module("reduction").pickle.load
    current = _std.module("process").current_process()
    current._inheriting = True
    try:
        prepare(load(file))
        this = load(file)
    finally:
        del current._inheriting
    # A pool's workers get the same payload; each makes its own process object of it.
    this = this.worker() if hasattr(this, "worker") else this
    code: int = this._bootstrap(sentinel_of(this._parent_pid))
    return code


def main() -> None:
    """The entry of a spawned interpreter."""
    sys.exit(become(*_engine.take_request()))
