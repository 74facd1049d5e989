"""Texts of errors about arguments, and of what cannot be pickled: those of the standard library."""

import copy
import pickle

import pytest
from uses import OURS, PLAIN

CALLS = {
    "Semaphore(-1)": lambda library: library.ctx.Semaphore(-1),
    "Semaphore(2**40)": lambda library: library.ctx.Semaphore(2**40),
    "Condition.notify": lambda library: library.ctx.Condition().notify(),
    "Condition.wait": lambda library: library.ctx.Condition().wait(),
    "Barrier.wait": lambda library: library.ctx.Barrier(2).wait(0),
    "Lock.acquire(timeout=None)": lambda library: library.kind("threading.Lock")().acquire(timeout=None),
    "RLock.acquire(True, 'x')": lambda library: library.kind("threading.RLock")().acquire(True, "x"),
    "Lock.acquire(True, 10**400)": lambda library: library.kind("threading.Lock")().acquire(True, 10**400),
    "Queue.get_nowait(1)": lambda library: library.kind("queue.Queue")().get_nowait(1),
    "Queue.put_nowait()": lambda library: library.kind("queue.Queue")().put_nowait(),
    "Queue.put()": lambda library: library.kind("queue.Queue")().put(),
    "Queue.get(1, 2, 3)": lambda library: library.kind("queue.Queue")().get(1, 2, 3),
    "ThreadPoolExecutor.submit()": lambda library: library.kind("concurrent.futures.ThreadPoolExecutor")(1).submit(),
    "ProcessPoolExecutor.submit()": lambda library: library.kind("concurrent.futures.ProcessPoolExecutor")(1).submit(),
    "pickle a Thread": lambda library: pickle.dumps(library.kind("threading.Thread")()),
    "copy a Thread deeply": lambda library: copy.deepcopy(library.kind("threading.Thread")()),
    "pickle an executor": lambda library: pickle.dumps(library.kind("concurrent.futures.ProcessPoolExecutor")(1)),
    "copy an executor deeply": lambda library: copy.deepcopy(library.kind("concurrent.futures.ProcessPoolExecutor")(1)),
    "pickle an Event": lambda library: pickle.dumps(library.kind("threading.Event")()),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_text_of_an_error(call):
    found = []
    for library in (PLAIN, OURS):
        with pytest.raises(Exception) as caught:
            CALLS[call](library)
        found.append((caught.type, str(caught.value)))
    assert found[0] == found[1]
