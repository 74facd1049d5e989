"""Locks and what stands on them: what the standard library's `threading` and ours do, and locks of processes do not.

Each test runs unchanged over both modules, so that it proves likeness. What locks of processes do as well is tested in
`tests/conformance`, threads in `test_threading`, deadlocks, which only ours finds, in `test_threading_deadlock`.
"""

import gc
import os
import signal
import threading as standard
import weakref

import pytest
from conftest import eventually, run_in_thread as run

from manyhands import threading as ours_alone

LOCKS = ("Lock", "RLock", "Semaphore", "Condition")


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_arguments_of_acquire(threading, kind):
    lock = getattr(threading, kind)()
    assert lock.acquire() is True
    lock.release()
    assert lock.acquire(False) is True
    lock.release()
    assert lock.acquire(blocking=True, timeout=5) is True
    lock.release()
    assert lock.acquire(True, -1) is True
    lock.release()
    for arguments, error in [
        ((False, 1), ValueError),
        ((True, -2), ValueError),
        ((True, 1e100), OverflowError),
        ((True, None), TypeError),
        ((True, 1, 1), TypeError),
    ]:
        with pytest.raises(error):
            lock.acquire(*arguments)
    with pytest.raises(TypeError):
        lock.acquire(wait=True)
    assert lock.acquire(False)
    lock.release()


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
@pytest.mark.parametrize("arguments", [(False, 1), (True, -2), (True, 1e100), (True, float("nan"))])
def test_refused_arguments_are_refused_in_the_standard_words(kind, arguments):
    refusals = []
    for module in (standard, ours_alone):
        with pytest.raises((ValueError, OverflowError)) as refused:
            getattr(module, kind)().acquire(*arguments)
        refusals.append((refused.type, str(refused.value)))
    assert refusals[0] == refusals[1]


def test_a_lock_that_is_not_held(threading):
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        threading.Lock().release()
    with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
        threading.RLock().release()
    with pytest.raises(ValueError, match="released too many times"):
        threading.BoundedSemaphore(2).release()
    for call in ("notify", "notify_all", "wait"):
        with pytest.raises(RuntimeError, match="un-acquired lock"):
            getattr(threading.Condition(), call)()


def test_a_lock_is_a_signal_between_threads(threading):
    here, there = threading.Lock(), threading.Lock()
    here.acquire()
    there.acquire()
    said = []

    def answer():
        for _ in range(100):
            here.acquire()
            said.append("pong")
            there.release()

    thread = threading.Thread(target=answer)
    thread.start()
    for _ in range(100):
        said.append("ping")
        here.release()
        there.acquire()
    thread.join()
    assert said == ["ping", "pong"] * 100


class Foreign:
    """A lock of somebody else's, which knows `acquire`, `release` and `with`."""

    def __init__(self):
        self._lock = standard.Lock()
        self.acquire, self.release = self._lock.acquire, self._lock.release
        self.__enter__, self.__exit__ = self._lock.__enter__, self._lock.__exit__

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, *raised):
        return self._lock.__exit__(*raised)


@pytest.mark.parametrize("lock", ["None", "Lock", "RLock", "standard Lock", "standard RLock", "foreign"])
def test_a_condition_on_any_lock(threading, lock):
    made = {
        "None": lambda: None,
        "Lock": threading.Lock,
        "RLock": threading.RLock,
        "standard Lock": standard.Lock,
        "standard RLock": standard.RLock,
        "foreign": Foreign,
    }
    condition = threading.Condition(made[lock]())
    items, got = [], []

    def take():
        with condition:
            assert condition.wait_for(lambda: items, 60)
            got.append(items.pop())

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(3):
        with condition:
            items.append(number)
            condition.notify()
    for thread in threads:
        thread.join()
    assert sorted(got) == [0, 1, 2]
    with condition:
        assert condition.wait(0.001) is False
        assert condition.wait_for(lambda: "", 0.001) == ""


def test_subclasses_with_constructors_of_their_own(threading):
    class Named(threading.Condition):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def wait(self, timeout=None):
            self.waited = True
            return super().wait(timeout)

    named = Named("n")
    with named:
        assert not named.wait_for(lambda: False, 0.001)
    assert named.waited
    assert named.name == "n"

    class Counted(threading.Semaphore):
        def __init__(self):
            super().__init__(3)

    assert [Counted().acquire(False) for _ in range(2)] == [True, True]

    class Flag(threading.Event):
        def __init__(self, name):
            super().__init__()
            self.name = name

    assert not Flag("f").is_set()

    class Meeting(threading.Barrier):
        def __init__(self):
            super().__init__(1)

    assert Meeting().wait() == 0


def test_several_permits_at_once(threading):
    semaphore = threading.Semaphore(0)
    semaphore.release(2)
    assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]
    for make in (lambda: threading.Semaphore(-1), lambda: semaphore.release(0), lambda: semaphore.acquire(False, 1)):
        with pytest.raises(ValueError, match=r".+"):
            make()
    bounded = threading.BoundedSemaphore(2)
    assert bounded.acquire()
    with pytest.raises(ValueError, match="too many"):
        bounded.release(2)
    bounded.release()


@pytest.mark.parametrize("kind", [*LOCKS, "Event"])
def test_weak_references_and_garbage(threading, kind):
    made = getattr(threading, kind)()
    reference = weakref.ref(made)
    assert reference() is made
    del made
    gc.collect()
    assert reference() is None


def test_a_condition_in_a_circle_is_collected(threading):
    class Holder:
        acquire = release = None

    class Circular(Foreign):
        pass

    lock = Circular()
    lock.condition = threading.Condition(lock)
    gone = weakref.ref(lock)
    del lock
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("wait", ["lock", "rlock", "condition", "event", "semaphore", "barrier", "join"])
def test_a_signal_breaks_a_wait(threading, wait):
    """Its handler runs while the main thread waits, and what it raises ends the wait at once."""
    lock, rlock, go = threading.Lock(), threading.RLock(), threading.Event()
    held = threading.Event()

    def hold():
        with lock, rlock:
            held.set()
            go.wait()

    def waits():
        if wait == "condition":
            condition = threading.Condition()
            with condition:
                condition.wait()
        elif wait == "join":
            holder.join()
        else:
            {
                "lock": lock.acquire,
                "rlock": rlock.acquire,
                "event": threading.Event().wait,
                "semaphore": threading.Semaphore(0).acquire,
                "barrier": threading.Barrier(2).wait,
            }[wait]()

    class Broken(Exception):
        pass

    def handler(*_):
        with threading.Lock():
            raise Broken

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    before = signal.signal(signal.SIGUSR1, handler)
    stop = threading.Event()

    def poke():
        # More than once: the first may come before the wait begins, within the try below.
        while not stop.wait(0.05):
            os.kill(os.getpid(), signal.SIGUSR1)

    poker = threading.Thread(target=poke)
    try:
        with pytest.raises(Broken):
            poker.start()
            waits()
    finally:
        while not stop.is_set():
            try:
                stop.set()
                poker.join()
            except Broken:
                continue
        poker.join()
        signal.signal(signal.SIGUSR1, before)
        go.set()
        holder.join()
    assert lock.acquire(timeout=60)


NAN, INFINITE = float("nan"), float("inf")

BAD = {
    "no number as a flag": lambda threading, kind: kind().acquire("a"),
    "None as a flag": lambda threading, kind: kind().acquire(None),
    "a fraction as a flag": lambda threading, kind: kind().acquire(blocking=1.5),
    "more than a flag can be": lambda threading, kind: kind().acquire(2**70),
    "no number as a time": lambda threading, kind: kind().acquire(True, "a"),
    "nan": lambda threading, kind: kind().acquire(True, NAN),
    "nan, not waiting": lambda threading, kind: kind().acquire(False, NAN),
    "infinity": lambda threading, kind: kind().acquire(True, INFINITE),
    "infinity, not waiting": lambda threading, kind: kind().acquire(False, INFINITE),
    "infinity before now": lambda threading, kind: kind().acquire(True, -INFINITE),
    "long before now": lambda threading, kind: kind().acquire(True, -1e300),
    "before now": lambda threading, kind: kind().acquire(True, -2),
    "a time, not waiting": lambda threading, kind: kind().acquire(False, 0),
}
MORE_BAD = {
    "an argument for an event": lambda threading: threading.Event(True),
    "a name for an event": lambda threading: threading.Event(set=True),
    "an event, nan": lambda threading: threading.Event().wait(NAN),
    "an event, no number": lambda threading: threading.Event().wait("a"),
    "a free semaphore, nan": lambda threading: threading.Semaphore().acquire(True, NAN),
    "a barrier of one, nan": lambda threading: threading.Barrier(1).wait(NAN),
    "a join, nan": lambda threading: join_running(threading, NAN),
    "a join, no number": lambda threading: join_running(threading, "a"),
}


def join_running(threading, timeout):
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        thread.join(timeout)
    finally:
        end.set()


def came_to(call, *arguments):
    """What it gave, or the type of what it raised."""
    try:
        found = call(*arguments)
    except Exception as error:
        return type(error)
    return found if isinstance(found, bool | int | None) else type(found).__name__


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_bad_input_of_locks_as_in_the_standard_library(name, kind):
    ours, theirs = (came_to(BAD[name], module, getattr(module, kind)) for module in (ours_alone, standard))
    assert ours == theirs


@pytest.mark.parametrize("name", MORE_BAD)
def test_bad_input_as_in_the_standard_library(name):
    assert came_to(MORE_BAD[name], ours_alone) == came_to(MORE_BAD[name], standard)


def test_locks_in_a_forks_child(threading):
    lock, rlock, condition = threading.Lock(), threading.RLock(), threading.Condition()
    with lock, rlock, condition:
        pid = os.fork()
        if pid == 0:
            fine = lock.locked() and rlock.acquire(False) and threading.current_thread().is_alive()
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()
            lock._at_fork_reinit()
            rlock._at_fork_reinit()
            os._exit(0 if fine and lock.acquire(False) and run(threading, rlock.acquire, False) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_an_ended_threads_lock_goes_on(threading):
    lock = threading.Lock()
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    assert lock.locked()
    lock.release()
    assert eventually(lambda: lock.acquire(False))
