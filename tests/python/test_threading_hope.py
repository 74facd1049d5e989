"""Programs that work: threads wait in a circle, but somebody will end one of the waits. No error, and not a word.

A hold may go from thread to thread where a generator, a coroutine or a stack does, or where `__enter__` is called.
A wait with a limit, a process, a timer, a socket may bring what everybody waits for. Where nothing says that somebody
will, that is told, once. Programs run under the launcher.
"""

import re

import pytest
from conftest import LIMIT, known

ENTERS_A_MANAGER = """
def enter(lock):
    manager = contextlib.contextmanager(held)(lock)
    manager.__enter__()
    return lambda: manager.__exit__(None, None, None)
"""
BEGINS_A_COROUTINE = """
def enter(lock):
    coroutine = held(lock)
    coroutine.send(None)
    return coroutine.close
"""
LEAVES_IT_TO_OTHERS = """
class Held:
    def __init__(self, lock): self.lock = lock
    def __enter__(self): self.lock.{}()
    def __exit__(self, *error): pass
def enter(lock):
    with Held(lock): return lock.release
"""
# Each defines `enter(lock)`, which takes a lock and returns what gives it back, in any thread.
CHANGES_THREADS = {
    "a context manager made of a generator": f"""
import contextlib
def held(lock):
    with lock: yield
{ENTERS_A_MANAGER}
""",
    "a condition in such a one": f"""
import contextlib
def held(lock):
    with threading.Condition(lock): yield
{ENTERS_A_MANAGER}
""",
    "a generator that another one goes through": """
def held(lock):
    with lock: yield
def through(lock):
    yield from held(lock)
def enter(lock):
    generator = through(lock)
    next(generator)
    return lambda: next(generator, None)
""",
    "a coroutine": f"""
import types
@types.coroutine
def pause():
    yield
async def held(lock):
    with lock: await pause()
{BEGINS_A_COROUTINE}
""",
    "an old coroutine": f"""
import types
@types.coroutine
def held(lock):
    with lock: yield
{BEGINS_A_COROUTINE}
""",
    "an asynchronous generator": """
def step(awaitable):
    try: awaitable.send(None)
    except (StopIteration, StopAsyncIteration): pass
async def held(lock):
    with lock: yield
def enter(lock):
    generator = held(lock)
    step(generator.__anext__())
    return lambda: step(generator.__anext__())
""",
    "a stack": """
import contextlib
def enter(lock):
    stack = contextlib.ExitStack()
    stack.enter_context(lock)
    return stack.close
""",
    "a call of __enter__": """
def enter(lock):
    lock.__enter__()
    return lambda: lock.__exit__(None, None, None)
""",
    "a class that calls __enter__": LEAVES_IT_TO_OTHERS.format("__enter__"),
    "a class that calls acquire": LEAVES_IT_TO_OTHERS.format("acquire"),
}


OTHERS_LEAVE = """
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
leave = {}
def cross(one, other):
    leave[one] = enter(one)
    both.wait()
    enter(other)()
threads = [threading.Thread(target=cross, args=pair) for pair in ((first, second), (second, first))]
for thread in threads: thread.start()
# Waits without a limit, in the engine and out of it, until both stand.
while first.statistics()["waiters"] + second.statistics()["waiters"] < 2:
    assert all(thread.is_alive() for thread in threads)
leave[first]()
leave[second]()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize("name", CHANGES_THREADS)
def test_a_hold_that_another_thread_ends(runner, name):
    runner.write("import threading\n" + CHANGES_THREADS[name] + OTHERS_LEAVE)
    done = runner.run("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Each defines `until_later()`, which returns after some two seconds, longer than it takes to tell a suspicion.
SOMEBODY_ACTS = {
    "an event, with a limit": "def until_later(): threading.Event().wait(2)",
    "a condition, with a limit": """
def until_later():
    condition = threading.Condition()
    with condition: condition.wait(2)
""",
    "a lock, with a limit": """
def until_later():
    lock = threading.Lock()
    with lock: lock.acquire(timeout=2)
""",
    "a queue, with a limit": """
def until_later():
    try: queue.Queue().get(timeout=2)
    except queue.Empty: pass
""",
    "a thread, with a limit": """
def until_later():
    waits = threading.Thread(target=threading.Event().wait, daemon=True)
    waits.start()
    waits.join(2)
""",
    "a timer": """
def until_later():
    rung = threading.Event()
    threading.Timer(2, rung.set).start()
    rung.wait()
""",
    "a loop of asynchronous work": """
def until_later(): asyncio.run(asyncio.sleep(2))
""",
    "a socket": """
def until_later():
    ours, others = socket.socketpair()
    with ours, others, subprocess.Popen(["sleep", "2"], stdout=others):
        others.close()
        ours.recv(1)
""",
    "another program": "def until_later(): subprocess.run(['sleep', '2'])",
    "the end of a process": """
def until_later():
    process = multiprocessing.Process(target=time.sleep, args=(2,))
    process.start()
    process.join()
""",
    "a process's queue": """
def bring(orders):
    time.sleep(2)
    orders.put(None)
def until_later():
    orders = multiprocessing.Queue()
    process = multiprocessing.Process(target=bring, args=(orders,))
    process.start()
    orders.get()
    process.join()
""",
    "a process's call": """
def until_later():
    with multiprocessing.Pool(1) as pool: pool.apply(time.sleep, (2,))
""",
    "a process's future": """
def until_later():
    with futures.ProcessPoolExecutor(1) as executor: executor.submit(time.sleep, 2).result()
""",
    "a future of a process, which calls back": """
def until_later():
    told = threading.Event()
    with futures.ProcessPoolExecutor(1) as executor:
        executor.submit(time.sleep, 2).add_done_callback(lambda future: told.set())
        told.wait()
""",
    "a signal's handler": """
rung = threading.Event()
signal.signal(signal.SIGALRM, lambda *_: rung.set())
def until_later():
    signal.setitimer(signal.ITIMER_REAL, 2)
    rung.wait()
""",
}

# Two runners wait for a gate that the main thread holds, which joins one of them; another thread opens it.
GATE = """
import asyncio, multiprocessing, queue, signal, socket, subprocess, sys, threading, time
from concurrent import futures
{until_later}
gate = threading.Lock()
def run():
    gate.acquire()
    gate.release()
def open_it():
    try: until_later()
    finally: gate.release()
if __name__ == "__main__":
    # Threads and forks do not go together.
    multiprocessing.set_start_method("spawn")
    gate.acquire()
    threads = [threading.Thread(target=target) for target in (run, run, open_it)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def test_a_gate_that_is_opened_later(runner):
    running = {}
    try:
        for number, (name, until_later) in enumerate(SOMEBODY_ACTS.items()):
            path = runner.write(GATE.format(until_later=until_later), f"gate_{number}.py")
            running[name] = runner.start(path)
        for name, program in running.items():
            # All at once, on a machine that may be busy.
            output, errors = program.communicate(timeout=3 * LIMIT)
            assert (program.returncode, output, errors) == (0, "", ""), name
    finally:
        for program in running.values():
            program.kill()


def test_a_suspicion_is_told_once(runner):
    path = runner.write(
        """
import sys, threading
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(3)

def cross(one, other):
    one.acquire()
    both.wait()
    other.acquire()
    other.release()

class Heard:
    def __init__(self):
        self.text, self.any = "", threading.Event()
    def write(self, text):
        self.text += text
        self.any.set()
    def flush(self):
        pass

sys.stderr = Heard()
heard = sys.stderr.any
threads = [threading.Thread(target=cross, args=pair) for pair in ((first, second), (second, first))]
for thread in threads: thread.start()
both.wait()
# Without a limit: while this thread could go on by itself, nothing would be told.
heard.wait()
first.release()
second.release()
for thread in threads: thread.join()
print(sys.stderr.text)
"""
    )
    done = runner.run(path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("for a second") == 1
    places = re.findall(rf" at {re.escape(str(path))}:(\d+)", done.stdout)
    assert set(places) == known({"3", "6", "8"})
