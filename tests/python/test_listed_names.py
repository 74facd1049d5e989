"""Whatever `dir()` lists of an object can be read there: a manager reads all of it to find the public methods.

What is not there yet, or not in this object, is not listed. Each program is run under plain python, too.
"""

import pytest

NEWEST = """
import queue
class Newest(queue.Queue):
    def _init(self, maxsize): self.items = []
    def _qsize(self): return len(self.items)
    def _put(self, item): self.items.append(item)
    def _get(self): return self.items.pop()
"""

OBJECTS = """
import concurrent.futures, multiprocessing, multiprocessing.pool, queue, threading
ctx, event = multiprocessing.get_context("fork"), threading.Event()
gate = ctx.Event()
def made():
    for kind in ("Lock", "RLock", "Condition", "Event", "Semaphore", "BoundedSemaphore", "Thread", "local"):
        yield kind, getattr(threading, kind)()
    for kind in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"):
        yield kind, getattr(queue, kind)()
    yield "a queue with a store of its own", Newest()
    for kind in ("Lock", "RLock", "Condition", "Event", "Semaphore", "BoundedSemaphore"):
        yield "process " + kind, getattr(ctx, kind)()
    for kind in ("Queue", "SimpleQueue", "JoinableQueue"):
        yield "process " + kind, getattr(ctx, kind)()
    yield "Barrier", threading.Barrier(2)
    yield "process Barrier", ctx.Barrier(2)
    yield "Future", concurrent.futures.Future()
    for pool in (ctx.Pool(1), multiprocessing.pool.ThreadPool(1)):
        with pool:
            kind = type(pool).__name__
            yield kind, pool
            done, done_map = pool.apply_async(abs, (1,)), pool.map_async(abs, [1])
            done.wait(), done_map.wait()
            yield kind + " result", done
            yield kind + " map", done_map
            yield kind + " stream", pool.imap(abs, [1])
            begun = pool.apply_async(gate.wait)
            yield kind + " result to come", begun
            yield kind + " map to come", pool.map_async(abs, [1])
            gate.set()
            begun.wait()
        gate.clear()
    for executor in (concurrent.futures.ThreadPoolExecutor(1), concurrent.futures.ProcessPoolExecutor(1)):
        with executor:
            yield type(executor).__name__, executor
            yield type(executor).__name__ + " future", executor.submit(abs, 1)
for kind, each in made():
    for name in dir(each):
        try: getattr(each, name)
        except Exception as error: print(kind, name, repr(error))
print("all read")
"""

MANAGERS = """
import multiprocessing, queue
from multiprocessing.managers import BaseManager
class Own(BaseManager): pass
Own.register("Newest", Newest)
Own.register("Queue", queue.Queue)
if __name__ == "__main__":
    ctx = multiprocessing.get_context("{method}")
    with ctx.Manager() as manager:
        pool = manager.Pool(1)
        print(pool.apply_async(abs, (-1,)).get(), pool.map_async(abs, [-1, 2]).get(), list(pool.imap(abs, [-3])))
        pool.terminate(), pool.join()
    with Own(ctx=ctx) as manager:
        for items in (manager.Newest(), manager.Queue()):
            items.put(1), items.put(2)
            print(items.get(), items.qsize())
"""


@pytest.fixture(params=["plain", "manyhands"])
def launched(request):
    """Under plain python, and under the launcher."""
    return request.param == "manyhands"


def test_what_is_listed_can_be_read(runner, launched):
    runner.write(NEWEST + OBJECTS)
    done = runner.run("program.py", manyhands=launched)
    assert (done.stderr, done.stdout) == ("", "all read\n")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_managers_find_the_public_methods(runner, launched, method):
    runner.write(NEWEST + MANAGERS.replace("{method}", method))
    done = runner.run("program.py", manyhands=launched)
    assert (done.stderr, done.stdout) == ("", "1 [1, 2] [3]\n2 1\n1 1\n")
