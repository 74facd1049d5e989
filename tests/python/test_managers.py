"""Managers, values and arrays in shared memory, queues that are joined: the standard library's own, over ours."""

import ctypes
import queue as standard
import signal
import threading

import pytest
from conftest import eventually

from manyhands import multiprocessing
from manyhands.multiprocessing import managers, shared_memory


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


class Counter:
    def __init__(self):
        self.count = 0

    def up(self, by):
        self.count += by
        return self.count


class Supervisor(managers.BaseManager):
    """A manager of what this module registers."""


Supervisor.register("Counter", Counter)


def fill(squares, names, number):
    squares[number] = number * number
    names.append(str(number))


def test_a_manager_of_dicts_and_lists(ctx):
    with ctx.Manager() as manager:
        squares, names = manager.dict(), manager.list(["none"])
        children = [ctx.Process(target=fill, args=(squares, names, number)) for number in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert squares.copy() == {0: 0, 1: 1}
        assert sorted(names) == ["0", "1", "none"]
        with pytest.raises(KeyError):
            squares[7]


def test_a_pool_fills_it(ctx):
    with ctx.Manager() as manager, ctx.Pool(2) as pool:
        squares, names = manager.dict(), manager.list()
        pool.starmap(fill, [(squares, names, number) for number in range(5)])
        assert len(squares) == len(names) == 5


def test_what_a_manager_keeps():
    with multiprocessing.Manager() as manager:
        lock, event, waiting = manager.Lock(), manager.Event(), manager.JoinableQueue()
        with lock:
            assert not lock.acquire(False)
        event.set()
        assert event.is_set()
        waiting.put("news")
        assert waiting.get() == "news"
        waiting.task_done()
        waiting.join()
        space = manager.Namespace(kept=1)
        assert space.kept == manager.Value("i", 1).value == manager.Array("i", [0, 1])[1]
        with manager.Pool(1) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2]
        assert manager.Barrier(1).wait() == 0


def test_a_manager_of_ones_own(ctx):
    with Supervisor(ctx=ctx) as supervisor:
        counter = supervisor.Counter()
        assert [counter.up(1), counter.up(4)] == [1, 5]
        other = Supervisor(address=supervisor.address, authkey=multiprocessing.current_process().authkey)
        other.connect()
        assert other.Counter().up(2) == 2


def test_a_manager_that_is_killed_is_missed():
    manager = multiprocessing.Manager()
    kept = manager.list()
    manager._process.kill()
    manager._process.join()
    assert manager._process.exitcode == -signal.SIGKILL
    with pytest.raises((EOFError, ConnectionError, FileNotFoundError)):
        kept.append(1)


def write_first(name):
    block = shared_memory.SharedMemory(name)
    block.buf[0] = 77
    block.close()


def test_shared_memory_with_a_manager(ctx):
    with managers.SharedMemoryManager(ctx=ctx) as manager:
        block = manager.SharedMemory(16)
        child = ctx.Process(target=write_first, args=(block.name,))
        child.start()
        child.join()
        assert block.buf[0] == 77
        assert list(manager.ShareableList([1, "a"])) == [1, "a"]


def change(number, numbers, raw, point):
    for _ in range(500):
        with number.get_lock():
            number.value += 1
    numbers[0] = 9
    raw.value = 3
    point.x, point.y = 4, 2.5


def test_values_and_arrays(ctx):
    number, numbers = ctx.Value("i", 1), ctx.Array("d", [1, 2])
    raw, point = ctx.RawValue("i"), ctx.Value(Point, 1, 1.5, lock=ctx.Lock())
    children = [ctx.Process(target=change, args=(number, numbers, raw, point)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert (number.value, numbers[:], raw.value, point.x, point.y) == (1001, [9, 2], 3, 4, 2.5)
    assert ctx.RawArray("i", 3)[:] == [0, 0, 0]


def hold(number, held):
    with number.get_lock():
        number.value = 5
        held.set()
        signal.pause()


def test_a_killed_process_that_held_a_values_lock(ctx):
    number, held = ctx.Value("i", 1), ctx.Event()
    child = ctx.Process(target=hold, args=(number, held))
    child.start()
    held.wait()
    child.kill()
    child.join()
    with pytest.warns(RuntimeWarning, match="died while it held this lock"), number.get_lock():
        number.value += 1
    assert number.value == 6


def test_values_have_no_name_in_the_file_system(runner):
    runner.write(
        "import multiprocessing, sys, tempfile\n"
        "def audit(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[0], str) and 'pym-' in arguments[0]:\n"
        "        print(arguments[0])\n"
        "sys.addaudithook(audit)\n"
        "value, numbers = multiprocessing.Value('i', 3), multiprocessing.Array('d', 1000)\n"
        "print(value.value, sum(numbers))\n"
    )
    assert runner.run("program.py").stdout == "3 0.0\n"


def work(queue):
    for number in iter(queue.get, None):
        assert number >= 0
        queue.task_done()
    queue.task_done()


def test_a_queue_is_joined(ctx):
    queue = ctx.JoinableQueue(3)
    children = [ctx.Process(target=work, args=(queue,)) for _ in range(2)]
    for child in children:
        child.start()
    for number in range(40):
        queue.put(number)
    queue.join()
    assert queue.empty()
    for _ in children:
        queue.put(None)
    queue.join()
    for child in children:
        child.join()
        assert child.exitcode == 0
    with pytest.raises(ValueError, match="called too many times"):
        queue.task_done()


def test_a_join_waits_for_what_is_put():
    queue = multiprocessing.JoinableQueue()
    queue.join()
    queue.put(1)
    ended = threading.Event()
    waiter = threading.Thread(target=lambda: (queue.join(), ended.set()))
    waiter.start()
    eventually(lambda: queue._cond.statistics()["waiters"] == 1)
    assert queue.get() == 1
    assert not ended.is_set()
    queue.task_done()
    waiter.join()


def test_what_was_not_put_is_not_waited_for(capfd):
    queue = multiprocessing.JoinableQueue(1)
    queue.put(print)
    with pytest.raises(standard.Full):
        queue.put(1, block=False)
    assert queue.get() is print
    queue.task_done()
    queue.put(threading.Lock())
    assert "cannot pickle" in capfd.readouterr().err
    queue.join()
    queue.close()
    with pytest.raises(ValueError, match="is closed"):
        queue.put(2)
    queue.join()
