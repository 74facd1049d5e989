"""What makes no sense between threads is refused with the standard type and text.

The object that refused is named where nobody catches the error.
"""

import pytest

from manyhands import Banker, futures, multiprocessing, queue, threading
from manyhands.multiprocessing.pool import ThreadPool


def refused(kind, call, words, about):
    """The call is refused in the standard library's words, and nothing more; by what, the error knows."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert str(caught.value) == words
    assert not hasattr(caught.value, "__notes__")
    assert caught.value._manyhands_refused_by == about


def test_a_release_of_what_is_not_held():
    lock, rlock, semaphore = threading.Lock(), threading.RLock(), threading.BoundedSemaphore(1)
    refused(RuntimeError, lock.release, "release unlocked lock", "lock")
    refused(RuntimeError, rlock.release, "cannot release un-acquired lock", "RLock")
    refused(ValueError, semaphore.release, "Semaphore released too many times", "BoundedSemaphore")
    assert lock.acquire(False) and rlock.acquire(False) and semaphore.acquire(False)
    assert not semaphore.acquire(False)


def test_a_release_of_anothers_lock():
    rlock = threading.RLock()
    other = threading.Thread(target=rlock.acquire)
    other.start()
    other.join()
    refused(RuntimeError, rlock.release, "cannot release un-acquired lock", "RLock")
    assert not rlock.acquire(False)


@pytest.mark.parametrize("call", ["notify", "notify_all", "wait"])
def test_a_condition_whose_lock_is_free(call):
    condition = threading.Condition()
    words = f"cannot {'wait' if call == 'wait' else 'notify'} on un-acquired lock"
    refused(RuntimeError, getattr(condition, call), words, "Condition")
    assert condition.acquire(False)


def test_a_barrier_for_nobody():
    with pytest.raises(ValueError, match=r"^parties must be > 0$"):
        threading.Barrier(0)


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
@pytest.mark.parametrize("opened", [False, True])
def test_a_put_after_shutdown(kind, opened):
    items = kind()
    if opened:
        assert items.mutex is not None
    items.shutdown()
    refused(queue.ShutDown, lambda: items.put(1), "", kind.__name__)
    refused(queue.ShutDown, items.get, "", kind.__name__)
    assert items.qsize() == 0


@pytest.mark.parametrize("kind", [futures.ThreadPoolExecutor, futures.ProcessPoolExecutor])
def test_a_submit_after_shutdown(kind):
    executor = kind(1)
    executor.shutdown()
    refused(RuntimeError, lambda: executor.submit(print), "cannot schedule new futures after shutdown", kind.__name__)


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_a_cancelled_future(ask):
    future = futures.Future()
    future.cancel()
    refused(futures.CancelledError, getattr(future, ask), "", "Future")
    assert future.cancelled()


def test_a_thread_that_is_started_twice():
    ran = []
    thread = threading.Thread(target=ran.append, args=(1,), name="worker")
    refused(RuntimeError, thread.join, "cannot join thread before it is started", "Thread 'worker'")
    thread.start()
    refused(RuntimeError, thread.start, "threads can only be started once", "Thread 'worker'")
    thread.join()
    refused(RuntimeError, thread.start, "threads can only be started once", "Thread 'worker'")
    assert ran == [1]


def test_a_thread_that_joins_itself():
    told = []

    def join():
        try:
            threading.current_thread().join()
        except RuntimeError as error:
            told.append((str(error), error._manyhands_refused_by))

    thread = threading.Thread(target=join, name="worker")
    thread.start()
    thread.join()
    assert told == [("cannot join current thread", "Thread 'worker'")]
    main = threading.main_thread()
    refused(RuntimeError, main.join, "cannot join current thread", "_MainThread 'MainThread'")


def test_what_shows_itself_in_its_own_way_is_not_asked_to():
    class Condition(threading.Condition):
        def __repr__(self):
            raise AssertionError("shown")

    refused(RuntimeError, Condition().notify, "cannot notify on un-acquired lock", "Condition")


@pytest.mark.parametrize("kind", [multiprocessing.Pool, ThreadPool])
def test_a_pool_that_was_closed(kind):
    with kind(1) as pool:
        pool.close()
        for call in (pool.apply_async, pool.map, pool.imap, pool.imap_unordered):
            refused(ValueError, lambda call=call: call(abs, (1,)), "Pool not running", type(pool).__name__)
        refused(ValueError, pool.__enter__, "Pool not running", type(pool).__name__)


def test_a_process_out_of_turn():
    process = multiprocessing.Process(target=abs, args=(1,), name="worker")
    refused(AssertionError, process.join, "can only join a started process", "Process 'worker'")
    process.start()
    process.join()
    refused(AssertionError, process.start, "cannot start a process twice", "Process 'worker'")


def test_a_claim_beyond_the_total():
    banker = Banker({"memory": 4})
    with pytest.raises(ValueError, match=r"greedy.* declares 5 of memory, and there are 4"):
        banker.claim("greedy", memory=5)
    with banker.claim("modest", memory=4) as claim, claim.request(memory=4):
        pass


UNCAUGHT = """
import sys, threading
def release(): threading.Lock().release()
thread = threading.Thread(target=release, name="worker")
thread.start()
thread.join()
thread.start()
"""


@pytest.mark.parametrize("caught", [False, True])
def test_the_object_is_told_where_nobody_caught_the_error(runner, caught):
    text = UNCAUGHT
    if caught:
        text = text.replace("thread.start()\n", "", 1).replace("thread.join()\nthread.start()", "")
        text += "try: release()\nexcept RuntimeError as error: print(error)\n"
    runner.write(text)
    done = runner.run("program.py")
    lines = done.stderr.splitlines()
    if caught:
        assert (done.stdout, lines) == ("release unlocked lock\n", [])
        return
    in_thread, in_main = "RuntimeError: release unlocked lock", "RuntimeError: threads can only be started once"
    assert lines[lines.index(in_thread) + 1] == "refused by lock"
    assert lines[-2:] == [in_main, "manyhands: refused by Thread 'worker'"]
