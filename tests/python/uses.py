"""How an object of each class that programs derive from is made and used: of the standard library's, and of ours.

Used by tests that derive from them, or look at what such an object has before and after.
"""

import importlib
import os

import pytest

LIMIT = 60


class Library:
    """The standard library, or ours, by the names of the standard library."""

    def __init__(self, is_ours):
        self.is_ours = is_ours
        self.ctx = self.module("multiprocessing").get_context("fork")

    def module(self, name):
        ours = f"manyhands.{name.replace('concurrent.futures', 'futures')}"
        return importlib.import_module(ours if self.is_ours else name)

    def kind(self, name):
        module, _, kind = name.rpartition(".")
        return getattr(self.module(module), kind)


PLAIN, OURS = Library(False), Library(True)


def use_thread(made, library):
    made.start()
    made.join(LIMIT)
    assert not made.is_alive()


def use_lock(made, library):
    assert made.acquire() and not acquired_elsewhere(made, library)
    made.release()
    with made:
        assert not acquired_elsewhere(made, library)
    assert repr(made)


def acquired_elsewhere(lock, library):
    found = []
    thread = library.module("threading").Thread(target=lambda: found.append(lock.acquire(False)))
    thread.start()
    thread.join()
    return found[0]


def use_semaphore(made, library):
    assert made.acquire() and not made.acquire(False)
    made.release()
    with made:
        assert not made.acquire(False)
    assert repr(made)


def use_condition(made, library):
    found = []

    def wait():
        with made:
            found.append(0)
            found.append(made.wait(LIMIT))

    thread = library.module("threading").Thread(target=wait)
    thread.start()
    while thread.is_alive():
        with made:
            made.notify_all()
            made.notify()
        thread.join(0.01)
    assert found == [0, True] and repr(made)
    with made:
        assert not made.wait(0.001) and made.wait_for(lambda: True)


def use_event(made, library):
    assert not made.wait(0.001)
    made.set()
    assert made.wait(LIMIT) and made.is_set()
    made.clear()
    assert not made.is_set() and repr(made)


def use_barrier(made, library):
    assert made.wait() == 0 and made.n_waiting == 0 and made.parties == 1 and not made.broken


def use_queue(made, library):
    made.put(1)
    made.put([2])
    assert made.get() == 1 and made.get() == [2] and made.empty()


def use_joinable_queue(made, library):
    made.put(1)
    assert made.get() == 1
    if hasattr(made, "task_done"):
        made.task_done()
        made.join()
        with pytest.raises(ValueError, match="too many times"):
            made.task_done()
    use_queue(made, library)


def use_process_queue(made, library):
    use_joinable_queue(made, library) if hasattr(made, "task_done") else use_queue(made, library)
    process = library.ctx.Process(target=made.put, args=("from elsewhere",))
    process.start()
    assert made.get() == "from elsewhere"
    process.join()
    made.close()


def use_pool(made, library):
    assert made.apply(abs, (-1,)) == 1
    assert made.map(abs, [-1, -2, 3]) == made.map_async(abs, [-1, -2, 3], 1).get(LIMIT) == [1, 2, 3]
    assert made.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
    assert list(made.imap(abs, iter(range(-300, 0)))) == list(range(300, 0, -1))
    assert sorted(made.imap_unordered(abs, range(-300, 0), 7)) == list(range(1, 301))
    heard = []
    made.apply_async(abs, (-5,), callback=heard.append).wait(LIMIT)
    made.apply_async(len, (5,), error_callback=heard.append).wait(LIMIT)
    assert heard[0] == 5 and isinstance(heard[1], TypeError)
    assert len(made._pool) == 2
    made.close()
    with pytest.raises(ValueError, match="not running"):
        made.apply_async(abs, (-1,))
    made.join()
    made.terminate()


def use_executor(made, library):
    assert made.submit(abs, -1).result(LIMIT) == 1
    assert list(made.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]
    assert list(made.map(abs, range(-5, 0), chunksize=2)) == [5, 4, 3, 2, 1]
    with made:
        future = made.submit(len, 5)
    assert isinstance(future.exception(LIMIT), TypeError)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        made.submit(abs, -1)


def use_future(made, library):
    heard = []
    made.add_done_callback(heard.append)
    assert made.set_running_or_notify_cancel()
    made.set_result(3)
    assert made.result() == 3 and heard == [made]
    assert library.module("concurrent.futures").wait([made]).done == {made}


def use_process(made, library):
    made.start()
    assert made.is_alive() in (True, False) and made.pid != os.getpid()
    made.join(LIMIT)
    assert made.exitcode == 0 and repr(made)
    made.close()


def use_popen(made, library):
    assert made.wait(LIMIT) == made.poll() == 0


def use_context(made, library):
    process = made.Process(target=int)
    process.start()
    process.join(LIMIT)
    assert process.exitcode == 0 and made.get_start_method() == "fork"


def use_result(made, library):
    assert made.get(LIMIT) == 1 and made.ready() and made.successful()


def use_map_result(made, library):
    assert made.get(LIMIT) == [1, 2] and made.ready() and made.successful()


def use_stream(made, library):
    assert sorted(made) == list(range(1, 301))


def with_context(library, *arguments):
    return arguments, {"ctx": library.ctx}


def with_nothing(library):
    return (), {}


#: How an object of each class is made, and how it is used.
CLASSES = {
    "threading.Thread": (with_nothing, use_thread),
    "threading.Timer": (lambda library: ((0, int), {}), use_thread),
    "threading.Condition": (with_nothing, use_condition),
    "threading.Semaphore": (with_nothing, use_semaphore),
    "threading.BoundedSemaphore": (with_nothing, use_semaphore),
    "threading.Event": (with_nothing, use_event),
    "threading.Barrier": (lambda library: ((1,), {}), use_barrier),
    "queue.Queue": (with_nothing, use_joinable_queue),
    "queue.LifoQueue": (with_nothing, lambda made, library: (made.put(1), made.get(), made.task_done(), made.join())),
    "queue.PriorityQueue": (with_nothing, lambda made, library: (made.put(1), made.get(), made.task_done())),
    "queue.SimpleQueue": (with_nothing, use_queue),
    "concurrent.futures.Future": (with_nothing, use_future),
    "concurrent.futures.ThreadPoolExecutor": (lambda library: ((1,), {}), use_executor),
    "concurrent.futures.ProcessPoolExecutor": (
        lambda library: ((1,), {"mp_context": library.ctx}),
        use_executor,
    ),
    "multiprocessing.pool.Pool": (lambda library: ((2,), {"context": library.ctx}), use_pool),
    "multiprocessing.pool.ThreadPool": (lambda library: ((2,), {}), use_pool),
    "multiprocessing.queues.Queue": (with_context, use_process_queue),
    "multiprocessing.queues.JoinableQueue": (with_context, use_process_queue),
    "multiprocessing.queues.SimpleQueue": (with_context, use_process_queue),
    "multiprocessing.synchronize.Lock": (with_context, use_lock),
    "multiprocessing.synchronize.RLock": (with_context, use_lock),
    "multiprocessing.synchronize.SemLock": (lambda library: ((1, 1, 1), {"ctx": library.ctx}), use_semaphore),
    "multiprocessing.synchronize.Semaphore": (with_context, use_semaphore),
    "multiprocessing.synchronize.BoundedSemaphore": (with_context, use_semaphore),
    "multiprocessing.synchronize.Condition": (with_context, use_condition),
    "multiprocessing.synchronize.Event": (with_context, use_event),
    "multiprocessing.synchronize.Barrier": (lambda library: with_context(library, 1), use_barrier),
    "multiprocessing.context.Process": (lambda library: ((), {"target": int}), use_process),
    "multiprocessing.context.ForkProcess": (lambda library: ((), {"target": int}), use_process),
    "multiprocessing.context.SpawnProcess": (lambda library: ((), {"target": int}), use_process),
    "multiprocessing.context.ForkServerProcess": (lambda library: ((), {"target": int}), use_process),
    "multiprocessing.context.ForkContext": (with_nothing, use_context),
}
