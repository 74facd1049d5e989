"""The command line: `manyhands run`, `manyhands compare`, and `python -m manyhands program.py`.

Finds the subcommand and passes the arguments on to it. Without a subcommand, the arguments are a program to run.
"""

from __future__ import annotations

import os
import sys

from ._standard_error import report

SUBCOMMANDS = ("compare",)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line. Returns the exit code, unless the process has become the program."""
    given = sys.argv[1:] if arguments is None else arguments
    first = given[0] if given else "--help"
    if first == "run":
        from ._launch import run

        return run(given[1:])
    if first in SUBCOMMANDS:
        from . import _engine

        code: int = _engine.command_line(["manyhands", *given])
        return code
    if first in ("-V", "--version"):
        from . import __version__

        print(f"manyhands {__version__}")
        return 0
    from ._launch import USAGE, run

    if first in ("-h", "--help"):
        print(USAGE, end="")
        print(
            "\nmanyhands compare program.py [arguments]\n\n"
            "  runs it under plain python and under manyhands, and compares the two"
        )
        return 0
    if not first.startswith("-") and not os.path.exists(first):
        meant = _meant(first)
        if meant is not None:
            report(f"manyhands: there is no command and no file {first!r}; did you mean {meant!r}?")
            return 2
    return run(given)


def _meant(word: str) -> str | None:
    """The subcommand that a word was probably meant to be."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, ("run", *SUBCOMMANDS), 1, 0.7)), None)


if __name__ == "__main__":
    sys.exit(main())
