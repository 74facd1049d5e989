"""Queues between threads, ours and the standard library's: the same words said of both."""

import concurrent.futures
import gc
import queue as standard
import signal
import sys
import threading
import time
import weakref
from collections import deque

import pytest
from calls import titled
from conftest import FREE_THREADED

from manyhands import queue as ours

MODULES = [standard, ours]
LIMIT = 60


@pytest.fixture(params=MODULES, ids=["standard", "ours"])
def module(request):
    return request.param


@pytest.fixture(params=["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def queue(request, module):
    return getattr(module, request.param)()


def in_thread(function, *arguments):
    """Starts a daemon thread, so that a test that fails does not keep the others waiting; gives its end."""
    outcome = deque()

    def run():
        try:
            outcome.append(function(*arguments))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def end():
        thread.join(30)
        assert not thread.is_alive()
        return outcome[0]

    return end


def is_asleep(thread_id):
    with open(f"/proc/self/task/{thread_id}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def waits(function, *arguments):
    """`in_thread`, once the thread sleeps in the call."""
    started = deque()

    def tell_and_call():
        started.append(threading.get_native_id())
        return function(*arguments)

    end = in_thread(tell_and_call)
    deadline = time.monotonic() + 30
    asleep = 0
    while asleep < 20:
        asleep = asleep + 1 if started and is_asleep(started[0]) else 0
        time.sleep(0.001)
        assert time.monotonic() < deadline
    return end


def test_orders(module):
    for kind, order in (
        ("Queue", [3, 1, 2]),
        ("SimpleQueue", [3, 1, 2]),
        ("LifoQueue", [2, 1, 3]),
        ("PriorityQueue", [1, 2, 3]),
    ):
        queue = getattr(module, kind)()
        for item in (3, 1, 2):
            queue.put(item)
        assert queue.qsize() == 3
        assert [queue.get() for _ in range(3)] == order
        assert queue.empty()


def test_objects_are_handed_over_as_they_are(queue):
    item = (1, lambda: None)
    queue.put(item)
    assert queue.get() is item


def test_an_empty_queue(queue):
    for arguments in ((False,), (0,), (True, 0), (True, 0.01)):
        with pytest.raises(standard.Empty):
            queue.get(*arguments)
    with pytest.raises(standard.Empty):
        queue.get_nowait()
    with pytest.raises(ValueError):
        queue.get(timeout=-1)
    queue.put(1)
    with pytest.raises(ValueError):
        queue.get(timeout=-1)
    assert queue.get() == 1


def test_a_waiting_get_gets_what_is_put(queue):
    ends = [waits(queue.get), waits(queue.get, True, 30)]
    queue.put(1)
    queue.put(2)
    assert sorted(end() for end in ends) == [1, 2]


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_bounds(module, kind):
    queue = getattr(module, kind)(2)
    assert queue.maxsize == 2
    queue.put(1)
    assert not queue.full()
    queue.put_nowait(2)
    assert queue.full()
    for arguments in ((3, False), (3, True, 0.01)):
        with pytest.raises(standard.Full):
            queue.put(*arguments)
    with pytest.raises(standard.Full):
        queue.put_nowait(3)
    with pytest.raises(ValueError):
        queue.put(3, timeout=-1)
    end = waits(queue.put, 3)
    assert queue.qsize() == 2
    queue.get()
    end()
    assert queue.qsize() == 2
    queue.maxsize = 3
    queue.put_nowait(4)
    for unlimited in (0, -5):
        queue = getattr(module, kind)(unlimited)
        for item in range(100):
            queue.put_nowait(item)
        assert not queue.full()
        assert queue.maxsize == unlimited


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_join_waits_for_all_to_be_done(module, kind):
    queue = getattr(module, kind)()
    queue.join()
    queue.put(1)
    queue.put(2)
    assert queue.unfinished_tasks == 2
    end = waits(queue.join)
    queue.task_done()
    assert queue.unfinished_tasks == 1
    queue.task_done()
    assert end() is None
    with pytest.raises(ValueError, match="too many times"):
        queue.task_done()
    assert queue.unfinished_tasks == 0


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
@pytest.mark.parametrize("opened", [False, True], ids=["closed", "opened"])
def test_shutdown(kind, opened):
    modules = MODULES if sys.version_info >= (3, 13) else [ours]
    for module in modules:
        queue = getattr(module, kind)(2)
        if opened:
            assert queue.mutex
        queue.put(1)
        queue.put(2)
        putting = waits(queue.put, 3)
        queue.shutdown()
        assert isinstance(putting(), module.ShutDown)
        assert queue.is_shutdown
        with pytest.raises(module.ShutDown):
            queue.put(3)
        assert {queue.get(), queue.get(False)} == {1, 2}
        for _ in range(2):
            with pytest.raises(module.ShutDown):
                queue.get()
        queue = getattr(module, kind)()
        if opened:
            assert queue.mutex
        getting = waits(queue.get)
        queue.shutdown(immediate=True)
        assert isinstance(getting(), module.ShutDown)
        queue = getattr(module, kind)()
        queue.put(1)
        joining = waits(queue.join)
        queue.shutdown(immediate=True)
        assert joining() is None
        assert queue.qsize() == 0


def test_whoever_looks_inside_finds_what_the_standard_class_has(module):
    queue = module.Queue(3)
    queue.put("a")
    queue.put("b")
    with queue.mutex:
        assert list(queue.queue) == ["a", "b"]
        queue.queue.clear()
    assert queue.empty()
    assert queue.unfinished_tasks == 2
    with queue.all_tasks_done:
        assert not queue.all_tasks_done.wait(0.01)
        queue.unfinished_tasks = 0
        queue.all_tasks_done.notify_all()
    queue.join()
    end = waits(queue.get)
    with queue.not_empty:
        queue.queue.append("c")
        queue.not_empty.notify()
    assert end() == "c"
    lifo = module.LifoQueue()
    lifo.put(1)
    lifo.put(2)
    assert lifo.queue == [1, 2]
    assert lifo.get() == 2


def test_a_wait_goes_on_when_somebody_looks_inside(module):
    queue = module.Queue(1)
    getting = waits(queue.get)
    assert not queue.queue
    queue.put(1)
    assert getting() == 1
    queue = module.Queue(1)
    queue.put(1)
    putting, joining = waits(queue.put, 2), waits(queue.join)
    assert len(queue.queue) == 1
    assert queue.get() == 1
    putting()
    queue.task_done()
    queue.task_done()
    joining()


def test_a_destructor_may_look_inside_while_somebody_does():
    looked = []

    class Looking:
        def __init__(self):
            self.itself = self

        def __del__(self):
            other = ours.Queue()
            looked.append((other.mutex, other.queue))
            if len(looked) < 200:
                Looking()

    def look():
        threshold = gc.get_threshold()
        Looking()
        # A collection at every step; a free-threaded interpreter takes that for a wish.
        gc.set_threshold(1, 1, 1)
        try:
            for number in range(20):
                if FREE_THREADED:
                    gc.collect()
                queue = ours.Queue()
                queue.put(number)
                with queue.mutex:
                    assert list(queue.queue) == [number]
        finally:
            gc.set_threshold(*threshold)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive() and looked


def test_all_who_look_inside_at_once_find_the_same():
    for _ in range(100):
        queue = ours.Queue()
        for number in range(5):
            queue.put(number)
        gate = threading.Barrier(4)

        def look(queue=queue, gate=gate):
            gate.wait()
            with queue.mutex:
                return queue.mutex, queue.not_empty, queue.queue, tuple(queue.queue)

        with concurrent.futures.ThreadPoolExecutor(4) as executor:
            found = [future.result(LIMIT) for future in [executor.submit(look) for _ in range(4)]]
        assert all(each[0] is found[0][0] and each[1] is found[0][1] and each[2] is found[0][2] for each in found)
        assert {each[3] for each in found} == {(0, 1, 2, 3, 4)}


def test_subclasses_with_hooks_of_their_own(module):
    class Once(module.Queue):
        def _init(self, maxsize):
            self.queue = {}

        def _put(self, item):
            self.queue[item] = None

        def _get(self):
            return self.queue.popitem()[0]

    class Counting(module.Queue):
        count = 0

        def _put(self, item):
            self.count += 1
            super()._put(item)

    class More(Counting):
        pass

    class Smallest(module.PriorityQueue):
        def put(self, item, *rest):
            super().put((item.real, item), *rest)

    once = Once()
    for item in (1, 1, 2):
        once.put(item)
    assert once.qsize() == 2
    assert {once.get(), once.get()} == {1, 2}
    for kind in (Counting, More):
        counting = kind(1)
        counting.put("a")
        with pytest.raises(standard.Full):
            counting.put("b", False)
        assert (counting.count, counting.get()) == (1, "a")
    smallest = Smallest()
    smallest.put(2)
    smallest.put(1)
    assert smallest.get() == (1, 1)


def test_a_failing_comparison_harms_nobody_else(module):
    queue = module.PriorityQueue()
    queue.put(1)
    with pytest.raises(TypeError):
        queue.put("no number")
    queue.get()


def test_what_waits_in_a_queue_is_collected_with_it(queue):
    class Item:
        def __lt__(self, other):
            return True

    item = Item()
    item.queue = queue
    queue.put(item)
    there = weakref.ref(item)
    del item
    queue = None
    # Fixtures keep the queue itself.
    assert there() is not None
    held = there().queue
    assert held.get() is there()
    cycle = type(held)()
    item = Item()
    item.queue = cycle
    cycle.put(item)
    there = weakref.ref(item)
    del item, cycle
    gc.collect()
    assert there() is None


def test_every_item_goes_to_one_of_many_takers(queue):
    makers = [in_thread(lambda n: [queue.put(n * 5000 + i) for i in range(5000)], n) for n in range(3)]
    takers = [in_thread(lambda: list(iter(queue.get, 10**9))) for _ in range(3)]
    for maker in makers:
        maker()
    # The sentinel is the last in each order but the last-in-first-out one, whose takers go on with what is left.
    for _ in takers:
        queue.put(10**9)
    taken = [item for taker in takers for item in taker()]
    while not queue.empty():
        taken.append(queue.get())
    assert sorted(taken) == list(range(15000))


def test_a_signal_handler_ends_a_wait_and_may_put():
    for kind in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"):
        queue = getattr(ours, kind)()

        def interrupt(number, frame):
            raise InterruptedError

        before = signal.signal(signal.SIGUSR1, interrupt)
        try:
            main = threading.get_native_id()

            def signal_when_asleep(main=main):
                while not is_asleep(main):
                    time.sleep(0.001)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

            end = in_thread(signal_when_asleep)
            with pytest.raises(InterruptedError):
                queue.get(timeout=30)
            end()
            signal.signal(signal.SIGUSR1, lambda *_, queue=queue: queue.put("from a handler"))
            end = in_thread(signal_when_asleep)
            assert queue.get(timeout=30) == "from a handler"
            end()
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_simple_queues_may_be_put_into_by_destructors(module):
    queue = module.SimpleQueue()

    class Telling:
        def __del__(self):
            queue.put("gone")

    for _ in range(1000):
        queue.put(Telling())
    told = 0
    while not queue.empty():
        told += queue.get() == "gone"
    assert told == 1000


def test_other_names():
    assert set(standard.__all__) <= set(ours.__all__)
    assert ours.Empty is standard.Empty
    assert ours.Full is standard.Full
    assert ours.Queue[int].__origin__ is ours.Queue
    assert ours.SimpleQueue[int].__origin__ is ours.SimpleQueue


@pytest.mark.parametrize("name", ["Queue", "SimpleQueue"])
def test_a_subclass_takes_arguments_of_its_own(module, name):
    queue = titled(getattr(module, name))("first", loud=True)
    queue.put(1)
    assert (queue.get(), queue.title) == (1, ("first", True))
    with pytest.raises(TypeError):
        module.SimpleQueue(1)


def test_a_subclass_has_a_flag_called_is_shutdown(module):
    class Flagged(module.Queue):
        def __init__(self):
            super().__init__()
            self.is_shutdown = False

        def stop(self):
            self.is_shutdown = True

    queue = Flagged()
    queue.put(1)
    queue.stop()
    assert queue.is_shutdown
    if sys.version_info < (3, 13):
        queue.put(2)
        assert queue.qsize() == 2
    else:
        with pytest.raises(module.ShutDown):
            queue.put(2)


def test_a_subclass_takes_block_by_name_alone(module):
    class Counting(module.Queue):
        def put(self, item, *, block=True, timeout=None):
            super().put((item, block), block, timeout)

        def get(self, *, block=True, timeout=None):
            return super().get(block, timeout), block

    queue = Counting()
    queue.put_nowait(1)
    assert queue.get_nowait() == ((1, False), False)


@pytest.mark.parametrize(("maxsize", "room"), [(float("inf"), 5), (2**70, 5), (-(2**70), 5), (1.5, 2), (-0.5, 5)])
def test_a_limit_is_any_number(module, maxsize, room):
    queue = module.Queue(maxsize)
    assert queue.maxsize == maxsize
    for number in range(room):
        assert not queue.full()
        queue.put_nowait(number)
    assert queue.full() == (room < 5)


@pytest.mark.parametrize("name", ["put", "get"])
def test_an_error_names_the_method_that_was_called(module, name):
    with pytest.raises(TypeError, match=rf"^Queue\.{name}\(\) got an unexpected keyword argument '?nothing"):
        getattr(module.Queue(), name)(*[1] * (name == "put"), nothing=1)
