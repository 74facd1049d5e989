"""What an event and a barrier do, between threads and between processes, the standard library's and ours."""

import mmap
import threading
import time

import pytest
from observed import eventually


def test_an_event_is_a_flag(place):
    event = place.Event()
    assert event.is_set() is False
    assert event.wait(0) is False
    begun = time.monotonic()
    assert event.wait(0.05) is False
    assert time.monotonic() - begun >= 0.05
    event.set()
    event.set()
    assert event.is_set() is True
    assert event.wait() is True
    event.clear()
    assert event.is_set() is False
    assert event.wait(0) is False


def test_an_event_lets_all_go(place):
    event = place.Event()
    workers = [place.run_until_it_waits(event.wait) for _ in range(4)]
    event.set()
    assert [worker.end() for worker in workers] == [True] * 4
    assert place.run(event.wait).end() is True


def test_a_barrier_lets_go_when_all_have_come(place):
    barrier = place.Barrier(3)
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (3, 0, False)
    for _ in range(2):
        workers = [place.run_until_it_waits(barrier.wait) for _ in range(2)]
        eventually(lambda: barrier.n_waiting == 2)
        last = barrier.wait()
        assert sorted([last, *(worker.end() for worker in workers)]) == [0, 1, 2]
        eventually(lambda: barrier.n_waiting == 0)


def test_one_of_them_acts_before_they_go(place):
    times = mmap.mmap(-1, 1)

    def act():
        times[0] += 1

    barrier = place.Barrier(3, action=act)

    def pass_and_look():
        barrier.wait()
        return times[0]

    workers = [place.run(pass_and_look) for _ in range(3)]
    assert [worker.end() for worker in workers] == [1, 1, 1]


def test_an_action_that_raises_breaks_it(place):
    def fail():
        raise ZeroDivisionError

    barrier = place.Barrier(2, fail)
    waiting = place.run_until_it_waits(barrier.wait)
    with pytest.raises(ZeroDivisionError):
        barrier.wait()
    assert waiting.end() is threading.BrokenBarrierError
    assert barrier.broken is True


def test_abort_breaks_it_and_reset_mends_it(place):
    barrier = place.Barrier(2)
    waiting = place.run_until_it_waits(barrier.wait)
    barrier.abort()
    assert waiting.end() is threading.BrokenBarrierError
    assert barrier.broken is True
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert barrier.broken is False
    waiting = place.run_until_it_waits(barrier.wait)
    assert sorted([barrier.wait(), waiting.end()]) == [0, 1]


def test_reset_sends_those_away_who_wait(place):
    barrier = place.Barrier(2)
    waiting = place.run_until_it_waits(barrier.wait)
    barrier.reset()
    assert waiting.end() is threading.BrokenBarrierError
    eventually(lambda: not barrier.broken)
    assert barrier.n_waiting == 0


def test_a_wait_that_times_out_breaks_it(place):
    barrier = place.Barrier(2, timeout=60)
    waiting = place.run_until_it_waits(barrier.wait)
    with pytest.raises(threading.BrokenBarrierError):
        place.Barrier(2, timeout=0.01).wait()
    assert barrier.broken is False
    assert barrier.wait() in (0, 1)
    waiting.end()
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(timeout=0.01)
    assert barrier.broken is True


def test_a_barrier_of_one_holds_nobody_up(place):
    barrier = place.Barrier(1)
    assert [barrier.wait(), barrier.wait(timeout=0), barrier.wait()] == [0, 0, 0]
