"""Programs under the launcher whose threads are the engine's: what stands on `threading` in the standard library, too.

`--stats` shows that the engine did it. Children of our processes have the same names for the same things.
"""

import re
import signal
import subprocess
import sys

import pytest
from conftest import eventually

PROGRAMS = {
    "logging": (
        """
import logging, logging.handlers, queue, sys, threading
orders = queue.Queue()
listener = logging.handlers.QueueListener(orders, logging.StreamHandler(sys.stdout))
logging.basicConfig(handlers=[logging.handlers.QueueHandler(orders)], format="%(threadName)s %(message)s")
listener.start()
threads = [threading.Thread(target=logging.warning, args=("here",), name=f"T{n}") for n in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
listener.stop()
from manyhands.threading import RLock
print(type(logging._lock) is RLock)
""",
        ["T0 here", "T1 here", "T2 here", "True"],
    ),
    "asyncio": (
        """
import asyncio, threading
from concurrent.futures import ThreadPoolExecutor
def name(): return threading.current_thread().name
async def main():
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="ours") as pool:
        print(await loop.run_in_executor(pool, name))
        print(await asyncio.wrap_future(pool.submit(abs, -7)))
    print(await asyncio.to_thread(pow, 2, 5))
    done = asyncio.Event()
    threading.Timer(0.01, lambda: loop.call_soon_threadsafe(done.set)).start()
    await done.wait()
    print("set")
asyncio.run(main())
""",
        ["32", "7", "ours_0", "set"],
    ),
    "subprocess": (
        """
import subprocess, sys, threading
def run(n):
    code = "import sys; sys.stderr.write('e' * 100000); print(sys.stdin.read())"
    done = subprocess.run([sys.executable, "-c", code], input=str(n), capture_output=True, text=True, timeout=60)
    print(done.stdout.strip(), len(done.stderr))
threads = [threading.Thread(target=run, args=(n,)) for n in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
        ["0 100000", "1 100000", "2 100000"],
    ),
    "socketserver": (
        """
import socket, socketserver, threading
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline().upper())
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    def ask(text):
        with socket.create_connection(server.server_address) as connection:
            connection.sendall(text + b"\\n")
            print(connection.makefile().readline().strip())
    for text in (b"one", b"two"): ask(text)
    server.shutdown()
    thread.join()
print(threading.active_count())
""",
        ["1", "ONE", "TWO"],
    ),
    "names and hooks": (
        """
import _thread, threading
threading.excepthook = lambda arguments: print("hooked", arguments.exc_type.__name__)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
found, seen = [], threading.Event()
def look():
    found.append(isinstance(threading.current_thread(), threading.Thread))
    seen.set()
_thread.start_new_thread(look, ())
seen.wait()
print(found, isinstance(threading.main_thread(), threading.Thread))
from threading import *
print(Lock is threading.Lock, current_thread() is threading.main_thread())
threading.own = 1
print(threading.own, isinstance(_thread.allocate_lock(), type(Lock())))
""",
        ["1 True", "True True", "[True] True", "hooked ZeroDivisionError"],
    ),
}


@pytest.fixture(params=[False, True], ids=["plain", "launcher"])
def manyhands(request):
    """Under plain python, and under the launcher."""
    return request.param


@pytest.fixture(autouse=True)
def whole_lines(monkeypatch):
    """Without it threads write each line in two pieces, and these mingle."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def told(done):
    """Its errors, and what the engine did."""
    errors, _, stats = done.stderr.partition("manyhands: what the engine did\n")
    return errors, {name: int(count) for name, count in re.findall(r"^([a-z ]+): (\d+)$", stats, re.MULTILINE)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_stands_on_threads(runner, name):
    program, lines = PROGRAMS[name]
    runner.write(program)
    done = runner.run("program.py", options=["--stats"])
    errors, stats = told(done)
    assert (done.returncode, errors) == (0, "")
    assert sorted(done.stdout.splitlines()) == sorted(lines)
    assert stats["threads started"] > 0


def test_the_engine_counts_what_threads_do(runner):
    runner.write(
        """
import queue, threading
from concurrent.futures import ThreadPoolExecutor
orders, lock = queue.Queue(), threading.Lock()
def wants():
    with lock: pass
with lock:
    thread = threading.Thread(target=wants)
    thread.start()
    while not lock.statistics()["waiters"]: pass
thread.join()
for n in range(5): orders.put(n)
with ThreadPoolExecutor(1) as pool:
    assert list(pool.map(abs, range(7))) == list(range(7))
"""
    )
    errors, stats = told(runner.run("program.py", options=["--stats"]))
    assert errors == ""
    assert stats == {"processes started": 0, "threads started": 2, "calls": 7, "messages": 5, "lock waits": 1}


def test_children_have_the_same_names(runner, method):
    runner.write(
        """
import multiprocessing
def work():
    import concurrent.futures, queue, threading
    import manyhands.futures, manyhands.queue, manyhands.threading
    print(threading.Thread is manyhands.threading.Thread, queue.Queue is manyhands.queue.Queue)
    print(concurrent.futures.Future is manyhands.futures.Future)
    thread = threading.Thread(target=print, args=("in a thread",))
    thread.start()
    thread.join()
if __name__ == "__main__":
    child = multiprocessing.Process(target=work)
    child.start()
    child.join()
"""
    )
    done = runner.run("program.py", options=["--start-method", method])
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True True", "True", "in a thread"]


@pytest.mark.parametrize(
    "wait",
    ["lock.acquire()", "queue.Queue().get()", "threading.Event().wait()", "thread.join()", "pass"],
    ids=["lock", "queue", "event", "join", "at the end"],
)
def test_ctrl_c_ends_a_wait_of_the_main_thread(runner, wait):
    """Also while it waits for its threads at the end of the program."""
    runner.write(
        f"""
import queue, threading, sys
lock, held, go = threading.Lock(), threading.Event(), threading.Event()
def hold():
    with lock:
        held.set()
        go.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
print("waits", flush=True)
try:
    {wait}
except KeyboardInterrupt:
    print("broken")
    go.set()
"""
    )
    program = runner.start("program.py")
    assert program.stdout.readline() == "waits\n"
    status = f"/proc/{program.pid}/status"

    def sleeps():
        with open(status) as file:
            return "State:\tS" in file.read()

    eventually(sleeps)
    program.send_signal(signal.SIGINT)
    if wait == "pass":
        # As with the standard library the thread is not waited for any more; it ends with the process.
        eventually(lambda: program.poll() is not None or (program.send_signal(signal.SIGINT) or False))
        program.communicate()
        return
    output, errors = program.communicate(timeout=60)
    assert (output, errors, program.returncode) == ("broken\n", "", 0)


def test_a_program_that_uses_only_ours_waits_for_its_threads(runner):
    runner.write(
        "from manyhands.threading import Thread\nimport time\n"
        "def work():\n    time.sleep(0.2); print('done')\nThread(target=work).start()\n"
    )
    assert runner.run("program.py").stdout == "done\n"
    assert runner.run("program.py", manyhands=False).stdout == "done\n"


def test_the_end_of_the_interpreter_calls_no_join_of_a_subclass(runner, manyhands):
    runner.write(
        "import threading, time\n"
        "class Stoppable(threading.Thread):\n"
        "    stopped = False\n"
        "    def run(self): time.sleep(0.2); print('stopped' if self.stopped else 'done')\n"
        "    def join(self, timeout): self.stopped = True; super().join(timeout)\n"
        "Stoppable().start()\n"
    )
    done = runner.run("program.py", manyhands=manyhands)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_a_subclass_has_a_state_of_its_own(runner, manyhands):
    runner.write(
        "import threading\n"
        "class Worker(threading.Thread):\n"
        "    def __init__(self): super().__init__(); self.state = 'new'\n"
        "    def run(self): self.state = 'busy'\n"
        "worker = Worker(); print(worker.state); worker.start(); worker.join(); print(worker.state)\n"
    )
    assert runner.run("program.py", manyhands=manyhands).stdout == "new\nbusy\n"


def test_ours_beside_the_standard_module():
    """Without the launcher nothing changes for those who use the standard module."""
    code = (
        "import threading, manyhands.threading as ours, queue\n"
        "assert threading.__name__ == 'threading' and threading.Thread is not ours.Thread\n"
        "assert ours._active is threading._active and issubclass(ours.Thread, threading.Thread)\n"
        "assert isinstance(threading.Lock(), type(__import__('_thread').allocate_lock()))\n"
        "import manyhands.futures, concurrent.futures\n"
        "assert concurrent.futures.__name__ == 'concurrent.futures' and queue.__name__ == 'queue'\n"
        "assert concurrent.futures.ThreadPoolExecutor is not manyhands.futures.ThreadPoolExecutor\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_installed_late_threads_are_still_waited_for(runner):
    runner.write(
        "import threading, time, manyhands\n"
        "thread = threading.Thread(target=lambda: (time.sleep(0.2), print('done')))\n"
        "manyhands.install()\nthread.start()\n"
    )
    done = runner.run("program.py", manyhands=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


LATE = """
import queue, sys, threading
class Late:
    def __init__(self):
        self.lock, self.queue = threading.Lock(), queue.SimpleQueue()
    def __del__(self):
        print(self.lock.acquire(timeout=0.01), self.lock.acquire(timeout=0.01), self.lock.acquire(False))
        self.queue.put(1, block=True)
        print(self.queue.get(True, 1))
kept = Late()
"""


def test_a_destructor_takes_a_lock_while_the_interpreter_comes_to_its_end(runner):
    runner.write(LATE)
    for manyhands in (False, True):
        done = runner.run("program.py", manyhands=manyhands)
        assert (done.returncode, done.stdout, done.stderr) == (0, "True False False\n1\n", "")
