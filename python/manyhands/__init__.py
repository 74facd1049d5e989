"""Many things at once on one machine, on an engine that survives a kill and names a deadlock.

`manyhands.multiprocessing` has the names and the behaviour of the standard library's `multiprocessing`.
`manyhands run program.py` gives it to an unmodified program, in place of the standard library's.
Importing this package alone starts nothing and loads nothing more. What every child imports does without `typing`,
which takes longer to load than all of it: hence `TYPE_CHECKING = False`, which type checkers take for true.
pytest is not to rewrite what the launcher has loaded before it, nor to warn that it cannot: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

TYPE_CHECKING = False


__version__ = "0.1.0"
__all__ = ["Banker", "BrokenProcessPool", "DeadlockError", "WorkerDied", "__version__", "advise", "install"]

if TYPE_CHECKING:
    from typing import Any

    from ._advice import advise
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
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def install() -> None:
    """Makes the standard library's names mean ours for every import from now on, in processes started from here, too.

    What a program has imported before stays what it was. The launcher does it before the program begins.
    """
    from . import _alias

    _alias.install()


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext manyhands` calls in a notebook: `install`. Says which names of the notebook it comes too late
    for."""
    install()
    from . import _late

    stale = _late.names(shell.user_ns)
    if stale:
        print(_late.advice(stale))
