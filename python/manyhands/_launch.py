"""The launcher: `manyhands run [options] program.py [args]`, `-m module`, `-c code`, `-` for standard input.

It becomes the interpreter that runs the program: the same process, and the same command line as if the user had typed
`python program.py`, with one hook (`_hook/sitecustomize.py`) on the search path. So `__main__`, `sys.argv`, tracebacks
and the exit code are the interpreter's own work. If a debugger or profiler watches this interpreter, or the options
forbid the hook, the program runs through `_inside`. The launcher knows nothing of processes or pools.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from ._standard_error import report

USAGE = """\
usage: manyhands run [options] program.py [arguments]
       manyhands run [options] -m module [arguments]
       manyhands run [options] -c code [arguments]
       manyhands run [options] -

A dash stands for standard input; at a terminal, that is the interpreter's prompt.

Runs the program as python would, with manyhands' threading, queue, concurrent.futures and multiprocessing in place of
the standard library's, in its child processes too.

  --stats                  at the end, report on standard error what the engine did
  --start-method METHOD    the default start method: fork, spawn or forkserver
  --plain-for PACKAGE      gives that package's modules the standard multiprocessing; may be repeated
  -u -O -B -W -X ...       options of the interpreter, as python has them: {flags}
  -h, --help               show this text
"""

START_METHODS = ("fork", "spawn", "forkserver")

#: The interpreter's options that a program can be run with: those without a value, and those with one.
FLAGS = "bBdEiIOPqRsSuvx"
FLAGS_WITH_VALUE = "WX"
USAGE = USAGE.format(flags=" ".join(f"-{letter}" for letter in FLAGS + FLAGS_WITH_VALUE))
#: Of these, the ones with which the interpreter reads no hook on the search path.
WITHOUT_HOOK = frozenset("EIS")


class UsageError(Exception):
    """The command line cannot be understood."""


class Plan(NamedTuple):
    """The program to run, and how to run it."""

    command: list[str]
    stats: bool = False
    start_method: str | None = None
    #: Packages that get the standard `multiprocessing`.
    plain_for: list[str] = []  # noqa: RUF012
    #: Options of the interpreter, as they were written.
    flags: list[str] = []  # noqa: RUF012

    def settings(self) -> str:
        """The settings in the form that `_run` reads."""
        items = ["stats=1"] if self.stats else []
        if self.start_method:
            items.append(f"method={self.start_method}")
        if self.plain_for:
            items.append("plain-for=" + " ".join(self.plain_for))
        return ",".join(items)


def parse(arguments: list[str]) -> Plan | None:
    """Reads the command line after `run`; `None` when help was asked for."""
    stats = False
    start_method = None
    plain_for: list[str] = []
    flags: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument in ("-h", "--help"):
            return None
        if argument == "--stats":
            stats = True
        elif (option := argument.partition("=")[0]) in ("--start-method", "--plain-for"):
            value = argument.partition("=")[2] if "=" in argument else rest.pop(0) if rest else ""
            if option == "--plain-for":
                plain_for += _packages([value], "--plain-for")
            elif value not in START_METHODS:
                raise UsageError(f"--start-method is one of {', '.join(START_METHODS)}, not {value!r}")
            else:
                start_method = value
        elif argument == "--":
            if not rest:
                break
            return Plan([_script(rest[0]), *rest[1:]], stats, start_method, plain_for, flags)
        elif argument.startswith("--"):
            raise UsageError(f"unknown option {argument}")
        elif argument.startswith("-") and argument != "-":
            ran = _interpreter_options(argument, rest, flags)
            if ran is not None:
                return Plan(ran, stats, start_method, plain_for, flags)
        else:
            return Plan([_script(argument), *rest], stats, start_method, plain_for, flags)
    raise UsageError("there is no program to run: name a file, or give -m module or -c code")


def _packages(names: object, where: str) -> list[str]:
    if isinstance(names, list) and all(
        isinstance(name, str) and all(part.isidentifier() for part in name.split(".")) for name in names
    ):
        return names
    raise UsageError(f"{where} takes names of packages, not {names!r}")


def _folder(command: list[str]) -> str:
    """Where the program is: its file's folder, or this one for a module, code and standard input."""
    if command[0].startswith("-"):
        return os.getcwd()
    path = os.path.abspath(command[0])
    return path if os.path.isdir(path) else os.path.dirname(path)


def _of_project(folder: str) -> list[str]:
    """`plain-for` in the table `tool.manyhands` of the nearest `pyproject.toml`, in that folder or above it."""
    while not os.path.isfile(path := os.path.join(folder, "pyproject.toml")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return []
    try:
        with open(path, "rb") as file:
            text = file.read()
        if b"manyhands" not in text:
            return []
        import tomllib

        table = tomllib.loads(text.decode()).get("tool", {}).get("manyhands", {})
        return _packages(table.get("plain-for", []), f"plain-for in {path}")
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _interpreter_options(argument: str, rest: list[str], flags: list[str]) -> list[str] | None:
    """Reads a word of short options as the interpreter does (`-uBW error`); gives the command if one ends the word."""
    letters = argument[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in FLAGS:
            flags.append(f"-{letter}")
        elif letter in FLAGS_WITH_VALUE + "mc":
            if not letters and not rest:
                what = {"m": "a module", "c": "code"}.get(letter, "a value")
                raise UsageError(f"-{letter} needs {what}")
            value = letters or rest.pop(0)
            if letter in "mc":
                return [f"-{letter}", value, *rest]
            flags.append(f"-{letter}{value}")
            letters = ""
        else:
            raise UsageError(f"unknown option -{letter} in {argument}")
    return None


def _script(path: str) -> str:
    # The name of a file may begin with a dash. The interpreter must not take it for an option.
    return os.path.join(os.curdir, path) if path.startswith("-") and path != "-" else path


def interpreter_flags() -> list[str]:
    """The options of this interpreter that the program's interpreter gets, too. It inherits the environment anyway."""
    flags: list[str] = []
    rest = sys.orig_argv[1:]
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            # The interpreter has one long option, which has a value.
            flags += [word, rest.pop(0)]
        elif not word.startswith("-") or word == "-":
            if os.path.basename(word) == "manyhands":
                # The script that an installer wrote isolates the launcher (`python -E`, `-sE`), not the program.
                return [flag for flag in flags if flag not in ("-E", "-I", "-s", "-P")]
            break
        elif _interpreter_options(word, rest, flags) is not None:
            break
    return flags


def watched() -> bool:
    """Whether a debugger, a profiler or a tracer watches this interpreter."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return True
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and any(monitoring.get_tool(number) is not None for number in range(6))


def run(arguments: list[str]) -> int:
    """Becomes the program. Returns an exit code, and only if there is no program to run."""
    try:
        plan = parse(arguments)
        if plan is not None:
            plan.plain_for.extend(_of_project(_folder(plan.command)))
    except UsageError as error:
        report(f"manyhands: {error}")
        return 2
    if plan is None:
        print(USAGE, end="")
        return 0
    if watched():
        if not plan.flags and not (plan.command[0] == "-" and sys.stdin is not None and sys.stdin.isatty()):
            from ._inside import run_or_exit

            run_or_exit(plan.settings(), plan.command)
            return 0
        what = " ".join(plan.flags) or "the prompt"
        report(
            f"manyhands: {what} needs an interpreter of its own; the debugger or profiler here does not follow it there"
        )
    become(plan, interpreter_flags())
    return 0


def become(plan: Plan, inherited: list[str]) -> None:
    """Replaces this process with an interpreter that runs the program."""
    flags = [*inherited, *plan.flags]
    for stream in (sys.stdout, sys.stderr):
        # A stream whose descriptor is closed is None.
        if stream is not None:
            stream.flush()
    folder = os.path.dirname(os.path.abspath(__file__))
    if WITHOUT_HOOK & {letter for flag in flags if flag[1] not in FLAGS_WITH_VALUE for letter in flag[1:]}:
        script = os.path.join(folder, "_hook", "inside.py")
        os.execv(sys.executable, [sys.executable, *flags, script, plan.settings(), *plan.command])
    environment = os.environ
    before = environment.get("PYTHONPATH")
    environment["MANYHANDS_RUN"] = plan.settings()
    environment.pop("MANYHANDS_PYTHONPATH", None)
    if before is not None:
        environment["MANYHANDS_PYTHONPATH"] = before
    environment["PYTHONPATH"] = os.path.join(folder, "_hook") + (os.pathsep + before if before else "")
    os.execv(sys.executable, [sys.executable, *flags, *plan.command])
