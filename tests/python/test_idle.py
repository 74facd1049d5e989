"""Programs whose threads all wait, until somebody presses Ctrl-C.

Suspected of a deadlock where one of them wants a lock, but not disturbed; not a word where they wait for orders.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import LIMIT


def idle(prepare, work, stop):
    """A program whose thread does this work, and whose main thread waits for the end of that until Ctrl-C."""
    return f"""
import queue
import threading

{prepare}


def work():
    {work}
    print("the worker has ended")


worker = threading.Thread(target=work, name="worker")
worker.start()
try:
    worker.join()
except KeyboardInterrupt:
    {stop}
    worker.join()
"""


EVENT = idle("stop = threading.Event()", "stop.wait()", "stop.set()")
# The worker works until it is told to stop.
CONSUMER = idle("orders = queue.Queue()", "while orders.get(): pass", "orders.put(None)")
# What is waited for is a banker's.
BANKER = idle(
    """
from manyhands import Banker
banker = Banker(memory=1)
mine = banker.claim(memory=1)
mine.request(memory=1)
""",
    "with banker.claim(memory=1) as claim: claim.request(memory=1)",
    "mine.close()",
)
# The main thread holds what the other one wants, and gives it when it is interrupted.
HELD = idle("stop = threading.Lock(); stop.acquire()", "stop.acquire()", "stop.release()")

# The same by `with`, in a program that says that a `with` proves nothing: else that is a deadlock.
GATE = """
import threading

import manyhands.threading

manyhands.threading.trust_with(False)
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

# A handler of the program's own opens a gate.
HANDLED = """
import signal
import threading

gate = threading.Lock()
gate.acquire()
signal.signal(signal.SIGINT, lambda *_: gate.release())


def work():
    gate.acquire()
    print("the worker has ended")


worker = threading.Thread(target=work, name="worker")
worker.start()
worker.join()
"""

# The one that could set the event first wants a lock that the one which waits for it holds.
LOCKED_OUT = """
import threading

stop, lock = threading.Event(), threading.Lock()


def work():
    with lock:
        stop.wait()
    print("the worker has ended")


def set_it():
    with lock:
        stop.set()


worker = threading.Thread(target=work, name="worker")
setter = threading.Thread(target=set_it, name="setter")
worker.start()
while not lock.locked():
    pass
setter.start()
try:
    setter.join()
except KeyboardInterrupt:
    stop.set()
    worker.join()
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


@pytest.mark.parametrize("text", [HELD, GATE, TWICE, LOCKED_OUT], ids=["held", "gate", "twice", "locked out"])
def test_ctrl_c_may_be_what_they_wait_for(tmp_path, text):
    with started(tmp_path, text) as program:
        told = [heard(program)]
        assert told[0].startswith("manyhands: these threads have waited for a second")
        while not told[-1].startswith("unless"):
            told.append(heard(program))
        joins = [line for line in told if 'for the end of thread "worker"' in line]
        assert bool(joins) == (text in (HELD, GATE))
        news = [line for line in told if "an event or other news that nobody is left" in line]
        assert bool(news) == (text is LOCKED_OUT)
        if "t" not in sys.abiflags:
            assert all(f'"worker" waits at {tmp_path / "program.py"}:9 for' in line for line in news)
        assert told[-1].startswith("unless another thread ends one of these waits")
        program.send_signal(signal.SIGINT)
        out, error = program.communicate(timeout=LIMIT)
        assert (program.returncode, out, error) == (0, "the worker has ended\n", "")


def test_whoever_waits_for_orders_is_not_suspected(tmp_path):
    with contextlib.ExitStack() as stack:
        programs = []
        for number, text in enumerate([EVENT, CONSUMER, BANKER, HANDLED, PARKED]):
            folder = tmp_path / str(number)
            folder.mkdir()
            text = text.replace("worker.start()", "worker.start(); print('begun', flush=True)")
            programs.append(stack.enter_context(started(folder, text)))
        for program in programs:
            assert program.stdout.readline() == "begun\n"
        # Longer than it would take to tell a suspicion: nothing is to happen meanwhile.
        time.sleep(2.5)
        for program in programs:
            is_parked = program is programs[-1]
            program.send_signal(signal.SIGTERM if is_parked else signal.SIGINT)
            out, error = program.communicate(timeout=LIMIT)
            assert (out, error) == ("" if is_parked else "the worker has ended\n", "")
            assert program.returncode == (-signal.SIGTERM if is_parked else 0)


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
