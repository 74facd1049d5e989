"""Reports which object refused a call, if the program does not catch the error.

An error that the standard library also raises has its text and nothing more. Tests compare texts, with their notes, and
doctests compare the last line. So the object's class and name stay hidden in the error. If the error ends a thread, the
report of the thread has a note with them. If it ends the program, a line below the traceback has them.
"""

from __future__ import annotations

import sys

from ._standard_error import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _object_of(error: object) -> str | None:
    found = getattr(error, "_manyhands_refused_by", None)
    return found if isinstance(found, str) else None


def report_thread(hook: Callable[[object], None], thread: object) -> None:
    """Reports the error that ends a thread, with a note that says which object refused, if one did."""
    error = sys.exc_info()[1]
    refused_by = _object_of(error)
    if error is not None and refused_by is not None:
        error.add_note(f"refused by {refused_by}")
    hook(thread)


def report_at_end() -> None:
    """Called at the end of the main thread: says which object refused, if such an error has just ended the program."""
    # At a prompt, the last error is that of an earlier input.
    refused_by = None if hasattr(sys, "ps1") else _object_of(getattr(sys, "last_value", None))
    if refused_by is not None:
        report(f"manyhands: refused by {refused_by}")
