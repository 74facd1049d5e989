"""Conditions and barriers between processes: the standard library's manners, and what a killed waiter leaves."""

import os
import pickle
import signal
import threading

import pytest
from conftest import eventually

from manyhands import multiprocessing
from manyhands.multiprocessing import synchronize


def wait_and_tell(condition, told, name):
    with condition:
        condition.wait()
    told.put(name)


def wait_for_ever(condition):
    with condition:
        condition.wait()


def notify(condition):
    with condition:
        condition.notify_all()


def produce(lock, room, items, free, ready, times):
    for _ in range(times):
        with lock:
            room.wait_for(lambda: free.acquire(False))
            ready.release()
            items.notify()


def meet(barrier, places, rounds):
    for _ in range(rounds):
        places.put(barrier.wait())


def meet_in_vain(barrier, said):
    try:
        barrier.wait()
    except threading.BrokenBarrierError as error:
        said.put(str(error))


def wait_at(barrier):
    barrier.wait()


def call(method):
    method()


def started(ctx, target, *arguments, **names):
    child = ctx.Process(target=target, args=arguments, **names)
    child.start()
    return child


def waiting(condition, count):
    eventually(lambda: condition.statistics()["waiters"] == count)


def test_notifications_go_to_those_who_have_waited_longest(ctx):
    condition, told = ctx.Condition(), ctx.Queue()
    children = []
    for name in range(3):
        children.append(started(ctx, wait_and_tell, condition, told, name))
        waiting(condition, name + 1)
    for name in range(2):
        with condition:
            condition.notify()
        assert told.get(timeout=30) == name
    with condition:
        condition.notify(n=5)
    assert told.get(timeout=30) == 2
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert condition.statistics()["waiters"] == 0


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_wait_gives_up_the_lock_altogether_and_has_it_again(ctx, kind):
    lock = getattr(ctx, kind)()
    condition = ctx.Condition(lock)
    depth = 2 if kind == "RLock" else 1
    for _ in range(depth):
        assert condition.acquire()
    child = started(ctx, notify, condition)
    assert condition.wait(60) is True
    child.join()
    assert lock._manyhands_is_mine()
    assert condition.wait(0) is False
    assert condition.wait(-1) is False
    for _ in range(depth):
        condition.release()
    assert not lock._manyhands_is_mine()
    assert repr(condition) == f"<Condition({lock!r}, 0)>"


def test_two_conditions_of_one_lock(ctx):
    lock = ctx.Lock()
    room, items = ctx.Condition(lock), ctx.Condition(lock)
    free, ready = ctx.Semaphore(2), ctx.Semaphore(0)
    child = started(ctx, produce, lock, room, items, free, ready, 100)
    for _ in range(100):
        with items:
            assert items.wait_for(lambda: ready.acquire(False), timeout=60)
            free.release()
            room.notify()
    child.join()
    assert child.exitcode == 0
    assert (free.get_value(), ready.get_value()) == (2, 0)


def test_a_killed_waiter_takes_no_notification_with_it(ctx):
    condition, told = ctx.Condition(), ctx.Queue()
    victim = started(ctx, wait_for_ever, condition)
    waiting(condition, 1)
    survivor = started(ctx, wait_and_tell, condition, told, "survivor")
    waiting(condition, 2)
    with condition:
        # Told, but it cannot have the lock again before it is killed.
        condition.notify()
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
    assert told.get(timeout=30) == "survivor"
    survivor.join()
    waiting(condition, 0)


def test_conditions_misused(ctx):
    condition = ctx.Condition()
    with pytest.raises(AssertionError, match="must acquire"):
        condition.wait()
    with pytest.raises(AssertionError, match="lock is not owned"):
        condition.notify()
    with pytest.raises(AssertionError, match="lock is not owned"):
        condition.notify_all()
    assert condition.statistics()["waiters"] == 0
    for shared in (condition, ctx.Barrier(2)):
        with pytest.raises(RuntimeError, match="should only be shared between processes through inheritance"):
            pickle.dumps(shared)


class Interrupted(Exception):
    pass


def test_a_handler_that_raises_ends_the_wait_with_the_lock_held():
    condition = multiprocessing.Condition()
    barrier = multiprocessing.Barrier(2)

    def handler(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, handler)
    main = threading.main_thread().ident

    def interrupt(is_waiting):
        eventually(is_waiting)
        signal.pthread_kill(main, signal.SIGUSR1)

    try:
        other = threading.Thread(target=interrupt, args=[lambda: condition.statistics()["waiters"] == 1])
        other.start()
        with pytest.raises(Interrupted), condition:
            try:
                condition.wait()
            finally:
                assert condition._lock._manyhands_is_mine()
        other.join()
        assert condition.statistics()["waiters"] == 0
        other = threading.Thread(target=interrupt, args=[lambda: barrier.n_waiting == 1])
        other.start()
        with pytest.raises(Interrupted):
            barrier.wait()
        other.join()
        assert (barrier.n_waiting, barrier.broken) == (0, False)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_all_meet_at_a_barrier(ctx):
    barrier, places = ctx.Barrier(3), ctx.Queue()
    children = [started(ctx, meet, barrier, places, 20) for _ in range(2)]
    mine = [barrier.wait() for _ in range(20)]
    theirs = [places.get(timeout=30) for _ in range(40)]
    assert sorted(mine + theirs) == sorted([0, 1, 2] * 20)
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (3, 0, False)


def test_a_broken_barrier(ctx):
    barrier, said = ctx.Barrier(3, timeout=0.05), ctx.Queue()
    with pytest.raises(threading.BrokenBarrierError, match=r"^$"):
        barrier.wait()
    assert barrier.broken
    assert repr(barrier).endswith(": broken>")
    barrier.reset()
    assert not barrier.broken
    for end in (barrier.abort, barrier.reset):
        patient = ctx.Barrier(3)
        child = started(ctx, meet_in_vain, patient, said)
        eventually(lambda: patient.n_waiting == 1)  # noqa: B023
        assert repr(patient).endswith(": waiters=1/3>")
        getattr(patient, end.__name__)()
        assert said.get(timeout=30) == ""
        child.join()
        assert patient.broken is (end.__name__ == "abort")


def test_a_killed_party_breaks_the_barrier(ctx):
    barrier, said = ctx.Barrier(3), ctx.Queue()
    victim = started(ctx, wait_at, barrier, name="the victim")
    eventually(lambda: barrier.n_waiting == 1)
    patient = started(ctx, meet_in_vain, barrier, said)
    eventually(lambda: barrier.n_waiting == 2)
    os.kill(victim.pid, signal.SIGKILL)
    assert f"the victim (pid {victim.pid}) ended while it waited" in said.get(timeout=30)
    victim.join()
    patient.join()
    barrier.reset()
    assert not barrier.broken


@pytest.mark.parametrize("parties", [0, -1, 65536])
def test_a_barrier_needs_parties(parties):
    with pytest.raises(ValueError, match=f"parties must be > 0: .* not {parties}"):
        multiprocessing.Barrier(parties)


def test_statistics(ctx):
    lock, rlock, semaphore = ctx.Lock(), ctx.RLock(), ctx.Semaphore(0)
    event, condition, barrier = ctx.Event(), ctx.Condition(), ctx.Barrier(2)
    assert lock.statistics() == rlock.statistics() == {"holder": None, "waiters": 0}
    lock.acquire()
    rlock.acquire()
    waits = (lock.acquire, rlock.acquire, semaphore.acquire, event.wait, barrier.wait)
    children = [started(ctx, call, wait) for wait in waits] + [started(ctx, wait_for_ever, condition)]
    waited_for = (lock, rlock, semaphore, event, barrier, condition)
    eventually(lambda: all(shared.statistics()["waiters"] == 1 for shared in waited_for))
    assert lock.statistics() == rlock.statistics() == {"holder": os.getpid(), "waiters": 1}
    assert semaphore.statistics() == {"free": 0, "maximum": 2**31 - 1, "owned": 0, "waiters": 1}
    assert event.statistics() == {"set": False, "waiters": 1}
    assert barrier.statistics() == {"parties": 2, "broken": False, "waiters": 1}
    lock.release()
    rlock.release()
    semaphore.release()
    event.set()
    barrier.wait()
    with condition:
        condition.notify()
    for child in children:
        child.join()
    assert all(shared.statistics()["waiters"] == 0 for shared in waited_for)


def test_the_classes_themselves(ctx):
    condition = synchronize.Condition(ctx=ctx)
    assert isinstance(condition, synchronize.Condition)
    assert isinstance(condition._lock, synchronize.RLock)
    assert synchronize.Barrier(2, ctx=ctx).parties == 2
