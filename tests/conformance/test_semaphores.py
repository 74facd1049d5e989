"""What a semaphore and a bounded one do, between threads and between processes, the standard library's and ours."""

import pytest


@pytest.fixture(params=["Semaphore", "BoundedSemaphore"])
def kind(request):
    """Both kinds, where they do the same."""
    return request.param


def try_to_take(semaphore, *arguments):
    return semaphore.acquire(*arguments)


def test_as_many_permits_as_it_was_made_with(place, kind):
    semaphore = getattr(place, kind)(3)
    assert [semaphore.acquire(False) for _ in range(4)] == [True, True, True, False]
    semaphore.release()
    assert place.run(try_to_take, semaphore, False).end() is True
    assert semaphore.acquire(False) is False
    assert semaphore.acquire(True, 0.01) is False


def test_one_permit_if_nothing_is_said(place, kind):
    semaphore = getattr(place, kind)()
    assert [semaphore.acquire(False) for _ in range(2)] == [True, False]


def test_permits_have_no_owner(place):
    semaphore = place.Semaphore(0)
    assert semaphore.acquire(False) is False
    place.run(semaphore.release).end()
    assert semaphore.acquire(False) is True


def test_who_waits_gets_a_permit_each(place, kind):
    semaphore = getattr(place, kind)(2)
    for _ in range(2):
        semaphore.acquire()
    workers = [place.run_until_it_waits(semaphore.acquire) for _ in range(2)]
    semaphore.release()
    semaphore.release()
    assert [worker.end() for worker in workers] == [True, True]
    assert semaphore.acquire(False) is False


def test_with_gives_back_what_it_took(place, kind):
    semaphore = getattr(place, kind)(1)
    with pytest.raises(ZeroDivisionError), semaphore:
        raise ZeroDivisionError
    assert semaphore.acquire(False) is True


def test_only_a_bounded_one_has_a_bound(place):
    semaphore = place.Semaphore(1)
    semaphore.release()
    assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]

    bounded = place.BoundedSemaphore(1)
    with pytest.raises(ValueError):
        bounded.release()
    assert [bounded.acquire(False) for _ in range(2)] == [True, False]
    bounded.release()
    with pytest.raises(ValueError):
        bounded.release()


def test_no_semaphore_below_zero(place, kind):
    with pytest.raises((ValueError, OSError)):
        getattr(place, kind)(-1)
