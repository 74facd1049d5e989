"""Time-outs that make no sense: each wait refuses them as the standard library's does on that version of Python."""

import math
import threading as standard_threading

import pytest
from uses import OURS, PLAIN

TOO_LONG = {
    "twice the most": standard_threading.TIMEOUT_MAX * 2,
    "far too long": 1e30,
    "for ever": math.inf,
    "no number": math.nan,
    "115 days": 1e7,
}


def wait_at_condition(library, timeout):
    condition = library.kind("threading.Condition")()
    with condition:
        condition.wait(timeout)


def join_thread(library, timeout, ended=False):
    lock = library.kind("threading.Lock")()
    lock.acquire()
    thread = library.kind("threading.Thread")(target=lock.acquire)
    thread.start()
    try:
        if ended:
            lock.release()
            thread.join()
        thread.join(timeout)
    finally:
        if not ended:
            lock.release()
            thread.join()


def join_process(library, timeout):
    ended = library.ctx.Event()
    process = library.ctx.Process(target=ended.wait)
    process.start()
    try:
        process.join(timeout)
    finally:
        ended.set()
        process.join()


#: Waits for what will not come, each with the times that the standard library refuses there.
BETWEEN_THREADS = ["twice the most", "far too long", "for ever"]
WAITS = {
    "Event.wait": (lambda library, timeout: library.kind("threading.Event")().wait(timeout), BETWEEN_THREADS),
    "Condition.wait": (wait_at_condition, BETWEEN_THREADS),
    "Semaphore.acquire": (
        lambda library, timeout: library.kind("threading.Semaphore")(0).acquire(timeout=timeout),
        BETWEEN_THREADS,
    ),
    "Barrier.wait": (lambda library, timeout: library.kind("threading.Barrier")(2).wait(timeout), BETWEEN_THREADS),
    "Queue.get": (lambda library, timeout: library.kind("queue.Queue")().get(timeout=timeout), BETWEEN_THREADS),
    "SimpleQueue.get": (
        lambda library, timeout: library.kind("queue.SimpleQueue")().get(timeout=timeout),
        [*BETWEEN_THREADS, "no number"],
    ),
    "Future.result": (
        lambda library, timeout: library.kind("concurrent.futures.Future")().result(timeout),
        BETWEEN_THREADS,
    ),
    "wait": (
        lambda library, timeout: library.module("concurrent.futures").wait(
            [library.kind("concurrent.futures.Future")()], timeout
        ),
        BETWEEN_THREADS,
    ),
    "Thread.join": (join_thread, [*BETWEEN_THREADS, "no number"]),
    "Thread.join of one that has ended": (
        lambda library, timeout: join_thread(library, timeout, ended=True),
        list(TOO_LONG),
    ),
    "Process.join": (join_process, list(TOO_LONG)),
    "queues.Queue.get": (
        lambda library, timeout: library.kind("multiprocessing.queues.Queue")(ctx=library.ctx).get(timeout=timeout),
        list(TOO_LONG),
    ),
    "synchronize.Semaphore.acquire": (
        lambda library, timeout: library.ctx.Semaphore(0).acquire(timeout=timeout),
        ["far too long", "for ever", "no number"],
    ),
    "synchronize.Event.wait": (
        lambda library, timeout: library.ctx.Event().wait(timeout),
        ["far too long", "for ever", "no number"],
    ),
}
CASES = [(wait, name) for wait, (_, names) in WAITS.items() for name in names]


def told(library, wait, timeout):
    """What the wait raises, or that it raises nothing."""
    try:
        WAITS[wait][0](library, timeout)
    except Exception as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize(("wait", "name"), CASES)
def test_a_time_that_makes_no_sense(wait, name):
    standard = told(PLAIN, wait, TOO_LONG[name])
    assert told(OURS, wait, TOO_LONG[name]) == standard
    assert standard is not None or "ended" in wait


def test_a_barrier_is_not_broken_by_it():
    for library in (PLAIN, OURS):
        barrier = library.kind("threading.Barrier")(2)
        with pytest.raises(OverflowError):
            barrier.wait(math.inf)
        assert not barrier.broken and barrier.n_waiting == 0


def test_what_is_there_already_is_not_waited_for():
    for library in (PLAIN, OURS):
        event, future = library.kind("threading.Event")(), library.kind("concurrent.futures.Future")()
        event.set()
        future.set_result(1)
        assert event.wait(math.inf) and future.result(math.inf) == 1
        assert library.kind("threading.Semaphore")(1).acquire(timeout=math.inf)
