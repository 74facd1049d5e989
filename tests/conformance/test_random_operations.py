"""Random operations on a primitive and on the standard library's: each must answer as its model does.

One thread, and nothing that would wait, so the standard library's own class is the sequential model. The seed is told
when a test fails. `MANYHANDS_OPERATIONS` says how many operations; a million is the full measure.
"""

import os
import random
import threading as standard

import pytest

from manyhands import threading as ours

OPERATIONS = int(os.environ.get("MANYHANDS_OPERATIONS", "20000"))


def lock_operations(lock):
    """What can be done with a lock without waiting; each gives what can be compared."""
    return [lambda: lock.acquire(False), lambda: lock.acquire(timeout=0), lock.release]


def lock(module):
    made = module.Lock()
    return [*lock_operations(made), made.locked]


def rlock(module):
    made = module.RLock()
    return [*lock_operations(made), lambda: made.acquire(), made._is_owned]


def semaphore(module):
    made = module.Semaphore(3)
    return [*lock_operations(made), lambda: made.release(2)]


def bounded_semaphore(module):
    made = module.BoundedSemaphore(3)
    return [*lock_operations(made), lambda: made.release(2)]


def event(module):
    made = module.Event()
    return [made.set, made.clear, made.is_set, lambda: made.wait(0)]


def condition(module):
    made = module.Condition(module.RLock())
    held = []

    def take():
        # Waiting with it held often enough gives all holds back, and takes them again.
        held.append(made.acquire(False))
        return held[-1]

    return [
        take,
        made.release,
        made.notify,
        lambda: made.notify(3),
        made.notify_all,
        lambda: made.wait(0),
        lambda: made.wait_for(lambda: False, timeout=0),
        lambda: made.wait_for(lambda: True),
    ]


def barrier(module):
    called = []
    made = module.Barrier(1, action=lambda: called.append(1))
    return [
        made.wait,
        made.abort,
        made.reset,
        lambda: made.broken,
        lambda: made.n_waiting,
        lambda: len(called),
    ]


def outcome(operation):
    try:
        return operation()
    except Exception as error:
        return next(kind for kind in type(error).__mro__ if kind.__module__ in ("builtins", "threading"))


@pytest.mark.parametrize("make", [lock, rlock, semaphore, bounded_semaphore, event, condition, barrier])
def test_it_answers_as_its_model(make):
    seed = random.randrange(2**32)
    choose = random.Random(seed).randrange
    pairs = list(zip(make(ours), make(standard), strict=True))
    for step in range(OPERATIONS):
        index = choose(len(pairs))
        answer, expected = map(outcome, pairs[index])
        assert answer == expected, f"seed {seed}, step {step}, operation {index}"
