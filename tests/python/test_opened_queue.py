"""Queues between threads that a program has looked into, ours and the standard library's: the same words of both."""

import queue as standard
import threading

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


HOOKS = ("_init", "_put", "_get", "_qsize")
KINDS = ("Queue", "LifoQueue", "PriorityQueue")


def put_in_place(monkeypatch, kind):
    """Gives the class hooks that write down that they are called."""
    calls = []

    def noting(name, hook):
        return lambda queue, *more: (calls.append(name), hook(queue, *more))[1]

    for name in HOOKS:
        monkeypatch.setattr(kind, name, noting(name, getattr(kind, name)))
    return calls


@pytest.mark.parametrize("name", KINDS)
def test_hooks_that_are_put_in_the_place_of_a_class_s_are_called(module, monkeypatch, name):
    kind = getattr(module, name)
    calls = put_in_place(monkeypatch, kind)

    class Derived(kind):
        pass

    for each in (kind, Derived):
        queue = each(2)
        queue.put(1)
        assert queue.get() == 1 and queue.qsize() == 0 and not queue.full()
        assert calls == ["_init", "_qsize", "_put", "_qsize", "_get", "_qsize", "_qsize"]
        del calls[:]
    monkeypatch.undo()
    for each in (queue, kind()):
        each.put(2)
        assert each.get() == 2 and each.empty()
    assert not calls


@pytest.mark.parametrize("when", ["put", "get", "qsize", "full"])
def test_hooks_count_for_a_queue_that_is_there(module, monkeypatch, when):
    queue = module.Queue(3)
    queue.put("first")
    queue.put("second")
    calls = put_in_place(monkeypatch, module.Queue)
    getattr(queue, when)(*["third"] * (when == "put"))
    assert calls == {"put": ["_qsize", "_put"], "get": ["_qsize", "_get"]}.get(when, ["_qsize"])
    monkeypatch.undo()
    left = [queue.get() for _ in range(queue.qsize())]
    assert left == ["first", "second", "third"][when == "get" : 3 if when == "put" else 2]


def test_whoever_waits_for_an_item_gets_it_by_the_hooks_that_there_are_then(module, monkeypatch):
    queue, found = module.Queue(), []
    waiting = threading.Thread(target=lambda: found.append(queue.get()))
    waiting.start()
    calls = put_in_place(monkeypatch, module.Queue)
    queue.put(1)
    waiting.join(60)
    assert found == [1] and calls[-1] == "_get" and "_put" in calls
