"""What a child of a zygote sets right so that it is as an interpreter that began just now.

The engine has given the process its parent's environment, ignored signals and standard descriptors. What the zygote's
interpreter made of its own when it began is older than that: `os.environ`, the table of signal handlers, the
standard streams. All of it is compared with the process and changed where it differs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from manyhands import _engine

#: What modules that the zygote has preloaded did to the environment: value before and after, by name.
_preloaded: dict[bytes, tuple[bytes | None, bytes | None]] = {}


def note_preloaded(before: dict[bytes, bytes]) -> None:
    """Notes what preloading has changed in the environment: children get that as well."""
    after = dict(os.environb)
    for name in before.keys() | after.keys():
        if before.get(name) != after.get(name):
            _preloaded[name] = before.get(name), after.get(name)


def begin() -> None:
    """Does all of it, before anything of the program is read."""
    _read_environment()
    _read_signals()
    _look_at_streams()


def _read_environment() -> None:
    wanted = dict(_engine.environment())
    for name, (before, after) in _preloaded.items():
        # Where the program has set something else meanwhile, that counts.
        if wanted.get(name) == before:
            wanted.pop(name, None)
            if after is not None:
                wanted[name] = after
    # Both `os.environ` and the C library's: what preloading did stands in neither, by now.
    present = os.environb
    for name in present.keys() - wanted.keys():
        del present[name]
    for name, value in wanted.items():
        if present.get(name) != value or name in _preloaded:
            # A name that is none can be inherited, but not set.
            with contextlib.suppress(ValueError):
                present[name] = value


def _read_signals() -> None:
    ignored = set(_engine.ignored_signals())
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if number in (signal.SIGPIPE, signal.SIGXFSZ):
            # Every interpreter ignores these.
            if number not in ignored:
                signal.signal(number, signal.SIG_IGN)
        elif number in ignored:
            if handler is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_IGN)
        elif handler is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _look_at_streams() -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        try:
            is_terminal = os.isatty(number) if os.fstat(number) else False
        except OSError:
            # The parent has none, so neither has the child.
            setattr(sys, name, None)
            setattr(sys, f"__{name}__", None)
            continue
        if is_terminal and name == "stdout":
            sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
