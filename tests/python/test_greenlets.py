"""Programs whose threads become greenlets by gevent's or eventlet's monkey patching: they run as under plain python.

What is patched is patched before anything else is imported, or after the program has imported and made things of
ours: queues, locks, pools, subclasses. A greenlet that waits lets the others run, and the program comes to its end.
"""

import pytest
from conftest import needs

WORK = """
def consume():
    while (item := items.get()) is not None:
        print("got", item)

consumer = threading.Thread(target=consume)
consumer.start()
for item in (0, 1, None):
    items.put(item)
    time.sleep(0)
consumer.join()

def add():
    global total
    for _ in range(5):
        with lock:
            seen = total
            time.sleep(0)
            total = seen + 1

lock, total = threading.Lock(), 0
threads = [Own(target=add) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("total", total)
told = threading.Event()
threading.Timer(0, told.set).start()
print("event", told.wait(30))
with ThreadPoolExecutor(2) as pool:
    print("pool", sorted(pool.map(lambda number: (time.sleep(0), number)[1], range(3))))
    futures = [pool.submit(pow, 2, 5), pool.submit(abs, -1)]
    print("futures", sorted(future.result() for future in as_completed(futures)), len(wait(futures).done))
threading.Thread(target=lambda: time.sleep(0) or print("the end")).start()
"""
LINES = ["got 0", "got 1", "total 15", "event True", "pool [0, 1, 2]", "futures [1, 32] 2"]

IMPORTS = """
import queue, threading, time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
class Own(threading.Thread): pass
items = queue.Queue()
"""

PATCHES = {
    "gevent": "from gevent import monkey\nmonkey.patch_all()\n",
    "eventlet": "import warnings\nwarnings.simplefilter('ignore')\nimport eventlet\neventlet.monkey_patch()\n",
}


@pytest.mark.parametrize("order", ["first", "later"])
@pytest.mark.parametrize("library", PATCHES)
def test_a_patched_program(runner, library, order):
    needs(library)
    patch = PATCHES[library]
    runner.write((patch + IMPORTS if order == "first" else IMPORTS + patch) + WORK)
    plain, done = (runner.run("program.py", manyhands=manyhands) for manyhands in (False, True))
    assert (done.stdout, done.returncode) == (plain.stdout, plain.returncode)
    if order == "first":
        # Later, gevent itself cannot patch all that a thread is made of on some versions of Python. And eventlet's
        # program does not wait for its last thread.
        assert (done.stderr, done.stdout.splitlines()[:6]) == ("", LINES)


BY_NAME = """
import sys, time
from queue import Queue
from threading import Barrier, BoundedSemaphore, Condition, Event, Semaphore, Thread

def made():
    return Event(), Condition(), Semaphore(0), BoundedSemaphore(1), Barrier(2), Queue(1)

before = made()
{patch}

for event, condition, semaphore, bounded, barrier, queue in (before, made()):
    def work():
        # Each in turn, while the main greenlet waits for it.
        time.sleep(0.01); event.set()
        time.sleep(0.01)
        with condition: condition.notify()
        time.sleep(0.01); semaphore.release()
        time.sleep(0.01); bounded.release()
        time.sleep(0.01); barrier.wait(30)
        time.sleep(0.01); queue.put("item")

    bounded.acquire()
    thread = Thread(target=work)
    thread.start()
    print(event.wait(30))
    with condition: print(condition.wait(30))
    print(semaphore.acquire(timeout=30), bounded.acquire(timeout=30), barrier.wait(30) in (0, 1), queue.get(timeout=30))
    thread.join()
"""


@pytest.mark.parametrize("library", PATCHES)
def test_what_was_imported_by_name_before_the_patch(runner, library):
    """A wait of the engine's own would stop the greenlet that is to end it."""
    needs(library)
    runner.write(BY_NAME.replace("{patch}", PATCHES[library]))
    plain, done = (runner.run("program.py", manyhands=manyhands) for manyhands in (False, True))
    # Where gevent cannot patch all that a thread is made of, plain python's program ends at the join, too.
    assert (done.stdout, done.returncode) == (plain.stdout, plain.returncode), done.stderr
    assert done.stdout.splitlines()[:3] == ["True", "True", "True True True item"]


def test_greenlets_beside_sockets_processes_and_a_pool_of_threads(runner):
    needs("gevent")
    runner.write(
        """
from gevent import monkey; monkey.patch_all()
import gevent.pool, gevent.threadpool, multiprocessing, socket, subprocess, sys, threading
print(gevent.pool.Pool(2).map(abs, [-1, 2]), gevent.threadpool.ThreadPool(2).map(abs, [-1, 2]))
one, other = socket.socketpair()
threading.Thread(target=one.send, args=(b"hello",)).start()
print(other.recv(5), subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True).stdout)
barrier, told = threading.Barrier(2), threading.Condition()
def tell():
    barrier.wait()
    with told: told.notify()
threading.Thread(target=tell).start()
with told:
    barrier.wait()
    print(told.wait(30))
if __name__ == "__main__":
    child = multiprocessing.Process(target=print, args=("child",))
    child.start(); child.join()
    print(child.exitcode)
"""
    )
    done = runner.run("program.py")
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == ["[1, 2] [1, 2]", "b'hello' b'7\\n'", "True", "child", "0"]


def test_where_sockets_alone_are_patched_threads_stay_the_engines(runner):
    needs("gevent")
    runner.write(
        "from gevent import monkey; monkey.patch_socket()\n"
        "import threading, manyhands.threading\nprint(threading.Thread is manyhands.threading.Thread)\n"
    )
    assert runner.run("program.py").stdout == "True\n"


def test_installed_into_a_patched_program_it_changes_nothing(runner):
    needs("gevent")
    runner.write(
        "from gevent import monkey; monkey.patch_all()\nimport manyhands; manyhands.install()\n" + IMPORTS + WORK
    )
    done = runner.run("program.py", manyhands=False)
    assert (done.stderr, done.stdout.splitlines()) == ("", [*LINES, "the end"])
