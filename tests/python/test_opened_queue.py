"""Queues between threads that a program has looked into, ours and the standard library's: the same words of both."""

import queue as standard

import pytest

from manyhands import queue as ours


@pytest.fixture(params=[standard, ours], ids=["standard", "ours"])
def module(request):
    return request.param


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_it_lists_no_name_that_it_did_not_list_before(module, kind):
    queue = getattr(module, kind)()
    before = dir(queue)
    with queue.mutex:
        assert not queue.queue
    queue.put(1)
    assert dir(queue) == before


@pytest.mark.parametrize("hooked", [False, True], ids=["opened", "hooked"])
def test_it_waits_by_its_condition_and_by_the_clock_of_the_module(module, monkeypatch, hooked):
    """As tests of programs have it: a `wait` of their own, and a `queue.time`."""

    class Own(module.Queue):
        if hooked:

            def _init(self, maxsize):
                super()._init(maxsize)

    now, waits = 100.0, []

    def wait(seconds=None):
        nonlocal now
        waits.append(seconds)
        if seconds is None:
            raise InterruptedError
        now += 2.0
        return True

    monkeypatch.setattr(standard, "time", lambda: now)
    queue = Own(1)
    for name in ("not_empty", "not_full", "all_tasks_done"):
        monkeypatch.setattr(getattr(queue, name), "wait", wait)
    with pytest.raises(standard.Empty):
        queue.get(timeout=3)
    queue.put("a")
    with pytest.raises(standard.Full):
        queue.put("b", timeout=5)
    assert waits == [3, 1, 5, 3, 1]
    for calls in (queue.join, lambda: queue.put("b")):
        with pytest.raises(InterruptedError):
            calls()
    queue.get()
    with pytest.raises(InterruptedError):
        queue.get()
    assert waits[5:] == [None] * 3
