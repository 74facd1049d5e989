"""Many things at once on one machine, on an engine that survives a kill and names a deadlock.

`manyhands.multiprocessing` has the names and the behaviour of the standard library's `multiprocessing`. `manyhands run
program.py` gives it to an unmodified program, in place of the standard library's. Importing this package alone starts
nothing and loads nothing else.

Every child imports this package, so it does not import `typing`, which takes longer to load than all of this.
`TYPE_CHECKING = False` stands for it; type checkers take that for true. The word PYTEST_DONT_REWRITE keeps pytest from
rewriting what the launcher has loaded before it, and from warning that it cannot.
"""

from __future__ import annotations

TYPE_CHECKING = False


__version__ = "0.1.0"
__all__ = [
    "Banker",
    "BrokenProcessPool",
    "DeadlockError",
    "WorkerDied",
    "__version__",
    "advise",
    "install",
    "shared_array",
]

if TYPE_CHECKING:
    from typing import Any

    from ._advice import advise
    from ._shared_array import shared_array
    from .banker import Banker
    from .errors import BrokenProcessPool, DeadlockError, WorkerDied
else:

    def __getattr__(name):
        if name in ("BrokenProcessPool", "DeadlockError", "WorkerDied"):
            from . import errors

            return getattr(errors, name)
        if name == "Banker":
            from .banker import Banker

            return Banker
        if name == "advise":
            from ._advice import advise

            return advise
        if name == "shared_array":
            from ._shared_array import shared_array

            return shared_array
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def install() -> None:
    """Makes the standard library's names mean ours for every import from now on, also in processes started from here.

    What a program has imported before does not change. The launcher calls this before the program begins.
    """
    from . import _alias

    _alias.install()


def load_ipython_extension(shell: Any) -> None:
    """Called by `%load_ext manyhands` in a notebook: installs, and prints the names for which it comes too late."""
    install()
    from . import _late

    stale = _late.names(shell.user_ns)
    if stale:
        print(_late.advice(stale))
