"""A program without `if __name__ == "__main__"`, met under `spawn` or `forkserver`.

A child prepares by importing the program's main module. If that import starts processes, each child would start more of
them without end. So such a child leaves a note with the place of the call, and ends at once and silently. Its parent
reports the note once. In the standard library the child raises and prints a traceback, every child does so, and the
parent goes on.
"""

from __future__ import annotations

import os
import sys

from . import _ending, _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: The exit code of a child that found no guard. It means that only together with the note.
EXIT_CODE = 78
PREFIX = "no main guard at "

#: In a pool's worker: passes the note to the pool as well.
note_in_pool: Callable[[str], object] | None = None

_found: str | None = None
_reported = False


def importing_main() -> bool:
    """Whether this process is a child that is importing the program's main module."""
    return bool(getattr(_std.module("process").current_process(), "_inheriting", False))


def check() -> None:
    """Ends this process, with a note to its parent, when it would start another while importing the main module."""
    if importing_main():
        from . import _engine

        note = PREFIX + _place()
        _engine.leave_note(note)
        if note_in_pool is not None:
            note_in_pool(note)
        _ending.flush()
        _engine.leave()
        os._exit(EXIT_CODE)


def _place() -> str:
    frame = sys._getframe(1)
    innermost = None
    while frame is not None:
        if frame.f_globals.get("__name__") == "__mp_main__":
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if innermost is None and not frame.f_globals.get("__name__", "").startswith("manyhands"):
            innermost = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return innermost or "an unknown line"


def message(note: str) -> str:
    """The message about a child's note."""
    place = note.removeprefix(PREFIX)
    path, _, line = place.rpartition(":")
    where = f'File "{path}", line {line}' if path else place
    return (
        f"{where}: the module starts a process when it is imported, and each child process imports it to prepare.\n"
        "Put the guard\n\n"
        '    if __name__ == "__main__":\n\n'
        "around the code that is to run once, or use the start method 'fork'. The program was ended."
    )


def found(note: str) -> None:
    """Keeps a child's note until it is reported: by an exception, or at the end of the program."""
    global _found
    if note.startswith(PREFIX) and _found is None:
        _found = note


def reported() -> None:
    """Notes that an exception has reported it."""
    global _reported
    _reported = True


def unreported() -> str | None:
    """The message, if no exception has reported it yet."""
    if _found is None or _reported:
        return None
    return message(_found)
