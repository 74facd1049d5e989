"""What the tests of the Python package share: start methods, programs run as a user runs them, conditions waited for.

Behaviour is written once and run under each start method. A program is a text that is written to a file and run by
plain python or under the launcher. Nothing waits for time: `observed.eventually` waits for a condition.
"""

import concurrent.futures
import importlib.util
import os
import signal
import subprocess
import sys
import sysconfig
import threading as standard_threading
import time
from pathlib import Path

import pytest
from observed import LIMIT, alive, carrying, children, eventually

from manyhands import futures as our_futures, multiprocessing, threading as our_threading

__all__ = [
    "FREE_THREADED",
    "LIMIT",
    "METHODS",
    "Runner",
    "alive",
    "children",
    "eventually",
    "known",
    "needs",
    "run_in_thread",
]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As a shell starts what runs in the background. The programs that the tests interrupt must not inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

METHODS = ("fork", "spawn", "forkserver")
#: The variable by which what a program leaves behind is known.
MARK = "MANYHANDS_TEST_MARK"
#: Whether this build of the interpreter can do without its lock.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@pytest.fixture(params=METHODS)
def method(request):
    """Each start method in turn."""
    return request.param


@pytest.fixture
def ctx(method):
    """The context of each start method in turn."""
    return multiprocessing.get_context(method)


@pytest.fixture
def pool(ctx):
    """A pool of two, under each start method in turn."""
    with ctx.Pool(2) as made:
        yield made


@pytest.fixture(params=[standard_threading, our_threading], ids=["standard", "ours"])
def threading(request):
    """The standard module `threading`, and ours, in turn."""
    return request.param


@pytest.fixture(params=[concurrent.futures, our_futures], ids=["standard", "ours"])
def library(request):
    """The standard library's `concurrent.futures`, and ours."""
    return request.param


def needs(library):
    """Skips the test where a library is missing. It is not imported: gevent and eventlet change whoever does that."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


def known(places):
    """What errors tell of these places in a program: all of them, and on a free-threaded build none."""
    return type(places)() if FREE_THREADED else places


def run_in_thread(threading, target, *arguments):
    """Runs it in a thread to its end; returns what it returned, or the exception that it raised."""
    found = []

    def catch():
        try:
            found.append(target(*arguments))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=catch)
    thread.start()
    thread.join()
    return found[0]


class Runner:
    """Runs programs in a folder of their own, and knows every process that they leave behind."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"

    def write(self, text, name="program.py"):
        path = self.folder / name
        path.write_text(text)
        return path

    def environment(self, extra=None):
        return {**os.environ, MARK: self.mark, "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}

    def command(self, *arguments, manyhands=True, options=()):
        launcher = ["-m", "manyhands", *options] if manyhands else []
        return [sys.executable, *launcher, *map(str, arguments)]

    def run(self, *arguments, manyhands=True, options=(), limit=LIMIT, environment=None, **more):
        """Runs to the end; returns what `subprocess.run` returns."""
        return subprocess.run(
            self.command(*arguments, manyhands=manyhands, options=options),
            cwd=self.folder,
            env=self.environment(environment),
            capture_output=True,
            text=True,
            timeout=limit,
            **more,
        )

    def start(self, *arguments, manyhands=True, options=(), **more):
        """Starts under the launcher, unless that is not wanted; returns the `Popen`."""
        return subprocess.Popen(
            self.command(*arguments, manyhands=manyhands, options=options),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def left_behind(self):
        """The processes of these programs that still run."""
        return carrying(MARK, self.mark)


@pytest.fixture
def runner(tmp_path):
    """A `Runner` in a fresh folder; the test fails when a process is left behind."""
    made = Runner(tmp_path)
    yield made
    eventually(lambda: not made.left_behind(), 10)
