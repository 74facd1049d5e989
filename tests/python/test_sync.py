"""Locks, semaphores and events between processes: how they travel under each start method, and what a death leaves.

What they do otherwise, as the standard library's and those of threads do, is tested in `tests/conformance`.
"""

import os
import pickle
import signal
import threading
import time
import warnings

import pytest

from manyhands import multiprocessing
from manyhands.multiprocessing import synchronize


def hold(lock, event):
    lock.acquire()
    event.set()
    time.sleep(3600)


def take_and_end(lock):
    lock.acquire()


def take_with(semaphore, event):
    with semaphore:
        event.set()
        time.sleep(3600)


def wait_and_tell(event, queue):
    queue.put(event.wait(30))


@pytest.fixture(params=["Lock", "RLock"])
def lock(request, ctx):
    return getattr(ctx, request.param)()


def test_time_outs(ctx, lock):
    held = ctx.Event()
    child = ctx.Process(target=hold, args=(lock, held))
    child.start()
    assert held.wait(30)
    assert lock.acquire(False) is False
    assert lock.acquire(timeout=-1) is False
    assert lock.acquire(timeout=0) is False
    begun = time.monotonic()
    assert lock.acquire(timeout=0.1) is False
    assert time.monotonic() - begun >= 0.1
    assert "SomeOtherProcess" in repr(lock)
    child.kill()
    child.join()


def test_a_dead_owner(ctx, lock):
    held = ctx.Event()
    child = ctx.Process(target=hold, args=(lock, held), name="the victim")
    child.start()
    assert held.wait(30)
    os.kill(child.pid, signal.SIGKILL)
    with pytest.warns(RuntimeWarning, match=rf"the victim \(pid {child.pid}\) died while it held this lock"):
        assert lock.acquire(timeout=30)
    assert f"pid {child.pid}" in lock.owner_died
    lock.release()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lock.acquire()
    assert lock.owner_died is None
    lock.release()
    child.join()


def test_a_clean_end_leaves_a_lock_taken(ctx):
    lock = ctx.Lock()
    run_to_its_end(ctx, take_and_end, lock)
    assert lock.acquire(timeout=0.3) is False
    lock.release()
    assert lock.acquire(timeout=0.3) is True


def run_to_its_end(ctx, target, *arguments, **names):
    """A process that has run and ended."""
    child = ctx.Process(target=target, args=arguments, **names)
    child.start()
    child.join()
    return child


def left_by_a_process(ctx, target, *arguments):
    """Runs a process that ends with exit code 3 and a lock held; what comes next is to be warned of that."""
    child = run_to_its_end(ctx, target, *arguments, name="the leaver")
    assert child.exitcode == 3
    return pytest.warns(RuntimeWarning, match=rf"the leaver \(pid {child.pid}\) died while it held this lock")


def end_in_with(lock, semaphore):
    with semaphore, lock:
        os._exit(3)


def test_what_a_process_holds_by_with_comes_back_however_it_ends(ctx, lock):
    semaphore = ctx.Semaphore(1)
    with left_by_a_process(ctx, end_in_with, lock, semaphore):
        assert lock.acquire(timeout=30)
    assert semaphore.acquire(timeout=30)
    lock.release()
    with lock:
        assert lock.statistics()["holder"] == os.getpid()
    assert lock.statistics()["holder"] is None


def end_after_a_wait(condition, how):
    """Ends with the lock held, as it was before a wait that nobody ended."""
    if how == "acquire":
        condition.acquire()
        condition.wait(0.001)
        os._exit(3)
    with condition:
        if how == "twice":
            with condition:
                condition.wait(0.001)
                os._exit(3)
        if how == "wait_for":
            condition.wait_for(lambda: False, 0.001)
        else:
            condition.wait(0.001)
        os._exit(3)


@pytest.mark.parametrize("how", ["wait", "wait_for", "twice"])
def test_a_wait_at_a_condition_takes_its_lock_again_by_with(ctx, lock, how):
    if how == "twice" and isinstance(lock, synchronize.Lock):
        pytest.skip("a lock that is held once")
    condition = ctx.Condition(lock)
    with left_by_a_process(ctx, end_after_a_wait, condition, how):
        assert condition.acquire(timeout=30)
    condition.release()
    with condition:
        assert not condition.wait(0.001)
        assert lock.statistics()["holder"] == os.getpid()
    assert lock.statistics()["holder"] is None


def test_a_wait_at_a_condition_takes_its_lock_again_as_by_acquire(ctx, lock):
    condition = ctx.Condition(lock)
    run_to_its_end(ctx, end_after_a_wait, condition, "acquire")
    assert condition.acquire(timeout=0.3) is False


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
@pytest.mark.parametrize("by_with", [True, False])
def test_a_wait_at_a_condition_asks_a_subclass_for_its_lock(kind, by_with):
    ctx, asked = multiprocessing.get_context("fork"), []

    class Counted(getattr(synchronize, kind)):
        def acquire(self, *args, **kwargs):
            asked.append("acquire")
            return super().acquire(*args, **kwargs)

        def __enter__(self):
            asked.append("enter")
            return super().__enter__()

    condition = ctx.Condition(Counted(ctx=ctx))
    if by_with:
        with condition:
            condition.wait(0.001)
    else:
        condition.acquire()
        condition.wait(0.001)
        condition.release()
    assert asked == ["enter" if by_with else "acquire", "acquire"]


def test_who_left_a_lock_taken_is_known(ctx, lock):
    child = run_to_its_end(ctx, take_and_end, lock)
    # Whoever waits looks after the dead.
    assert lock.acquire(timeout=0.3) is False
    assert lock.statistics()["holder"] == child.pid


def test_only_its_owner_releases_an_rlock(ctx):
    lock = ctx.RLock()
    with pytest.raises(AssertionError, match="not owned by thread"):
        lock.release()
    lock.acquire()
    lock.acquire()
    assert repr(lock).startswith("<RLock(")
    errors = []

    def try_it():
        try:
            lock.release()
        except AssertionError as error:
            errors.append(str(error))

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    assert errors == ["attempt to release recursive lock not owned by thread"]
    lock.release()
    lock.release()
    with pytest.raises(AssertionError):
        lock.release()


def test_released_too_often(ctx):
    for made in (ctx.Lock(), ctx.BoundedSemaphore(2)):
        with pytest.raises(ValueError, match="released too many times"):
            made.release()
    assert "maxvalue=2" in repr(ctx.BoundedSemaphore(2))


def test_a_semaphore_counts(ctx):
    semaphore = ctx.Semaphore(2)
    assert semaphore.acquire()
    assert semaphore.acquire()
    assert not semaphore.acquire(timeout=0.01)
    assert semaphore.get_value() == 0
    for _ in range(3):
        semaphore.release()
    assert semaphore.get_value() == 3
    assert repr(semaphore) == "<Semaphore(value=3)>"


def test_a_killed_process_gives_back_what_it_took_by_with(ctx):
    semaphore, held = ctx.Semaphore(1), ctx.Event()
    child = ctx.Process(target=take_with, args=(semaphore, held))
    child.start()
    assert held.wait(30)
    assert not semaphore.acquire(timeout=0.01)
    child.kill()
    assert semaphore.acquire(timeout=30)
    child.join()


def test_an_event(ctx):
    event, queue = ctx.Event(), ctx.Queue()
    assert not event.is_set()
    assert event.wait(0.01) is False
    assert event.wait(-1) is False
    children = [ctx.Process(target=wait_and_tell, args=(event, queue)) for _ in range(2)]
    for child in children:
        child.start()
    event.set()
    assert [queue.get(timeout=30) for _ in children] == [True, True]
    assert event.wait() is True
    event.clear()
    assert not event.is_set()
    assert "unset" in repr(event)
    for child in children:
        child.join()


@pytest.mark.parametrize("name", ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Event", "Queue", "SimpleQueue"])
def test_nothing_pickles_but_for_a_process_that_is_being_started(ctx, name):
    with pytest.raises(
        RuntimeError, match=f"^{name} objects should only be shared between processes through inheritance$"
    ):
        pickle.dumps(getattr(ctx, name)())


def test_a_stale_handle_is_an_error():
    lock = multiprocessing.Lock()
    handle = lock._manyhands_handle
    del lock
    with pytest.raises(ValueError, match="is gone"):
        multiprocessing.synchronize.Lock.__new__(multiprocessing.synchronize.Lock)._manyhands_open(handle)


def test_a_wrong_number_of_permits():
    with pytest.raises(OSError, match="Invalid argument"):
        multiprocessing.Semaphore(-1)
    with pytest.raises(OverflowError, match="too large to convert to C int"):
        multiprocessing.Semaphore(2**31)


def test_ctrl_c_ends_a_wait_at_once(runner):
    runner.write(
        "import multiprocessing, sys, time\n"
        "made = getattr(multiprocessing, sys.argv[1])()\n"
        "try:\n"
        "    print('there', flush=True)\n"
        "    {'Lock': lambda: (made.acquire(), made.acquire()), 'Event': lambda: made.wait(),\n"
        "     'Queue': lambda: made.get(), 'SimpleQueue': lambda: made.get()}[sys.argv[1]]()\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    for name in ("Lock", "Event", "Queue", "SimpleQueue"):
        program = runner.start("program.py", name)
        assert program.stdout.readline() == "there\n"
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=20) == ("interrupted\n", "")


def test_other_threads_run_while_one_waits(ctx):
    event = ctx.Event()
    ran = threading.Event()
    thread = threading.Thread(target=ran.set)
    threading.Timer(0.05, thread.start).start()
    threading.Timer(0.1, event.set).start()
    assert event.wait(30)
    assert ran.wait(30)


@pytest.mark.parametrize("name", ["Lock", "RLock", "Semaphore"])
def test_whether_to_wait_is_said_by_anything_true_or_false(ctx, name):
    lock = getattr(ctx, name)()
    assert lock.acquire(1)
    if name != "RLock":
        assert not lock.acquire(0)
        assert not lock.acquire(None)
        assert not lock.acquire([], 5)
    lock.release()


def in_a_copy(told):
    """What a child of `os.fork` tells."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, repr(told()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, "rb") as file:
        return file.read().decode()


def test_a_copy_of_this_process_holds_what_its_thread_held():
    lock = multiprocessing.get_context("fork").RLock()
    lock.acquire()

    def in_the_copy():
        taken = [lock.acquire(False), lock.acquire(False)]
        for _ in range(3):
            lock.release()
        with pytest.raises(AssertionError, match="not owned by thread"):
            lock.release()
        return taken

    assert in_a_copy(in_the_copy) == "[True, True]"
    assert lock.acquire(timeout=30), "the copy released it"
    lock.release()


def test_a_copy_of_this_process_holds_what_its_thread_held_and_nothing_else(ctx):
    lock, held, may_end = ctx.RLock(), threading.Event(), threading.Event()

    def hold_here():
        with lock:
            held.set()
            may_end.wait(30)

    thread = threading.Thread(target=hold_here)
    thread.start()
    assert held.wait(30)
    assert in_a_copy(lambda: lock.acquire(False)) == "False"
    may_end.set()
    thread.join()
    with lock:
        # As with the standard library's a process that is started begins with nothing held.
        child = ctx.Process(target=check_not_held, args=(lock,))
        child.start()
        child.join()
    assert child.exitcode == 0


def check_not_held(lock):
    assert lock.acquire(False) is False
    with pytest.raises(AssertionError, match="not owned by thread"):
        lock.release()
