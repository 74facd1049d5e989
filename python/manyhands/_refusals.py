"""Which object refused a call: told where nobody caught the error.

An error that the standard library raises as well has its text and nothing more, since tests compare texts, notes
included, and doctests the last line. So the object's kind and name wait in the error until it ends a thread, which is
then told by a note, or the program, which is told by a line below the traceback.
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


def tell_first(hook: Callable[[object], None], thread: object) -> None:
    """Reports the error that ends a thread, with a note that says which object refused, if one did."""
    error = sys.exc_info()[1]
    refused_by = _object_of(error)
    if error is not None and refused_by is not None:
        error.add_note(f"refused by {refused_by}")
    hook(thread)


def tell_at_end() -> None:
    """When the main thread has ended: says which object refused, if an error of that kind has just been reported."""
    # A prompt has it of an earlier input.
    refused_by = None if hasattr(sys, "ps1") else _object_of(getattr(sys, "last_value", None))
    if refused_by is not None:
        report(f"manyhands: refused by {refused_by}")
