"""What a lock and a re-entrant lock do, between threads and between processes, the standard library's and ours."""

import mmap

import pytest


@pytest.fixture(params=["Lock", "RLock"])
def kind(request):
    """Both kinds, where they do the same."""
    return request.param


def take_and_release(lock):
    with lock:
        return True


def try_to_take(lock, *arguments):
    taken = lock.acquire(*arguments)
    if taken:
        lock.release()
    return taken


def test_a_free_lock_is_taken_at_once(place, kind):
    lock = getattr(place, kind)()
    assert lock.acquire() is True
    assert lock.release() is None
    assert lock.acquire(False) is True
    lock.release()
    assert lock.acquire(True, 0.01) is True
    lock.release()


def test_a_held_lock_is_not_taken(place, kind):
    lock = getattr(place, kind)()
    lock.acquire()
    assert place.run(try_to_take, lock, False).end() is False
    assert place.run(try_to_take, lock, True, 0.01).end() is False
    lock.release()
    assert place.run(try_to_take, lock, False).end() is True


def test_who_waits_gets_it(place, kind):
    lock = getattr(place, kind)()
    lock.acquire()
    workers = [place.run_until_it_waits(take_and_release, lock) for _ in range(3)]
    lock.release()
    assert [worker.end() for worker in workers] == [True] * 3


def test_with_gives_back_what_it_took(place, kind):
    lock = getattr(place, kind)()
    with pytest.raises(ZeroDivisionError), lock:
        raise ZeroDivisionError
    assert place.run(try_to_take, lock, False).end() is True


def test_anybody_may_release_a_lock(place):
    lock = place.Lock()
    lock.acquire()
    assert place.run(lock.release).end() is None
    assert lock.acquire(False) is True
    lock.release()


def test_nobody_releases_a_free_lock(place):
    lock = place.Lock()
    for _ in range(2):
        with pytest.raises(place.error):
            lock.release()
    assert lock.acquire(False) is True
    lock.release()
    with pytest.raises(place.error):
        lock.release()


def test_an_rlock_is_taken_again_by_who_has_it(place):
    lock = place.RLock()
    for _ in range(3):
        assert lock.acquire() is True
    for _ in range(2):
        lock.release()
        assert place.run(try_to_take, lock, False).end() is False
    lock.release()
    assert place.run(try_to_take, lock, False).end() is True


def test_only_its_owner_releases_an_rlock(place):
    lock = place.RLock()
    with pytest.raises(place.not_owner):
        lock.release()
    # Taken by another, since a process's child has a copy of what it held.
    given = place.Event()

    def hold():
        with lock:
            given.wait()

    holder = place.run_until_it_waits(hold)
    with pytest.raises(place.not_owner):
        lock.release()
    assert lock.acquire(False) is False
    given.set()
    holder.end()
    assert lock.acquire(False) is True
    lock.release()


def test_bad_arguments(place, kind):
    lock = getattr(place, kind)()
    with pytest.raises(TypeError):
        lock.acquire(True, 1, 2)
    with pytest.raises(TypeError):
        lock.acquire(timeout="soon")
    assert lock.acquire(False) is True
    lock.release()


@pytest.mark.parametrize("how", ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition"])
def test_one_at_a_time(place, how):
    """A number that several add to by reading, yielding and writing is exact."""
    lock = getattr(place, how)()
    number = mmap.mmap(-1, 8)

    def add(times):
        for _ in range(times):
            with lock:
                number[:] = (int.from_bytes(number, "little") + 1).to_bytes(8, "little")

    workers = [place.run(add, 2_000) for _ in range(4)]
    for worker in workers:
        worker.end()
    assert int.from_bytes(number, "little") == 8_000
