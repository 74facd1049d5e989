"""Names of later versions of Python, which are there on each: ends by force, context variables of threads, `locked`."""

import contextvars
import threading as standard_threading
import time

import pytest
from calls import square
from conftest import eventually

from manyhands import futures, multiprocessing, threading
from manyhands.errors import BrokenProcessPool

LIMIT = 60
HERE = contextvars.ContextVar("HERE", default=0)


def say_and_sleep(begun, ended):
    try:
        begun.put(None)
        # A signal that comes just before the interpreter goes to sleep is seen when it wakes.
        for _ in range(100 * LIMIT):
            time.sleep(0.01)
    except KeyboardInterrupt:
        ended.put("interrupted")
        raise SystemExit(7) from None


@pytest.mark.parametrize("how", ["terminate_workers", "kill_workers"])
def test_the_workers_of_an_executor_are_ended_by_force(ctx, how):
    executor = futures.ProcessPoolExecutor(1, ctx, retries=1)
    running, waiting = (executor.submit(time.sleep, LIMIT) for _ in range(2))
    eventually(running.running)
    workers = list(executor._processes.values())
    getattr(executor, how)()
    with pytest.raises(BrokenProcessPool):
        running.result(LIMIT)
    assert waiting.cancelled()
    for worker in workers:
        worker.join(LIMIT)
        assert not worker.is_alive()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(square, 1)


def test_an_executor_without_workers_ends_all_the_same():
    executor = futures.ProcessPoolExecutor(1)
    executor.kill_workers()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(square, 1)


def test_a_process_is_interrupted(ctx):
    begun, ended = ctx.Queue(), ctx.Queue()
    process = ctx.Process(target=say_and_sleep, args=(begun, ended))
    process.start()
    begun.get(timeout=LIMIT)
    process.interrupt()
    assert ended.get(timeout=LIMIT) == "interrupted"
    process.join(LIMIT)
    assert process.exitcode == 7


def test_a_thread_runs_in_the_context_that_it_was_given():
    found = []

    class Looking(threading.Thread):
        def run(self):
            found.append(HERE.get())
            HERE.set(2)

    context = contextvars.copy_context()
    context.run(HERE.set, 1)
    for given in ({"context": context}, {"context": None}, {}):
        thread = Looking(**given)
        thread.start()
        thread.join(LIMIT)
    assert found == [1, 0, 0] and context[HERE] == 2
    assert standard_threading.active_count() == threading.active_count()


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Semaphore", "BoundedSemaphore"])
def test_whether_a_lock_is_taken_is_told(kind):
    for lock in (getattr(multiprocessing, kind)(), *([threading.RLock()] if kind == "RLock" else [])):
        assert not lock.locked()
        with lock:
            assert lock.locked()
        assert not lock.locked()


def test_a_context_keeps_the_reducer_that_it_is_given():
    context = multiprocessing.get_context("spawn")
    before, own = context.reducer, object()
    context.reducer = own
    try:
        assert context.reducer is own and multiprocessing.get_context("fork").reducer is own
    finally:
        context.reducer = before
