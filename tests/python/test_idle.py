"""Programs whose threads all wait, until somebody presses Ctrl-C: suspected of a deadlock, but not disturbed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest
from conftest import LIMIT

PROGRAM = """
import threading

stop = threading.Event()


def work():
    stop.wait()
    print("the worker has ended")


worker = threading.Thread(target=work, name="worker")
worker.start()
try:
    worker.join()
except KeyboardInterrupt:
    stop.set()
    worker.join()
"""


# What is waited for is a banker's.
BANKER = """
import threading

from manyhands import Banker

banker = Banker(memory=1)
mine = banker.claim(memory=1)
mine.request(memory=1)


def work():
    with banker.claim(memory=1) as claim:
        claim.request(memory=1)
    print("the worker has ended")


worker = threading.Thread(target=work, name="worker")
worker.start()
try:
    worker.join()
except KeyboardInterrupt:
    mine.close()
    worker.join()
"""

# The main thread holds what the other one wants, and gives it when it is interrupted.
HELD = """
import threading

stop = threading.Lock()
stop.acquire()


def work():
    stop.acquire()
    print("the worker has ended")


worker = threading.Thread(target=work, name="worker")
worker.start()
try:
    worker.join()
except KeyboardInterrupt:
    stop.release()
    worker.join()
"""

# The same by `with`, in a program that says that a `with` proves nothing: else that is a deadlock.
GATE = """
import threading

threading.trust_with(False)
stop = threading.Lock()


def work():
    with stop:
        print("the worker has ended")


worker = threading.Thread(target=work, name="worker")
try:
    with stop:
        worker.start()
        worker.join()
except KeyboardInterrupt:
    worker.join()
"""

# One thread twice, by `with`.
TWICE = """
import threading

lock = threading.Lock()
try:
    with lock:
        with lock:
            pass
except KeyboardInterrupt:
    print("the worker has ended")
"""

# Interrupts are ignored: such a program is meant to stand until it is ended.
PARKED = """
import signal
import threading

signal.signal(signal.SIGINT, signal.SIG_IGN)
worker = threading.Thread(target=threading.Event().wait, name="worker")
worker.start()
worker.join()
"""


@contextlib.contextmanager
def started(tmp_path, text):
    """The program, which is killed when its test is over, however that ends, or has lasted for long."""
    path = tmp_path / "program.py"
    path.write_text(text)
    # A process group of its own, which the terminal's Ctrl-C would reach as a whole.
    with subprocess.Popen(
        [sys.executable, "-m", "manyhands", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:

        def kill():
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)

        limit = threading.Timer(LIMIT, kill)
        limit.start()
        try:
            yield program
        finally:
            limit.cancel()
            kill()


def heard(program):
    """The next line on its standard error."""
    line = program.stderr.readline()
    assert line, f"the program has ended, or said nothing for {LIMIT} s"
    return line


@pytest.mark.parametrize("text", [PROGRAM, BANKER, HELD, GATE, TWICE], ids=["event", "banker", "held", "gate", "twice"])
def test_ctrl_c_may_be_what_they_wait_for(tmp_path, text):
    with started(tmp_path, text) as program:
        told = [heard(program)]
        assert told[0].startswith("manyhands: these threads have waited for a second")
        while not told[-1].startswith("unless"):
            told.append(heard(program))
        assert text is TWICE or any('for the end of thread "worker"' in line for line in told)
        news = [line for line in told if "an event or other news that nobody is left" in line]
        assert bool(news) == (text in (PROGRAM, BANKER))
        if "t" not in sys.abiflags:
            place = f"{tmp_path / 'program.py'}:{8 if text is PROGRAM else 13}"
            assert all(f'"worker" waits at {place} for' in line for line in news)
        assert told[-1].startswith("unless somebody else ends one of these waits")
        program.send_signal(signal.SIGINT)
        out, error = program.communicate(timeout=LIMIT)
        assert (program.returncode, out, error) == (0, "the worker has ended\n", "")


# The main thread, which waits, tells the suspicion itself, and is interrupted meanwhile.
INTERRUPTED = """
import signal
import sys
import threading


class Loud:
    def write(self, text):
        pass

    def flush(self):
        signal.raise_signal(signal.SIGINT)


sys.stderr = Loud()
lock = threading.Lock()
lock.acquire()
try:
    lock.acquire()
except KeyboardInterrupt:
    print("interrupted")
sys.stderr = sys.__stderr__
"""


def test_ctrl_c_while_a_suspicion_is_told(tmp_path):
    with started(tmp_path, INTERRUPTED) as program:
        out, error = program.communicate(timeout=LIMIT)
        assert (program.returncode, out, error) == (0, "interrupted\n", "")


def test_a_program_that_stands_until_it_is_ended(tmp_path):
    with started(tmp_path, PARKED) as program:
        told = heard(program)
        program.send_signal(signal.SIGTERM)
        _, error = program.communicate(timeout=LIMIT)
        assert told.startswith("manyhands: these threads have waited for a second")
        assert "DeadlockError" not in error
        assert program.returncode == -signal.SIGTERM
