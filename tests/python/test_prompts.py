"""Functions and classes that are defined at a prompt go to processes, pools and executors, under each start method.

The prompts are those of plain python, of python under the launcher, and of IPython, at a terminal.
"""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest
from conftest import LIMIT, needs

DEFINED = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor
factor = 3
class Point:
    def __init__(self, x): self.x = x

def triple(point): return Point(point.x * factor)

def say(what): print('sa' + 'id', what)

def nap(): print('asl' + 'eep', flush=True); time.sleep(300)

"""
INSTALLED = (
    "import manyhands; manyhands.install()\nimport multiprocessing; multiprocessing.set_start_method({method!r})\n"
)


class Terminal:
    """A program at a terminal of its own, which does not echo."""

    def __init__(self, command, folder, environment):
        self._ours, theirs = pty.openpty()
        attributes = termios.tcgetattr(theirs)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)
        environment = {**environment, "TERM": "dumb", "IPYTHONDIR": str(folder)}
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        # A session of its own, as a terminal has: Ctrl-C reaches the program and its children.
        self.program = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)
        os.close(theirs)
        self._heard = ""

    def say(self, text):
        """Types it."""
        os.write(self._ours, text.encode())

    def hear(self, text):
        """Waits until the program has written that."""
        end = time.monotonic() + LIMIT
        while text not in self._heard:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, self._heard
            try:
                self._heard += os.read(self._ours, 10_000).decode(errors="replace")
            except OSError:
                raise AssertionError(f"it has ended: {self._heard}") from None
        _, _, self._heard = self._heard.partition(text)

    def close(self):
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        os.close(self._ours)


@pytest.fixture(params=["python", "launched", "ipython"])
def prompt(request, runner, method):
    """A prompt with manyhands in force, at which functions and classes have been defined."""
    if request.param == "ipython":
        needs("IPython")
        quiet = ("--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=NoColor")
        command = runner.command("-m", "IPython", *quiet, options=("run", "--start-method", method))
    elif request.param == "launched":
        command = runner.command("-", options=("run", "--start-method", method))
    else:
        command = [sys.executable, "-q"]
    made = Terminal(command, runner.folder, runner.environment())
    try:
        made.say((INSTALLED.format(method=method) if request.param == "python" else "") + DEFINED)
        yield made
    finally:
        made.close()


def test_functions_and_classes_of_a_prompt(prompt):
    prompt.say("child = multiprocessing.Process(target=say, args=(Point(7).x,)); child.start(); child.join()\n")
    prompt.hear("said 7")
    prompt.say(
        "pool = multiprocessing.Pool(2); print([point.x for point in pool.map(triple, [Point(2)])], 'map' + 'ped')\n"
    )
    prompt.hear("[6] mapped")
    prompt.say("class Late(Point): pass\n\n")
    prompt.say("def late(point): return triple(point).x + 1\n\n")
    prompt.say("print(pool.map(late, [Late(1)]), pool.apply(lambda: factor), 'la' + 'te')\n")
    prompt.hear("[4] 3 late")
    prompt.say("pool.map(say, ['a worker'])\n")
    prompt.hear("said a worker")
    prompt.say(
        "with ProcessPoolExecutor(1) as executor: print(executor.submit(triple, Point(5)).result().x, 'su' + 'm')\n\n"
    )
    prompt.hear("15 sum")
    prompt.say("exit()\n")
    assert prompt.program.wait(LIMIT) == 0


def test_an_interrupted_line_leaves_a_usable_prompt(prompt):
    prompt.say("with multiprocessing.Pool(1) as pool: pool.apply(nap)\n\n")
    prompt.hear("asleep")
    os.killpg(prompt.program.pid, signal.SIGINT)
    prompt.hear("KeyboardInterrupt")
    prompt.say("with multiprocessing.Pool(1) as pool: print(pool.apply(triple, (Point(4),)).x, 'usa' + 'ble')\n\n")
    prompt.hear("12 usable")
    prompt.say("exit()\n")
    assert prompt.program.wait(LIMIT) == 0
