"""Runs a program in the interpreter that the launcher itself runs in.

There are two cases in which the launcher cannot become another interpreter. A debugger, profiler or tracer watches this
interpreter and would lose sight of the program; or the interpreter's options forbid the hook that prepares the other
one. The program gets a `__main__` module, arguments and a search path of its own, as from the interpreter. Only the
launcher's frames are below its own on the stack. A new interpreter with such options runs `main`.
"""

from __future__ import annotations

import builtins
import importlib.util
import linecache
import os
import pkgutil
import sys
from types import ModuleType

from ._standard_error import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any, NoReturn


class _NotFound(Exception):
    """There is no such program."""


def run(settings: str, command: list[str]) -> None:
    """Runs the program that a command line names, as the interpreter would; the command line has no options left."""
    main = ModuleType("__main__")
    code = _prepare(main, command)
    from manyhands import _run

    _run.begin(settings)
    sys.modules["__main__"] = main
    exec(code, vars(main))


def run_or_exit(settings: str, command: list[str]) -> None:
    """As `run`, but reports a missing program with the interpreter's text, and ends with its exit code."""
    try:
        run(settings, command)
    except _NotFound as error:
        report(error.args[0])
        sys.exit(error.args[1])


def _prepare(main: ModuleType, command: list[str]) -> CodeType:
    """Gives the module what the interpreter gives a program's main module, and returns its code."""
    kind, rest = command[0], command[1:]
    namespace: dict[str, Any] = vars(main)
    namespace.update(__builtins__=builtins, __annotations__={}, __spec__=None, __package__=None)
    first = 0 if sys.flags.safe_path else 1
    if kind == "-m":
        sys.path[:first] = [os.getcwd()][:first]
        return _module(namespace, rest[0], rest[1:])
    if kind in ("-c", "-"):
        sys.path[:first] = [""][:first]
        sys.argv = [kind, *rest[1 if kind == "-c" else 0 :]]
        text, name = (rest[0], "<string>") if kind == "-c" else (sys.stdin.read() if sys.stdin else "", "<stdin>")
        if sys.version_info >= (3, 13) and kind == "-c":
            # A traceback then shows the code that was given with -c.
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        namespace["__loader__"] = importlib.machinery.BuiltinImporter
        if kind == "-":
            namespace["__file__"] = name
        return compile(text, name, "exec", dont_inherit=True)
    sys.argv = [kind, *rest]
    importer = pkgutil.get_importer(kind)
    if importer is not None and os.path.exists(kind):
        sys.path[:first] = [kind]
        spec = importer.find_spec("__main__", None)
        if spec is None or spec.loader is None:
            raise _NotFound(f"{sys.executable}: can't find '__main__' module in {os.path.abspath(kind)!r}", 1)
        return _code_of(namespace, spec)
    return _file(namespace, kind, first)


def _file(namespace: dict[str, Any], path: str, first: int) -> CodeType:
    sys.path[:first] = [os.path.dirname(os.path.realpath(path))][:first]
    absolute = os.path.abspath(path)
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        what = f"can't open file {absolute!r}: [Errno {error.errno}] {error.strerror}"
        raise _NotFound(f"{sys.executable}: {what}", 2) from None
    loader: Any = importlib.machinery.SourceFileLoader("__main__", absolute)
    if path.endswith(".pyc"):
        loader = importlib.machinery.SourcelessFileLoader("__main__", absolute)
    namespace.update(__file__=absolute, __cached__=None, __loader__=loader)
    if path.endswith(".pyc"):
        code: CodeType = loader.get_code("__main__")
        return code
    return compile(text, absolute, "exec", dont_inherit=True)


def _module(namespace: dict[str, Any], name: str, arguments: list[str]) -> CodeType:
    sys.argv = ["-m", *arguments]
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            inner = importlib.util.find_spec(f"{name}.__main__")
            if inner is None:
                what = f"No module named {name}.__main__; {name!r} is a package and cannot be directly executed"
                raise _NotFound(f"{sys.executable}: {what}", 1)
            spec = inner
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        what = f"Error while finding module specification for {name!r} (ModuleNotFoundError: {error})"
        raise _NotFound(f"{sys.executable}: {what}", 1) from None
    if spec is None or spec.loader is None:
        raise _NotFound(f"{sys.executable}: No module named {name}", 1)
    return _code_of(namespace, spec)


def _code_of(namespace: dict[str, Any], spec: Any) -> CodeType:
    code: CodeType | None = spec.loader.get_code(spec.name)
    if code is None:
        raise _NotFound(f"{sys.executable}: No code object available for {spec.name}", 1)
    namespace.update(__spec__=spec, __loader__=spec.loader, __package__=spec.parent)
    namespace.update(__file__=spec.origin, __cached__=spec.cached)
    if sys.argv[0] == "-m":
        sys.argv[0] = spec.origin
    return code


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_globals.get("__file__") == __file__:
        traceback = traceback.tb_next
    return traceback


def main() -> NoReturn:
    """The entry of an interpreter that was started to run a program inside.

    Its arguments are the settings and the program's command line.
    """
    settings, *command = sys.argv[1:]
    try:
        run_or_exit(settings, command)
    except SystemExit:
        raise
    except BaseException as error:
        # Reported without the frames of this file. Then the interpreter ends as after any exception, but silently.
        error.__traceback__ = _without_ours(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.excepthook = lambda *_: None
        raise
    sys.exit()
