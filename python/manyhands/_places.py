"""Turns the address of an instruction into file and line, when a report needs it.

The engine notes addresses (see `ffi/places.rs`); the code object around one is found among those that run, those that
made locks, and those of functions. Where none is found the place is unknown.
"""

from __future__ import annotations

import gc
import sys
from types import CodeType, FunctionType

from . import _engine
from ._standard_error import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def _codes() -> Iterator[CodeType]:
    for frame in list(sys._current_frames().values()):
        at = frame
        while at is not None:
            yield at.f_code
            at = at.f_back  # type: ignore[assignment]
    yield from _engine.kept_code()
    for found in gc.get_objects():
        if type(found) is FunctionType:
            yield found.__code__


def name(address: int, begin: int, mark: int) -> str | None:
    """FILE:LINE of an instruction, in a notebook CELL:LINE; code objects have their instructions `begin` bytes behind
    their own address.

    Code that has another mark than the one around the instruction had has taken the place of that.
    """
    for code in _codes():
        offset = address - id(code) - begin
        if 0 <= offset < len(code.co_code) and _engine.mark_of_code(code) == mark:
            return f"{_file_or_cell(code.co_filename)}:{_line(code, offset)}"
    return None


def _file_or_cell(path: str) -> str:
    """What people call a piece of code: its file, or in a notebook the cell by the number that it shows."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    known = getattr(getattr(shell, "compile", None), "format_code_name", None)
    found = None if known is None else known(path)
    return path if found is None else " ".join(found)


def _line(code: CodeType, offset: int) -> int:
    for begin, end, line in code.co_lines():
        if begin <= offset < end and line is not None:
            return line
    return code.co_firstlineno


def suspect(text: str) -> None:
    """Tells of waits that may never end, on standard error."""
    report(
        f"manyhands: these threads have waited for a second:{text}\n"
        "unless somebody else ends one of these waits, they last for ever"
    )


class _Learning:
    """Has the engine look for places at the beginning of a `with`, so that it knows one when it sees it."""

    __enter__ = staticmethod(_engine.learn_places)

    def __exit__(self, *error: object) -> None:
        pass


def _learn() -> None:
    with _Learning():
        pass


_learn()
