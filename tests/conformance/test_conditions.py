"""What a condition does, between threads and between processes, the standard library's and ours."""

import mmap
import time

import pytest


@pytest.fixture
def condition(place):
    """A condition of each place."""
    return place.Condition()


def wait(condition, timeout=None):
    with condition:
        return condition.wait(timeout)


def is_free(place, condition):
    """Whether another worker could take the condition's lock now."""

    def look():
        taken = condition.acquire(False)
        if taken:
            condition.release()
        return taken

    return place.run(look).end()


def test_it_is_a_lock(place, condition):
    assert condition.acquire() is True
    assert is_free(place, condition) is False
    condition.release()
    assert is_free(place, condition) is True
    with condition:
        assert is_free(place, condition) is False


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_it_takes_a_lock_that_is_there(place, kind):
    lock = getattr(place, kind)()
    condition = place.Condition(lock)
    waiting = place.run_until_it_waits(wait, condition)
    with lock:
        condition.notify()
    assert waiting.end() is True


def test_nobody_waits_or_notifies_without_the_lock(place, condition):
    for call in (condition.wait, condition.notify, condition.notify_all):
        with pytest.raises(place.not_owner):
            call()
    assert is_free(place, condition) is True


def test_waiting_gives_the_lock_back_and_takes_it_again(place, condition):
    def wait_and_look():
        with condition:
            condition.wait()
            # Taken twice by one: only an owner can.
            return condition.acquire(False) and (condition.release() or True)

    waiting = place.run_until_it_waits(wait_and_look)
    with condition:
        condition.notify()
        assert is_free(place, condition) is False
    assert waiting.end() is True


def test_all_holds_of_a_reentrant_lock_are_given_back(place, condition):
    def wait_in_the_third():
        with condition, condition, condition:
            return condition.wait()

    waiting = place.run_until_it_waits(wait_in_the_third)
    with condition:
        condition.notify()
    assert waiting.end() is True
    assert is_free(place, condition) is True


def test_a_wait_can_time_out(place, condition):
    with condition:
        begun = time.monotonic()
        assert condition.wait(0.05) is False
        assert time.monotonic() - begun >= 0.05
        assert is_free(place, condition) is False


def test_as_many_go_on_as_are_notified(place, condition):
    gone_on = place.queue()

    def wait_and_tell():
        wait(condition)
        gone_on.put(True)

    workers = [place.run_until_it_waits(wait_and_tell) for _ in range(5)]
    with condition:
        condition.notify()
    assert gone_on.get()
    with condition:
        condition.notify(2)
    assert gone_on.get() and gone_on.get()
    assert gone_on.empty()
    with condition:
        condition.notify_all()
    for worker in workers:
        worker.end()


def test_a_notification_is_not_kept(place, condition):
    with condition:
        condition.notify_all()
        assert condition.wait(0.01) is False


def test_wait_for_looks_again(place, condition):
    number = mmap.mmap(-1, 1)

    def wait_for_three():
        with condition:
            return condition.wait_for(lambda: number[0] == 3)

    waiting = place.run_until_it_waits(wait_for_three)
    for _ in range(3):
        with condition:
            number[0] += 1
            condition.notify_all()
    assert waiting.end() is True
    with condition:
        assert condition.wait_for(lambda: number[0] == 4, timeout=0.02) is False
        assert condition.wait_for(lambda: "", timeout=0.02) == ""
        assert condition.wait_for(lambda: "now") == condition.wait_for(lambda: "now", timeout=0) == "now"
