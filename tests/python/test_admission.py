"""Calls that say what they need: refused when it is impossible, run when they can have it, whatever happens to them."""

import os
import signal
import threading

import pytest
from conftest import eventually

from manyhands import Banker, futures


@pytest.fixture
def threads():
    """An executor with a banker."""
    with futures.ThreadPoolExecutor(4, resources={"memory": 8, "licences": 2}) as executor:
        yield executor


def free(banker):
    return {name: resource.free for name, resource in banker.statistics().resources.items()}


def add(*numbers, **more):
    return sum(numbers) + sum(more.values())


def test_no_more_at_once_than_there_is(threads):
    lock, now, peak = threading.Lock(), 0, 0
    two_at_once = threading.Barrier(2)

    def call():
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        two_at_once.wait(60)
        with lock:
            now -= 1

    calls = [threads.submit(call, needs={"memory": 3}) for _ in range(20)]
    for call in calls:
        call.result()
    assert peak == 2
    assert free(threads.banker) == {"memory": 8, "licences": 2}


def test_arguments_and_answers_are_as_without(threads):
    assert threads.submit(add, 1, 2, needs={"memory": 1}, more=3).result() == 6
    assert threads.submit(add, 1, 2, more=3).result() == 6
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0, needs={"licences": 2}).result()
    assert free(threads.banker) == {"memory": 8, "licences": 2}


def test_the_impossible_is_refused_at_once(threads):
    with pytest.raises(ValueError, match="add declares 9 of memory, and there are 8 in all"):
        threads.submit(add, needs={"memory": 9})
    with pytest.raises(ValueError, match="this banker has no resource 'cores': it has memory, licences"):
        threads.submit(add, needs={"cores": 1})
    with pytest.raises(TypeError, match="the units of 'memory' must be a whole number"):
        threads.submit(add, needs={"memory": 1.5})
    assert threads.banker.statistics().claimants == []


def test_without_resources_needs_is_the_functions_own():
    with futures.ThreadPoolExecutor(1) as executor:
        assert executor.submit(add, needs=3).result() == 3


def test_executors_may_share_a_banker_with_others():
    banker = Banker(memory=8)
    with futures.ThreadPoolExecutor(1, resources=banker) as executor, banker.claim("main", memory=8) as claim:
        units = claim.request(memory=8)
        call = executor.submit(add, 1, needs={"memory": 1})
        eventually(lambda: any(claimant.waits_for for claimant in banker.statistics().claimants))
        assert not call.done()
        units.release()
        assert call.result() == 1


def test_an_executor_that_nobody_keeps_ends():
    executor = futures.ThreadPoolExecutor(1, resources={"memory": 8})
    executor.submit(add, needs={"memory": 1}).result()
    (thread,) = executor._threads
    del executor
    thread.join(60)
    assert not thread.is_alive()


def kill_me(number):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(futures, "ProcessPoolExecutor"), reason="there is no process pool yet")
def test_what_a_killed_worker_had_comes_back(ctx):
    with futures.ProcessPoolExecutor(2, ctx, resources={"memory": 8}) as executor:
        assert executor.submit(add, 1, needs={"memory": 8}).result() == 1
        with pytest.raises(futures.BrokenExecutor):
            executor.submit(kill_me, 1, needs={"memory": 8}).result()
        assert [executor.submit(add, at, needs={"memory": 8}).result() for at in range(4)] == [0, 1, 2, 3]
        with pytest.raises(ValueError, match="add declares 9 of memory"):
            executor.submit(add, needs={"memory": 9})
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0, needs={"memory": 8}).result()
        eventually(lambda: free(executor.banker) == {"memory": 8})


@pytest.mark.skipif(not hasattr(futures, "ProcessPoolExecutor"), reason="there is no process pool yet")
def test_a_process_pool_needs_a_banker_for_processes():
    with pytest.raises(ValueError, match=r"make it by Banker.shared\(\)"):
        futures.ProcessPoolExecutor(1, resources=Banker(memory=1))
