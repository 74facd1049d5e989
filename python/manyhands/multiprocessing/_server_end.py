"""A manager's server that ends before it has begun to serve: an error that says so.

What is to be said of it may be a missing guard in the program, which the server has found.
"""

from __future__ import annotations

from manyhands import _guard
from manyhands._bare import without_annotations
from manyhands.errors import MissingGuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["before_it_served"]

#: How many seconds a server may take to end that has given up its pipe.
_PATIENCE = 10


def before_it_served(server: Any) -> Exception:
    """The error for a manager whose server has ended before it could serve."""
    server.join(_PATIENCE)
    text = _guard.unreported() if server.exitcode == _guard.EXIT_CODE else None
    if text is not None:
        return MissingGuardError(text)
    return EOFError(f"the server {server.name!r} ended before it could serve, with exit code {server.exitcode}")


without_annotations(globals())
