"""`Thread.state` and `statistics()`: each state, held by a program until it has been seen."""

import os
import signal
import time

import pytest
from conftest import FREE_THREADED, eventually

from manyhands import Banker, _engine, multiprocessing, threading
from manyhands.futures import ThreadPoolExecutor
from manyhands.queue import Queue, SimpleQueue


@pytest.fixture
def waiting():
    """Starts a thread that runs a function; all are awaited at the end."""
    started = []

    def start(target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        started.append(thread)
        return thread

    yield start
    for thread in started:
        thread.join(60)
        assert not thread.is_alive()


def test_new_and_dead():
    thread = threading.Thread(target=lambda: None)
    assert thread.state == "New"
    thread.start()
    thread.join()
    assert thread.state == "Dead"
    assert thread.state.on is None


def test_running(waiting):
    stop = []

    def spin():
        while not stop:
            sum(range(1000))

    thread = waiting(spin)
    eventually(lambda: thread.state == "Running")
    stop.append(True)
    assert threading.current_thread().state == "Running"


def test_blocked_outside_the_engine(waiting):
    end = []

    def sleep():
        while not end:
            time.sleep(0.2)

    thread = waiting(sleep)
    eventually(lambda: thread.state == "Blocked" and thread.state.on is None)
    end.append(True)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forks_child_has_the_waits_of_its_own_thread_alone(waiting):
    event, found = threading.Event(), []
    thread = waiting(event.wait)
    eventually(lambda: thread.state.on is event)
    number = threading._life(thread).number
    own = threading._life(threading.current_thread()).number

    def fork(*_):
        # A signal's handler, run within a wait of its thread.
        before = _engine.waits_for(own)
        pid = os.fork()
        if pid == 0:
            found.append(_engine.waits_for(number) is None and _engine.waits_for(own) == before is not None)
            gate.release()
        else:
            found.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            gate.release()

    parent, gate = os.getpid(), threading.Lock()
    gate.acquire()
    handler = signal.signal(signal.SIGUSR1, fork)

    def poke():
        eventually(lambda: gate.statistics()["waiters"])
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    waiting(poke)
    try:
        gate.acquire()
    finally:
        signal.signal(signal.SIGUSR1, handler)
        if os.getpid() != parent:
            os._exit(0 if found == [True] and _engine.waits_for(own) is None else 1)
    event.set()
    assert found == [0]


BLOCKERS = {
    "Lock": (threading.Lock, lambda lock: lock.acquire(), lambda lock: lock.release()),
    "RLock": (threading.RLock, lambda lock: lock.acquire(), lambda lock: lock.release()),
    "Semaphore": (lambda: threading.Semaphore(0), lambda it: it.acquire(), lambda it: it.release()),
    "Event": (threading.Event, lambda event: event.wait(), lambda event: event.set()),
    "Event, with a limit": (threading.Event, lambda event: event.wait(60), lambda event: event.set()),
    "Barrier": (lambda: threading.Barrier(2), lambda barrier: barrier.wait(), lambda barrier: barrier.wait()),
}


@pytest.mark.parametrize("kind", BLOCKERS)
def test_blocked_on_what(waiting, kind):
    make, wait, release = BLOCKERS[kind]
    made = make()
    if kind.endswith("Lock"):
        made.acquire()
    thread = waiting(wait, made)
    # It is Ready in between, while it looks for signals.
    eventually(lambda: (state := thread.state).on is made and state == "Blocked")
    eventually(lambda: made.statistics()["waiters"] == 1)
    release(made)


def test_blocked_on_a_condition_and_on_a_thread(waiting):
    condition, done = threading.Condition(), []

    def wait():
        with condition:
            condition.wait_for(lambda: done)

    waiter = waiting(wait)
    joiner = waiting(waiter.join)
    eventually(lambda: waiter.state.on is condition)
    eventually(lambda: joiner.state.on is waiter)
    assert condition.statistics() == {"waiters": 1}
    with condition:
        done.append(True)
        condition.notify()


@pytest.mark.parametrize("kind", [Queue, SimpleQueue])
def test_blocked_on_a_queue(waiting, kind):
    queue = kind()
    thread = waiting(queue.get)
    eventually(lambda: thread.state == "Blocked" and thread.state.on is queue)
    queue.put(1)


def test_blocked_on_a_full_queue_and_on_one_that_is_not_done(waiting):
    queue = Queue(1)
    queue.put(1)
    putter = waiting(queue.put, 2)
    joiner = waiting(queue.join)
    for thread in putter, joiner:
        eventually(lambda thread=thread: thread.state == "Blocked" and thread.state.on is queue)
    for _ in range(2):
        queue.get()
        queue.task_done()


def test_blocked_on_a_future(waiting):
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(go.wait)
        thread = waiting(future.result)
        eventually(lambda: thread.state == "Blocked" and thread.state.on is future)
        go.set()


SHARED = {
    "Lock": (multiprocessing.Lock, lambda lock: lock.acquire(), lambda lock: lock.release()),
    "RLock, by with": (multiprocessing.RLock, lambda lock: lock.__enter__(), lambda lock: lock.release()),
    "Semaphore": (lambda: multiprocessing.Semaphore(0), lambda it: it.acquire(), lambda it: it.release()),
    "Semaphore, by with": (lambda: multiprocessing.Semaphore(0), lambda it: it.__enter__(), lambda it: it.release()),
    "Event": (multiprocessing.Event, lambda event: event.wait(), lambda event: event.set()),
    "Barrier": (lambda: multiprocessing.Barrier(2), lambda barrier: barrier.wait(), lambda barrier: barrier.wait()),
    "Queue": (multiprocessing.Queue, lambda queue: queue.get(), lambda queue: queue.put(1)),
    "SimpleQueue": (multiprocessing.SimpleQueue, lambda queue: queue.get(), lambda queue: queue.put(1)),
}


@pytest.mark.parametrize("kind", SHARED)
def test_blocked_on_what_processes_share(waiting, kind):
    make, wait, release = SHARED[kind]
    made = make()
    if "Lock" in kind:
        made.acquire()
    thread = waiting(wait, made)
    eventually(lambda: (state := thread.state).on is made and state == "Blocked")
    release(made)


def test_blocked_on_a_condition_of_processes(waiting):
    condition = multiprocessing.Condition()

    def wait():
        with condition:
            condition.wait()

    thread = waiting(wait)
    eventually(lambda: thread.state.on is condition)
    with condition:
        condition.notify()


@pytest.mark.parametrize("more", [{}, {"callback": print}], ids=["alone", "with a callback"])
def test_blocked_on_a_call_of_a_pool(waiting, more):
    reads, writes = os.pipe()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        result = pool.apply_async(os.read, (reads, 1), **more)
        for ask in result.get, result.wait:
            thread = waiting(ask)
            eventually(lambda thread=thread: thread.state.on is result)
        os.write(writes, b"1")
        assert result.get() == b"1"
    os.close(reads)
    os.close(writes)


def test_blocked_on_a_claim(waiting):
    banker = Banker(memory=1)
    with banker.claim(memory=1) as first, banker.claim(memory=1) as second:
        units = first.request(memory=1)
        thread = waiting(second.request, {"memory": 1})
        eventually(lambda: thread.state.on is second)
        units.release()
        thread.join(60)


@pytest.mark.skipif(FREE_THREADED, reason="nobody keeps a free-threaded interpreter to himself")
def test_ready_while_another_thread_keeps_the_interpreter(waiting):
    """Its lock is free again, but this thread lets nobody run Python until it has looked."""
    import sys

    lock = threading.Lock()
    lock.acquire()
    thread = waiting(lock.acquire)
    eventually(lambda: thread.state.on is lock)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        lock.release()
        end = time.monotonic() + 60
        # No call that gives the interpreter lock up.
        while (state := thread.state) != "Ready" and time.monotonic() < end:
            pass
        assert state == "Ready"
    finally:
        sys.setswitchinterval(interval)


def test_statistics_of_locks():
    lock, rlock = threading.Lock(), threading.RLock()
    assert lock.statistics() == {"holder": None, "waiters": 0}
    with lock, rlock, rlock:
        holder = lock.statistics()["holder"]
        assert holder
        assert rlock.statistics() == {"holder": holder, "waiters": 0, "depth": 2}
    assert threading.Semaphore(3).statistics() == {"free": 3, "waiters": 0}
    assert threading.Event().statistics() == {"set": False, "waiters": 0}
    assert threading.Barrier(2).statistics() == {"parties": 2, "waiters": 0, "broken": False}
