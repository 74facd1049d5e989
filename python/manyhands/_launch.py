"""The launcher: `manyhands run [options] program.py [args]`, `-m module`, `-c code`, `-` for standard input.

It becomes the interpreter that runs the program: same process, same command line as if the user had typed `python
program.py`, with one hook (`_hook/sitecustomize.py`) on the search path. So `__main__`, `sys.argv`, tracebacks and the
exit code are the interpreter's own work. Knows nothing of processes or pools.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple, NoReturn

USAGE = """\
usage: manyhands run [--stats] [--start-method METHOD] program.py [arguments]
       manyhands run [--stats] [--start-method METHOD] -m module [arguments]
       manyhands run [--stats] [--start-method METHOD] -c code [arguments]
       manyhands run [--stats] [--start-method METHOD] -

A dash stands for standard input: at a terminal that is the interpreter's prompt.

Runs the program as python would, with manyhands' threading, queue, concurrent.futures and multiprocessing in place of
the standard library's, in its child processes too.

  --stats                  at the end, tell on standard error what the engine did
  --start-method METHOD    the default start method: fork, spawn or forkserver
  -h, --help               show this text
"""

START_METHODS = ("fork", "spawn", "forkserver")


class UsageError(Exception):
    """The command line cannot be understood."""


class Plan(NamedTuple):
    """What to run, and how."""

    command: list[str]
    stats: bool = False
    start_method: str | None = None

    def settings(self) -> str:
        """The form in which `_run` reads it."""
        items = ["stats=1"] if self.stats else []
        if self.start_method:
            items.append(f"method={self.start_method}")
        return ",".join(items)


def parse(arguments: list[str]) -> Plan | None:
    """Reads the command line after `run`; `None` when help was asked for."""
    stats = False
    start_method = None
    rest = list(arguments)
    while rest:
        argument = rest[0]
        if argument in ("-h", "--help"):
            return None
        if argument == "--stats":
            stats = True
            del rest[0]
        elif argument == "--start-method" or argument.startswith("--start-method="):
            _, given, value = argument.partition("=")
            del rest[0]
            if not given:
                if not rest:
                    raise UsageError("--start-method needs one of " + ", ".join(START_METHODS))
                value = rest.pop(0)
            if value not in START_METHODS:
                raise UsageError(f"--start-method is one of {', '.join(START_METHODS)}, not {value!r}")
            start_method = value
        elif argument == "--":
            del rest[0]
            if not rest:
                break
            return Plan([_script(rest[0]), *rest[1:]], stats, start_method)
        elif argument in ("-m", "-c"):
            if len(rest) < 2:
                raise UsageError(f"{argument} needs {'a module' if argument == '-m' else 'code'}")
            return Plan(rest, stats, start_method)
        elif argument.startswith("-") and argument != "-":
            raise UsageError(f"unknown option {argument}")
        else:
            return Plan([_script(argument), *rest[1:]], stats, start_method)
    raise UsageError("which program? Name a file, or -m module, or -c code")


def _script(path: str) -> str:
    # A file whose name begins with a dash is a file here, and must not become an option of the interpreter.
    return os.path.join(os.curdir, path) if path.startswith("-") and path != "-" else path


def interpreter_flags() -> list[str]:
    """The options of this interpreter that the program's interpreter gets too."""
    flags = sys.flags
    if flags.isolated or flags.ignore_environment or flags.no_site:
        raise UsageError(
            "the program's interpreter is prepared by a hook on PYTHONPATH, which the options -I, -E and -S forbid: "
            "run without them"
        )
    # The module that knows is slow to import, and nearly always there is nothing to know.
    plain = not sys.warnoptions and not sys._xoptions
    plain = plain and not any(
        getattr(flags, name)
        for name in ("debug", "optimize", "dont_write_bytecode", "no_user_site", "verbose", "bytes_warning", "inspect")
    )
    if plain and not flags.safe_path:
        return []
    from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]

    known: list[str] = _args_from_interpreter_flags()
    if flags.inspect and "-i" not in known:
        known.append("-i")
    return known


def run(arguments: list[str]) -> int:
    """Becomes the program. Returns only when there is none: an exit code."""
    try:
        plan = parse(arguments)
        if plan is not None:
            become(plan, interpreter_flags())
    except UsageError as error:
        print(f"manyhands: {error}", file=sys.stderr)
        return 2
    print(USAGE, end="")
    return 0


def become(plan: Plan, flags: list[str]) -> NoReturn:
    """Replaces this process by an interpreter that runs the program."""
    environment = os.environ
    hook = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_hook")
    before = environment.get("PYTHONPATH")
    environment["MANYHANDS_RUN"] = plan.settings()
    environment.pop("MANYHANDS_PYTHONPATH", None)
    if before is not None:
        environment["MANYHANDS_PYTHONPATH"] = before
    environment["PYTHONPATH"] = hook + (os.pathsep + before if before else "")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *flags, *plan.command])
