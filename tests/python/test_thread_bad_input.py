"""What makes no sense between threads is refused with the standard type, in words that name the object."""

import pytest

from manyhands import Banker, futures, queue, threading


def refused(kind, call, words, about):
    """The call is refused in the standard library's words, followed by what they are about."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert words in str(caught.value) and about in str(caught.value)


def test_a_release_of_what_is_not_held():
    lock, rlock, semaphore = threading.Lock(), threading.RLock(), threading.BoundedSemaphore(1)
    refused(RuntimeError, lock.release, "release unlocked lock", repr(lock))
    refused(RuntimeError, rlock.release, "cannot release un-acquired lock", repr(rlock))
    refused(ValueError, semaphore.release, "released too many times", repr(semaphore))
    assert lock.acquire(False) and rlock.acquire(False) and semaphore.acquire(False)
    assert not semaphore.acquire(False)


def test_a_release_of_anothers_lock():
    rlock = threading.RLock()
    other = threading.Thread(target=rlock.acquire)
    other.start()
    other.join()
    refused(RuntimeError, rlock.release, "cannot release un-acquired lock", repr(rlock))
    assert not rlock.acquire(False)


@pytest.mark.parametrize("call", ["notify", "notify_all", "wait"])
def test_a_condition_whose_lock_is_free(call):
    condition = threading.Condition()
    refused(RuntimeError, getattr(condition, call), "un-acquired lock", repr(condition))
    assert condition.acquire(False)


def test_a_barrier_for_nobody():
    refused(ValueError, lambda: threading.Barrier(0), "parties must be > 0", "a barrier has between 1 and")


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
@pytest.mark.parametrize("opened", [False, True])
def test_a_put_after_shutdown(kind, opened):
    items = kind()
    if opened:
        assert items.mutex is not None
    items.shutdown()
    refused(queue.ShutDown, lambda: items.put(1), "was shut down", repr(items))
    refused(queue.ShutDown, items.get, "was shut down", repr(items))
    assert items.qsize() == 0


@pytest.mark.parametrize("kind", [futures.ThreadPoolExecutor, futures.ProcessPoolExecutor])
def test_a_submit_after_shutdown(kind):
    executor = kind(1)
    executor.shutdown()
    refused(RuntimeError, lambda: executor.submit(print), "cannot schedule new futures after shutdown", repr(executor))


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_a_cancelled_future(ask):
    future = futures.Future()
    future.cancel()
    refused(futures.CancelledError, getattr(future, ask), "cancelled", repr(future))
    assert future.cancelled()


def test_a_thread_that_is_started_twice():
    ran = []
    thread = threading.Thread(target=ran.append, args=(1,), name="worker")
    refused(RuntimeError, thread.join, "cannot join thread before it is started", "worker")
    thread.start()
    refused(RuntimeError, thread.start, "threads can only be started once", "worker")
    thread.join()
    refused(RuntimeError, thread.start, "threads can only be started once", repr(thread))
    assert ran == [1]


def test_a_thread_that_joins_itself():
    told = []

    def join():
        try:
            threading.current_thread().join()
        except RuntimeError as error:
            told.append(str(error))

    thread = threading.Thread(target=join, name="worker")
    thread.start()
    thread.join()
    assert told[0].startswith("cannot join current thread: <Thread(worker, started")
    main = threading.main_thread()
    refused(RuntimeError, main.join, "cannot join current thread", repr(main))


def test_a_claim_beyond_the_total():
    banker = Banker({"memory": 4})
    refused(ValueError, lambda: banker.claim("greedy", memory=5), "declares 5 of memory, and there are 4", "greedy")
    with banker.claim("modest", memory=4) as claim, claim.request(memory=4):
        pass
