"""Writes to standard error, in a program that may have none.

A program that was started with descriptor 2 closed has `None` for `sys.stderr`, and `print` takes that for standard
output. The engine's messages must not come out there.
"""

from __future__ import annotations

import sys

__all__ = ["report"]


def report(text: str) -> None:
    """Writes a text and a newline to standard error, if there is one."""
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)
