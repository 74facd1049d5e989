"""Queues between processes: order, bounds, time-outs, what travels and as what, closing, kills."""

import math
import os
import queue as standard
import signal
import threading
import time

import pytest

from manyhands import _engine, multiprocessing
from manyhands.multiprocessing import queues


def echo(source, target):
    for value in iter(source.get, "end"):
        target.put(value)


def produce(queue, number, count):
    for index in range(count):
        queue.put((number, index))


def put_for_ever(queue):
    while True:
        queue.put(b"x" * 50_000)


class Named:
    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return type(self) is type(other) and self.name == other.name

    __hash__ = None


class Unpicklable:
    def __reduce__(self):
        raise AttributeError("not this one")


class Unloadable:
    def __reduce__(self):
        return int, ("no number",)


VALUES = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, 1.5, math.inf, "", "text", "ünï¢ödé", "\ud800", "x" * 100_000,
    b"", b"bytes", b"y" * 1_000_000, bytearray(b"z" * 300_000), [1, [2, {"three": (4,)}]], {"a": {1, 2}}, Named("one"),
    len, Named, multiprocessing.Process,
]  # fmt: skip


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue"])
def test_what_travels(ctx, kind):
    there, back = getattr(ctx, kind)(), getattr(ctx, kind)()
    child = ctx.Process(target=echo, args=(there, back))
    child.start()
    for value in VALUES:
        there.put(value)
        got = back.get()
        assert type(got) is type(value)
        assert got == value
    there.put("end")
    child.join()


def test_arrays(ctx):
    numpy = pytest.importorskip("numpy")
    there, back = ctx.Queue(), ctx.Queue()
    child = ctx.Process(target=echo, args=(there, back))
    child.start()
    for size in (10, 10_000, 1_000_000):
        array = numpy.arange(size, dtype=float)
        both = {"whole": array, "part": array[::2], "order": numpy.asfortranarray(array.reshape(2, -1))}
        there.put(both)
        array[:] = -1  # what was put is as it was then
        got = back.get(timeout=30)
        assert got["whole"].sum() == sum(range(size))
        assert (got["part"] == numpy.arange(size, dtype=float)[::2]).all()
        assert got["order"].flags.f_contiguous
        got["whole"][:] = 7  # and what was got is the receiver's own
        assert (got["whole"] == 7).all()
    there.put("end")
    child.join()


def test_blocks_are_given_back():
    numpy = pytest.importorskip("numpy")
    queue = multiprocessing.Queue()
    held = []
    for _ in range(50):
        queue.put(numpy.zeros(1_000_000))
        held.append(queue.get())
    before = _memory()
    held.clear()
    for _ in range(200):
        queue.put(numpy.zeros(1_000_000))
        queue.get()
    assert _memory() <= before


def _memory():
    """How much of the arena is in use, in bytes of the file that is its memory."""
    for fd in os.listdir("/proc/self/fd"):
        try:
            if "memfd:manyhands" in os.readlink(f"/proc/self/fd/{fd}"):
                return os.stat(f"/proc/self/fd/{fd}").st_blocks * 512
        except OSError:
            continue
    raise AssertionError("no arena")


def test_many_producers_each_in_order(ctx):
    queue = ctx.Queue(7)
    children = [ctx.Process(target=produce, args=(queue, number, 500)) for number in range(3)]
    for child in children:
        child.start()
    seen = {0: 0, 1: 0, 2: 0}
    for _ in range(1500):
        number, index = queue.get(timeout=30)
        assert seen[number] == index
        seen[number] += 1
    assert queue.empty()
    for child in children:
        child.join()


def test_bounds():
    queue = multiprocessing.Queue(2)
    queue.put(1)
    assert (queue.qsize(), queue.empty(), queue.full()) == (1, False, False)
    queue.put([2])
    assert (queue.qsize(), queue.empty(), queue.full()) == (2, False, True)
    for attempt in (
        lambda: queue.put(3, False),
        lambda: queue.put([3], False),
        lambda: queue.put_nowait(3),
        lambda: queue.put(3, timeout=0.02),
        lambda: queue.put(3, True, -1),
    ):
        with pytest.raises(standard.Full):
            attempt()
    assert [queue.get(), queue.get()] == [1, [2]]
    for attempt in (
        lambda: queue.get(False),
        lambda: queue.get_nowait(),
        lambda: queue.get(timeout=0.02),
        lambda: queue.get(timeout=-1),
    ):
        with pytest.raises(standard.Empty):
            attempt()


def test_a_bound_below_one_is_none():
    for bound in (0, -5):
        queue = multiprocessing.Queue(bound)
        for number in range(10_000):
            queue.put(number)
        assert not queue.full()
        assert queue.qsize() == 10_000


def test_a_full_queue_waits_for_room():
    queue = multiprocessing.Queue(1)
    queue.put(1)
    threading.Timer(0.1, queue.get).start()
    begun = time.monotonic()
    queue.put(2, timeout=30)
    assert time.monotonic() - begun >= 0.05


def test_what_cannot_be_pickled_is_reported_and_dropped(capfd):
    queue = multiprocessing.Queue(1)
    queue.put(Unpicklable())
    queue.put("next")
    assert queue.get() == "next"
    error = capfd.readouterr().err
    assert error.startswith("Traceback")
    assert "AttributeError: not this one" in error


def test_the_report_may_be_overridden():
    told = []

    class Telling(queues.Queue):
        @staticmethod
        def _on_queue_feeder_error(e, obj):
            told.append((e, obj))

    queue = Telling(ctx=multiprocessing.get_context())
    wrong = Unpicklable()
    queue.put(wrong)
    assert isinstance(told[0][0], AttributeError)
    assert told[0][1] is wrong


def test_a_simple_queue_raises_it():
    queue = multiprocessing.SimpleQueue()
    with pytest.raises(AttributeError, match="not this one"):
        queue.put(Unpicklable())
    assert queue.empty()


def test_what_cannot_be_unpickled_is_the_receivers_error():
    queue = multiprocessing.Queue()
    queue.put(Unloadable())
    queue.put(1)
    with pytest.raises(ValueError, match="no number"):
        queue.get()
    assert queue.get() == 1


def test_closing():
    queue = multiprocessing.Queue()
    with pytest.raises(AssertionError, match="not closed"):
        queue.join_thread()
    queue.put(1)
    queue.close()
    queue.close()
    queue.join_thread()
    queue.cancel_join_thread()
    with pytest.raises(ValueError, match=r"Queue <.*\.Queue object at 0x\w+> is closed"):
        queue.put(2)
    with pytest.raises(ValueError, match="is closed"):
        queue.get()
    simple = multiprocessing.SimpleQueue()
    simple.close()
    for use in (lambda: simple.put(1), simple.get, simple.empty):
        with pytest.raises(OSError, match="handle is closed"):
            use()


def look_closed(queue, results):
    queue.close()
    results.put(queue.empty())


@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
def test_what_a_closed_queue_still_tells(ctx, kind):
    queue, results = getattr(ctx, kind)(3), ctx.Queue()
    queue.put(1)
    queue.put(print)
    child = ctx.Process(target=look_closed, args=(queue, results))
    child.start()
    # It has put nothing there, so it has kept the end that it looks through.
    assert results.get() is False
    child.join()
    queue.close()
    assert (queue.full(), queue.qsize()) == (False, 2)
    with pytest.raises(OSError, match="handle is closed"):
        queue.empty()
    unused = getattr(ctx, kind)()
    unused.close()
    assert unused.empty()


def test_closing_is_a_matter_of_one_process():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    back = context.Queue()
    queue.put(1)
    queue.close()
    child = context.Process(target=lambda: back.put(queue.get()))
    child.start()
    assert back.get(timeout=30) == 1
    child.join()


def test_what_was_put_is_not_lost_with_the_process(ctx):
    queue = ctx.Queue()
    child = ctx.Process(target=produce, args=(queue, 1, 100))
    child.start()
    child.join()
    assert [queue.get(timeout=1)[1] for _ in range(100)] == list(range(100))


def test_killed_producers_tear_no_message(ctx):
    queue = ctx.Queue(5)
    for _ in range(5):
        child = ctx.Process(target=put_for_ever, args=(queue,))
        child.start()
        for _ in range(20):
            assert queue.get(timeout=30) == b"x" * 50_000
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        while True:
            try:
                assert queue.get(timeout=0.2) == b"x" * 50_000
            except standard.Empty:
                break
    queue.put("still there")
    assert queue.get() == "still there"


def test_generic_alias():
    assert queues.Queue[int].__args__ == (int,)
    assert issubclass(queues.Queue, _engine.Queue)


class Labelled(queues.Queue):
    def __init__(self, label, most):
        super().__init__(most, ctx=multiprocessing.get_context())
        self.label = label


def tell_label(labelled):
    labelled.put(labelled.label)


def test_a_subclass_with_arguments_of_its_own(ctx):
    labelled = Labelled("the label", 1)
    child = ctx.Process(target=tell_label, args=(labelled,))
    child.start()
    assert labelled.get(timeout=30) == "the label"
    child.join()


def test_whether_to_wait_is_said_by_anything_true_or_false(ctx):
    queue = ctx.Queue(1)
    queue.put("only", 1)
    with pytest.raises(standard.Full):
        queue.put("too many", 0)
    assert queue.get(1, 5) == "only"
    with pytest.raises(standard.Empty):
        queue.get(0)
    with pytest.raises(standard.Empty):
        queue.get("", 5)


class Counting(queues.Queue):
    """Pickles with what it keeps, as subclasses of the standard library's queue do."""

    def __init__(self):
        super().__init__(ctx=multiprocessing.get_context())
        self.count = multiprocessing.Semaphore(5)

    def __getstate__(self):
        return {"queue": super().__getstate__(), "count": self.count}

    def __setstate__(self, state):
        super().__setstate__(state["queue"])
        self.count = state["count"]


def count_down(counting):
    counting.count.acquire()
    counting.put(counting.count.get_value())


def test_a_subclass_that_pickles_itself(ctx):
    counting = Counting()
    child = ctx.Process(target=count_down, args=(counting,))
    child.start()
    assert counting.get(timeout=30) == 4
    assert counting.count.get_value() == 4
    child.join()


def test_a_stale_handle():
    queue = multiprocessing.Queue()
    handle = queue._manyhands_handle
    del queue
    late = queues.Queue.__new__(queues.Queue)
    with pytest.raises(ValueError, match=r"this queue \(number \d+\) is gone"):
        late._manyhands_open(0, handle)
    with pytest.raises(RuntimeError, match="was not called"):
        late.put(1)
