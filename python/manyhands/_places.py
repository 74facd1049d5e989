"""Turns the address of an instruction into file and line, when a report needs it.

The engine notes addresses (see `ffi/places.rs`). The code object around an address is looked for among those that run,
those that made locks, and those of functions. If there is none, the place is unknown.
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
    """FILE:LINE of an instruction; in a notebook CELL:LINE.

    The instructions of a code object begin `begin` bytes after its own address.

    Code with another mark than `mark` was put at that address later, so it is not the code around the instruction.
    """
    for code in _codes():
        offset = address - id(code) - begin
        if 0 <= offset < len(code.co_code) and _engine.mark_of_code(code) == mark:
            return f"{_file_or_cell(code.co_filename)}:{_line(code, offset)}"
    return None


def _file_or_cell(path: str) -> str:
    """The name of a piece of code for people: its file, or in a notebook the number of its cell."""
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
    """Reports waits that may never end, on standard error."""
    report(
        f"manyhands: these threads have waited for a second:{text}\n"
        "unless another thread ends one of these waits, they last for ever"
    )


class _Learning:
    """Calls `learn_places` as the beginning of a `with`, so that the engine learns which instruction that is."""

    __enter__ = staticmethod(_engine.learn_places)

    def __exit__(self, *error: object) -> None:
        pass


def _learn() -> None:
    with _Learning():
        pass


_learn()
