"""Threads that wait for one another: an error that names them, their locks and four places, and no false alarm.

Programs run under the launcher, unmodified. Each thread says that it holds its first lock before any wants its second,
so nothing here depends on time; only a suspicion is told after a second, and its test waits for the words. More of what
must not be told is in test_threading_hope.
"""

import re
from pathlib import Path

import pytest
from conftest import FREE_THREADED, known

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"


looks_for_places = pytest.mark.skipif(FREE_THREADED, reason="on a free-threaded interpreter places are told as unknown")
knows_with = pytest.mark.skipif(FREE_THREADED, reason="on a free-threaded interpreter a `with` proves nothing")

CROSSED = """
import threading

first = threading.FIRST()
second = threading.SECOND()
both = threading.Barrier(2)

def forth():
    with first:                    # line 9
        both.wait()
        with second:               # line 11
            print("forth")

def back():
    with second:                   # line 15
        both.wait()
        with first:                # line 17
            print("back")

threads = [threading.Thread(target=forth, name="Forth"), threading.Thread(target=back, name="Back")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("the end")
"""


@pytest.mark.parametrize("first", ["Lock", "RLock"])
@pytest.mark.parametrize("second", ["Lock", "RLock"])
def test_two_threads_and_two_locks(runner, first, second):
    path = runner.write(CROSSED.replace("FIRST", first).replace("SECOND", second))
    done = runner.run(path)
    assert done.returncode == 0
    assert done.stderr.count("DeadlockError") == 1
    places = {int(line) for line in re.findall(rf" at {re.escape(str(path))}:(\d+)", done.stderr)}
    assert places == known({4, 5, 9, 11, 15, 17})
    assert {'"Forth" waits', '"Back" waits'} <= set(re.findall(r'"\w+" waits', done.stderr))
    # One of them failed and let go, so the other went on.
    lines = done.stdout.splitlines()
    assert lines in (["forth", "the end"], ["back", "the end"])


def test_the_same_in_ones_own_words(runner):
    runner.write(
        CROSSED.replace("FIRST", "Lock").replace("SECOND", "Lock").replace("import threading", "import threading, sys")
        + """
from manyhands import DeadlockError
caught = []

def careful():
    with first:
        both.wait()
        try:
            with second:
                pass
        except DeadlockError as error:
            caught.append(error)

threading.excepthook = lambda arguments: caught.append(arguments.exc_value)
threads = [threading.Thread(target=careful, name="Careful"), threading.Thread(target=back, name="Back")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
[error] = caught
assert isinstance(error, RuntimeError)
assert {step.thread for step in error.steps} == {"Careful", "Back"}
assert {step.holder for step in error.steps} == {"Careful", "Back"}
for step in error.steps:
    told = ":" in step.wanted_at, ":" in step.taken_at, "lock made at" in step.object
    assert told == (KNOWN,) * 3, step
print("as told")
""".replace("KNOWN", str(not FREE_THREADED))
    )
    done = runner.run("program.py")
    assert done.stdout.splitlines()[-1] == "as told", done.stderr


@pytest.mark.skipif(not SEEDS.is_dir(), reason=f"the notes' programs are not at {SEEDS}")
def test_the_notes_deadlock_started_with_a_pause(runner):
    text = (SEEDS / "3_deadlock.py").read_text()
    functions = re.findall(r"^def (\w+)", text, re.MULTILINE)
    assert len(functions) == 2
    # The pause stands behind the first lock that each function takes.
    first = re.compile(r"(^def .*?^)(\s+)(\w+\.acquire\(\)\n)", re.MULTILINE | re.DOTALL)
    text, paused = first.subn(r"\1\2\3\2__import__('time').sleep(0.5)\n", text)
    assert paused == 2
    text += f"\nfor run in ({', '.join(functions)}):\n    Thread(target=run).start()\n"
    path = runner.write(text)
    done = runner.run(path)
    first, *others = done.stderr.split("DeadlockError: ")[1:]
    places = set(re.findall(rf" at {re.escape(str(path))}:(\d+)", first))
    assert len(places) == len(known(set(range(6)))), done.stderr
    for number, name in enumerate(functions, 1):
        assert f'"Thread-{number} ({name})" waits' in first
        assert f'which "Thread-{number} ({name})" took' in first
    # The one that failed ended with its first lock taken, for which the other would wait for ever.
    assert len(others) == 1
    assert "that has ended" in others[0]


@knows_with
def test_a_thread_that_waits_for_its_joiner(runner):
    path = runner.write(
        "import threading\n"
        "lock, ready = threading.Lock(), threading.Event()\n"
        "def wants():\n"
        "    ready.wait()\n"
        "    with lock:\n"
        "        pass\n"
        "thread = threading.Thread(target=wants, name='Wants')\n"
        "thread.start()\n"
        "try:\n"
        "    with lock:\n"
        "        ready.set()\n"
        "        thread.join()\n"
        "except RuntimeError as error:\n"
        "    print(type(error).__name__)\n"
    )
    done = runner.run(path)
    # Whoever begins to wait last is told.
    told = done.stdout + done.stderr
    assert told.count("DeadlockError") == 1
    place = "an unknown place" if FREE_THREADED else f"{path}:5"
    assert f'"Wants" waits at {place}' in told or done.stdout == "DeadlockError\n"


CROSS = """
def cross(one, other):
    with one:
        both.wait()
        with other: pass
"""

# Each crosses the two locks, while a third thread is awake for as long as the two are there.
CERTAIN = {
    "in a function": CROSS,
    "in a nested one, in a loop": """
def cross(one, other):
    def inner():
        for _ in range(1):
            with one:
                both.wait()
                with other: pass
    inner()
""",
    "several in one statement": """
def cross(one, other):
    with (
        open("/dev/null") as nothing,
        one as taken,
    ):
        both.wait()
        with (one if nothing is None
              else other), nothing: pass
""",
    "of a condition": """
def cross(one, other):
    with threading.Condition(one):
        both.wait()
        with threading.Condition(other): pass
""",
    "traced": f"""
{CROSS.replace("cross", "inner")}
def cross(one, other):
    sys.settrace(lambda *_: None)
    inner(one, other)
""",
    "in a program read from a text": """
def cross(one, other):
    exec("with one:\\n both.wait()\\n with other: pass", globals(), {"one": one, "other": other})
""",
}


BOTH_CROSS = """
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
def told(*pair):
    try:
        cross(*pair)
    except RuntimeError as error:
        print(type(error).__name__)
threads = [threading.Thread(target=told, args=pair) for pair in ((first, second), (second, first))]
for thread in threads: thread.start()
while any(thread.is_alive() for thread in threads): pass
"""


@knows_with
@pytest.mark.parametrize("name", CERTAIN)
def test_a_with_that_only_its_thread_can_leave_is_certain(runner, name):
    runner.write("import sys, threading\n" + CERTAIN[name] + BOTH_CROSS)
    done = runner.run("program.py")
    assert (done.stdout, done.stderr) == ("DeadlockError\n", "")


@looks_for_places
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_lock_taken_again_after_a_wait_is_held_as_before(runner, kind):
    """By a `with`, which proves it while another thread runs; and its place is that of the wait."""
    path = runner.write(
        """
import threading
condition, lock = threading.Condition(KIND()), threading.Lock()
waits, both = threading.Event(), threading.Barrier(2)

def waiter():
    with condition:
        waits.set()
        condition.wait()               # line 9
        both.wait()
        with lock:
            pass

def notifier():
    waits.wait()
    with condition:
        condition.notify()
    with lock:
        both.wait()
        with condition:
            pass

threads = [threading.Thread(target=target, name=target.__name__) for target in (waiter, notifier)]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads): pass
""".replace("KIND", f"threading.{kind}")
    )
    done = runner.run(path)
    assert f'which "waiter" took at {path}:9' in done.stderr, done.stderr


def test_two_bare_locks_crossed_while_the_main_thread_joins(runner):
    """The main thread could be interrupted, but it is neither in the circle nor has a lock of it."""
    runner.write(
        """
import threading
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
def cross(one, other):
    one.acquire()
    both.wait()
    try:
        other.acquire()
        other.release()
    except RuntimeError as error:
        print(type(error).__name__)
    one.release()
threads = [threading.Thread(target=cross, args=pair) for pair in ((first, second), (second, first))]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    )
    done = runner.run("program.py")
    assert (done.stdout, done.stderr) == ("DeadlockError\n", "")


@looks_for_places
def test_code_that_took_the_place_of_other_code_is_not_named(runner):
    runner.write(
        """
import threading
first, second, both = threading.RLock(), threading.RLock(), threading.Barrier(2)
made, told = [], []

def make(name, line):
    return eval(compile("\\n" * line + "lambda: first.acquire()", name, "eval"))

def forth():
    taker = make("gone.py", 1)
    taker()
    address = id(taker.__code__)
    del taker
    while not made or id(made[-1].__code__) != address:
        assert len(made) < 100000, "that address is never used again"
        made.append(make("other.py", 100 + len(made) % 100))
    try:
        both.wait()
        with second: pass
    except RuntimeError as error:
        told.append(error)
    first.release()

def back():
    try:
        with second:
            both.wait()
            with first: pass
    except RuntimeError as error:
        told.append(error)

threads = [threading.Thread(target=target, name=target.__name__) for target in (forth, back)]
for thread in threads: thread.start()
for thread in threads: thread.join()
[error] = told
print(*(step.taken_at for step in error.steps if step.holder == "forth"))
"""
    )
    done = runner.run("program.py")
    assert (done.stdout, done.stderr) == ("an unknown place\n", "")


CROSSES_AND_IS_RELEASED = """
threads = [threading.Thread(target=cross, args=pair) for pair in ((first, second), (second, first))]
for thread in threads: thread.start()
both.wait()
while first.statistics()["waiters"] + second.statistics()["waiters"] < 2:
    assert all(thread.is_alive() for thread in threads)
first.release()
"""

# None of them waits for what an error has made impossible: it would hang where it is to fail.
NO_ALARM = {
    "released by another thread, though taken by with": f"""
import threading, manyhands.threading
manyhands.threading.trust_with(False)
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(3)
def cross(one, other):
    try:
        with one:
            both.wait()
            with other: pass
    except RuntimeError as error:
        assert str(error).startswith("release unlocked lock")
{CROSSES_AND_IS_RELEASED}
try:
    second.release()
except RuntimeError as error:
    assert str(error).startswith("release unlocked lock")  # who had it has gone on, and let go
for thread in threads: thread.join()
""",
    "released by another thread": f"""
import threading
first, second, both, go = threading.Lock(), threading.Lock(), threading.Barrier(3), threading.Event()
def cross(one, other):
    one.acquire()
    both.wait()
    other.acquire()
    other.release()
{CROSSES_AND_IS_RELEASED}
second.release()
for thread in threads: thread.join()
""",
    "left by another thread, though entered by with": """
import threading
from contextlib import contextmanager
lock, wants = threading.Lock(), threading.Event()
@contextmanager
def held():
    with lock: yield
first, second = held(), held()
def work():
    first.__enter__()
    wants.set()
    second.__enter__()
    second.__exit__(None, None, None)
thread = threading.Thread(target=work)
thread.start()
wants.wait()
while lock.statistics()["waiters"] == 0: assert thread.is_alive()
first.__exit__(None, None, None)
thread.join()
""",
    "a stack of locks handed to another thread": """
import contextlib, threading
lock = threading.Lock()
def finish(stack):
    while lock.statistics()["waiters"] == 0: pass
    stack.close()
with contextlib.ExitStack() as stack:
    stack.enter_context(lock)
    thread = threading.Thread(target=finish, args=(stack.pop_all(),), daemon=True)
    thread.start()
with lock: pass
thread.join()
""",
    "a signal to oneself within a with": """
import threading
lock = threading.Lock()
def opener():
    while lock.statistics()["waiters"] == 0: pass
    lock.release()
with lock:
    thread = threading.Thread(target=opener, daemon=True)
    thread.start()
    lock.acquire()
thread.join()
""",
    "a wait with a limit": """
import threading
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
def cross(one, other):
    with one:
        both.wait()
        if other.acquire(timeout=0.2): other.release()
threads = [threading.Thread(target=cross, args=pair) for pair in ((first, second), (second, first))]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
    "a signal to oneself": """
import threading
lock = threading.Lock()
lock.acquire()
timer = threading.Timer(0.1, lock.release)
timer.start()
lock.acquire()
timer.join()
""",
    "a signal handler releases": """
import signal, threading
lock = threading.Lock()
lock.acquire()
signal.signal(signal.SIGALRM, lambda *_: lock.release())
signal.setitimer(signal.ITIMER_REAL, 0.1)
lock.acquire()
""",
    "the main thread is joined at the end": """
import threading
main = threading.main_thread()
def wait():
    main.join()
thread = threading.Thread(target=wait)
thread.start()
""",
    "a pool that is not shut down": """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
assert list(pool.map(abs, [-1, 2])) == [1, 2]
""",
    "a thread that goes on after the main thread": """
import queue, threading
orders = queue.Queue()
def serve():
    while orders.get(): pass
threading.Thread(target=serve).start()
def last():
    threading.main_thread().join()
    orders.put(False)
threading.Thread(target=last).start()
orders.put(True)
""",
}


@pytest.mark.parametrize("name", NO_ALARM)
def test_no_false_alarm(runner, name):
    runner.write(NO_ALARM[name])
    done = runner.run("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
