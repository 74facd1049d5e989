"""How a manager is called: through shared memory, or through sockets by plain clients; and what its end means."""

import gc
import os
import queue as standard_queue
import signal
import subprocess
import sys
import threading

import pytest
from conftest import LIMIT, eventually

from manyhands import _engine, futures, multiprocessing
from manyhands.multiprocessing import managers


class Counter:
    def __init__(self):
        self.count = 0

    def up(self, by=1):
        self.count += by
        return self.count

    def wait_for(self, path):
        eventually(lambda: os.path.exists(path))
        return "there"


class Counting(managers.SyncManager):
    """A manager with a type of this module's."""


Counting.register("Counter", Counter)


@pytest.fixture
def manager(ctx):
    with Counting(ctx=ctx) as made:
        yield made


@pytest.fixture
def stopped(manager):
    """A manager whose server does nothing."""
    os.kill(manager._process.pid, signal.SIGSTOP)
    yield manager
    os.kill(manager._process.pid, signal.SIGCONT)


def warmed(manager):
    """Has this process learn which server it is, and gives the manager."""
    assert manager.dict(known=True)["known"]
    return manager


def test_what_stands_in_shared_memory_needs_no_server(manager):
    warmed(manager)
    os.kill(manager._process.pid, signal.SIGSTOP)
    try:
        queue = manager.Queue(1)
        queue.put("news", timeout=5)
        assert queue.full() and queue.qsize() == 1
        with pytest.raises(standard_queue.Full):
            queue.put_nowait(2)
        assert queue.get() == "news"
        queue.task_done()
        queue.join()
        with pytest.raises(ValueError, match="called too many times"):
            queue.task_done()
        with pytest.raises(standard_queue.Empty):
            queue.get(timeout=0.01)
        lock, again = manager.Lock(), manager.RLock()
        with lock, again, again:
            assert not lock.acquire(False)
            assert again.acquire(timeout=1)
            again.release()
        for free in (lock, again):
            with pytest.raises(RuntimeError, match=r"release unlocked lock|cannot release un-acquired lock"):
                free.release()
        permits = manager.BoundedSemaphore(2)
        assert permits.acquire() and permits.acquire() and not permits.acquire(blocking=False)
        permits.release()
        permits.release()
        with pytest.raises(ValueError, match="Semaphore released too many times"):
            permits.release()
        event = manager.Event()
        assert not event.wait(0.01)
        event.set()
        assert event.wait() and event.is_set()
        condition = manager.Condition(lock)
        with pytest.raises(RuntimeError, match="cannot wait on un-acquired lock"):
            condition.wait()
        with condition:
            assert not condition.wait(0.01)
            condition.notify_all()
        barrier = manager.Barrier(1)
        assert (barrier.wait(), barrier.parties, barrier.n_waiting, barrier.broken) == (0, 1, 0, False)
    finally:
        os.kill(manager._process.pid, signal.SIGCONT)


@pytest.mark.parametrize("module", ["manyhands.multiprocessing", "multiprocessing"])
def test_errors_of_arguments_are_those_of_the_standard_library(runner, module):
    runner.write(
        "import queue, sys\n"
        f"from {module} import Manager\n"
        "def tell(act):\n"
        "    try:\n"
        "        print(act())\n"
        "    except BaseException as error:\n"
        "        print(type(error).__name__, error)\n"
        "if __name__ == '__main__':\n"
        "    with Manager() as manager:\n"
        "        q, lock, rlock = manager.Queue(1), manager.Lock(), manager.RLock()\n"
        "        tell(lambda: q.put(1, timeout=-1))\n"
        "        tell(lambda: q.get(timeout=-1))\n"
        "        tell(lambda: q.get(False, -1))\n"
        "        tell(lambda: q.put(1) or q.put(1, timeout=0))\n"
        "        tell(lambda: lock.acquire(False, 1))\n"
        "        tell(lambda: lock.acquire(True, -2))\n"
        "        tell(lambda: rlock.acquire(True, -2))\n"
        "        tell(lambda: lock.release())\n"
        "        tell(lambda: rlock.release())\n"
        "        tell(lambda: manager.Semaphore().acquire(False, 1))\n"
        "        tell(lambda: manager.Condition().notify())\n"
        "        tell(lambda: manager.Condition().wait(0))\n"
        "        tell(lambda: type(q).__name__)\n"
        "        tell(lambda: repr(q).partition(' at ')[0])\n"
        "        tell(lambda: str(q).partition(' at ')[0])\n"
        "        tell(lambda: sorted(name for name in dir(q) if name[0] != '_' and name != 'shutdown'))\n"
        "        tell(lambda: sorted(name for name in dir(lock) if name[0] != '_'))\n"
        "        tell(lambda: q._callmethod('qsize'))\n"
    )
    plain = runner.run("program.py", manyhands=False) if module == "multiprocessing" else None
    ours = runner.run("program.py", manyhands=module == "multiprocessing")
    assert (ours.returncode, ours.stderr) == (0, "")
    if plain is not None:
        assert ours.stdout == plain.stdout


def take(queue, lock, into):
    for number in iter(queue.get, None):
        with lock:
            into.append(number)
        queue.task_done()
    queue.task_done()


def test_proxies_travel_to_processes_and_pools(ctx, manager):
    queue, lock, into = manager.JoinableQueue(), manager.Lock(), manager.list()
    children = [ctx.Process(target=take, args=(queue, lock, into)) for _ in range(2)]
    for child in children:
        child.start()
    for number in range(20):
        queue.put(number)
    queue.join()
    for _ in children:
        queue.put(None)
    for child in children:
        child.join()
    with ctx.Pool(1) as pool:
        queue.put(20)
        queue.put(None)
        pool.apply(take, (queue, lock, into))
    assert sorted(into) == list(range(21))


def test_proxies_stand_in_a_managers_objects(manager):
    table, queue = manager.dict(), manager.Queue()
    table["queue"], table["lock"], table["list"] = queue, manager.Lock(), manager.list([1])
    table["queue"].put("through it")
    assert queue.get() == "through it"
    with table["lock"]:
        assert not table["lock"].acquire(False)
    table["list"].append(2)
    assert list(table["list"]) == [1, 2]


def put_new_lists(manager_address, key, queue):
    manager = managers.SyncManager(address=manager_address, authkey=key)
    manager.connect()
    for number in range(3):
        queue.put([manager.list([number])])


def test_what_was_put_into_a_managers_queue_outlives_the_one_that_put_it(ctx, manager):
    queue, bounded = manager.Queue(), manager.Queue(1)
    child = ctx.Process(target=put_new_lists, args=(manager.address, bytes(manager._authkey), queue))
    child.start()
    child.join()
    assert [list(queue.get()[0]) for _ in range(3)] == [[0], [1], [2]]
    gc.collect()
    before = manager._number_of_objects()
    bounded.put(1)
    for _ in range(5):
        with pytest.raises(standard_queue.Full):
            bounded.put(manager.list([1]), False)
    gc.collect()
    assert manager._number_of_objects() == before


@pytest.mark.skipif(sys.version_info < (3, 13), reason="queues are shut down from Python 3.13 on")
def test_a_managers_queue_is_shut_down(manager):
    queue, other = manager.Queue(), manager.Queue()
    queue.put(1)
    queue.shutdown()
    with pytest.raises(standard_queue.ShutDown):
        queue.put(2)
    assert queue.get() == 1
    with pytest.raises(standard_queue.ShutDown):
        queue.get()
    other.put(1)
    other.shutdown(immediate=True)
    with pytest.raises(standard_queue.ShutDown):
        other.get(timeout=1)
    other.join()


def give_back(numbers):
    return numbers


def test_calls_and_answers_keep_what_they_name(ctx, manager):
    with futures.ProcessPoolExecutor(2, mp_context=ctx) as executor:
        answers = executor.map(give_back, [manager.list([number]) for number in range(20)])
        assert [list(answer) for answer in answers] == [[number] for number in range(20)]
    with ctx.Pool(2) as pool:
        calls = [pool.apply_async(give_back, (manager.list([number]),)) for number in range(20)]
        assert [list(call.get()) for call in calls] == [[number] for number in range(20)]


def test_another_key_is_refused_though_this_thread_has_a_line(manager):
    assert manager.Counter().up() == 1
    with pytest.raises(multiprocessing.AuthenticationError):
        managers.SyncManager(address=manager.address, authkey=b"guess").connect()


class Unreadable:
    """Something of which neither direction works."""

    def __reduce__(self):
        raise FileNotFoundError(2, "No such file or directory", "/no/such/file")


def test_an_error_of_pickling_is_no_end_of_the_manager(manager):
    table = manager.dict(a=1)
    with pytest.raises(FileNotFoundError) as raised:
        table["b"] = Unreadable()
    assert raised.value.filename == "/no/such/file" and table["a"] == 1


def test_the_same_empty_dictionary_stays_the_same(manager):
    kept, empty = manager.list(), {}
    kept.append((empty, empty))
    first, second = kept[0]
    first["a"] = 1
    assert second == {"a": 1}


def wait_for_ever(how, proxies, ended):
    counter, queue, event = proxies
    try:
        if how == "call":
            counter.wait_for("/nowhere")
        elif how == "get":
            queue.get()
        else:
            event.wait()
    except (EOFError, ConnectionError) as error:
        ended.put(str(error))


@pytest.mark.parametrize("end", ["kill", "shutdown"])
@pytest.mark.parametrize("how", ["call", "get", "wait"])
def test_the_end_of_a_manager_ends_all_waits(ctx, how, end):
    manager = Counting(ctx=ctx)
    manager.start()
    proxies, ended = (manager.Counter(), manager.Queue(), manager.Event()), ctx.Queue()
    child = ctx.Process(target=wait_for_ever, args=(how, proxies, ended))
    child.start()
    eventually(lambda: "futex" in kernel_wait(child.pid))
    if end == "kill":
        manager._process.kill()
        manager._process.join()
    else:
        manager.shutdown()
    assert "has ended" in ended.get(timeout=LIMIT)
    child.join()
    assert child.exitcode == 0
    for act in (proxies[0].up, proxies[1].empty, proxies[2].is_set):
        eventually(lambda act=act: raises_its_end(act))


def test_a_manager_ends_in_good_order(ctx):
    with Counting(ctx=ctx) as manager:
        assert manager.Counter().up() == 1
        server = manager._process
    assert server.exitcode == 0


def kernel_wait(pid):
    with open(f"/proc/{pid}/wchan") as file:
        return file.read()


def raises_its_end(act):
    try:
        act()
    except (EOFError, ConnectionError, FileNotFoundError) as error:
        assert "the manager" in str(error)
        return True
    return False


def test_a_killed_client_costs_its_call(ctx, manager, tmp_path):
    counter = manager.Counter()
    child = ctx.Process(target=counter.wait_for, args=(str(tmp_path / "later"),))
    child.start()
    assert counter.up() == 1
    child.kill()
    child.join()
    assert counter.up() == 2
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert sorted(pool.map(counter.up, [1, 1])) == [3, 4]


def test_what_a_killed_client_held_comes_free(ctx, manager):
    lock, held = manager.Lock(), manager.Event()
    child = ctx.Process(target=hold, args=(lock, held))
    child.start()
    held.wait()
    child.kill()
    child.join()
    with pytest.warns(RuntimeWarning, match="died while it held this lock"):
        assert lock.acquire(timeout=LIMIT)


def hold(lock, held):
    lock.acquire()
    held.set()
    signal.pause()


class Interrupt(Exception):
    """What the handler raises."""


def test_an_interrupted_call_leaves_the_next_one_its_own_answer(manager, tmp_path):
    counter, path = manager.Counter(), tmp_path / "later"

    def interrupt(signum, frame):
        raise Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Interrupt):
            counter.wait_for(str(path))
    finally:
        signal.signal(signal.SIGALRM, before)
    path.touch()
    assert [counter.up(), counter.up(10)] == [1, 11]


def test_a_signal_handler_calls_in_the_midst_of_a_call(manager, tmp_path):
    counter, path = manager.Counter(), tmp_path / "later"

    def call(signum, frame):
        assert counter.up() == 1
        path.touch()

    before = signal.signal(signal.SIGALRM, call)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert counter.wait_for(str(path)) == "there"
    finally:
        signal.signal(signal.SIGALRM, before)
    assert counter.up() == 2


def test_threads_call_at_the_same_time(manager, tmp_path):
    counter, path, answers = manager.Counter(), tmp_path / "later", []
    slow = threading.Thread(target=lambda: answers.append(counter.wait_for(str(path))))
    slow.start()
    quick = [threading.Thread(target=counter.up) for _ in range(8)]
    for thread in quick:
        thread.start()
    for thread in quick:
        thread.join()
    assert counter.up(0) == 8 and not answers
    path.touch()
    slow.join()
    assert answers == ["there"]


PLAIN = """
import sys
from multiprocessing.managers import SyncManager, BaseManager

class Remote(SyncManager):
    pass

Remote.register("shared")
if __name__ == "__main__":
    address = eval(sys.argv[1])
    manager = Remote(address=address, authkey=b"a key")
    manager.connect()
    numbers = manager.list([1, 2])
    numbers.append(3)
    queue = manager.Queue()
    queue.put(sum(numbers))
    print(queue.get(), numbers[0], list(manager.shared().keys()))
    wrong = Remote(address=address, authkey=b"another")
    try:
        wrong.connect()
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("address", [None, ("127.0.0.1", 0)])
def test_a_plain_client_calls_our_server(runner, address):
    table = {"kept": 1}
    kind = type("Serving", (managers.SyncManager,), {})
    kind.register("shared", callable=lambda: table, proxytype=managers.DictProxy)
    manager = kind(address=address, authkey=b"a key", ctx=multiprocessing.get_context("fork"))
    with manager:
        runner.write(PLAIN)
        done = runner.run("program.py", repr(manager.address), manyhands=False)
        assert done.stdout.splitlines() == ["6 1 ['kept']", "AuthenticationError digest sent was rejected"]
        assert done.stderr == ""


SERVE = """
from multiprocessing.managers import SyncManager
if __name__ == "__main__":
    with SyncManager(authkey=b"a key") as manager:
        print(repr(manager.address), flush=True)
        input()
"""


def test_our_client_calls_a_plain_server(runner):
    runner.write(SERVE)
    server = runner.start("program.py", manyhands=False, stdin=subprocess.PIPE)
    manager = managers.SyncManager(address=eval(server.stdout.readline()), authkey=b"a key")
    manager.connect()
    numbers, queue, lock = manager.list([1]), manager.Queue(), manager.Lock()
    numbers.append(2)
    queue.put(list(numbers))
    with lock:
        assert queue.get() == [1, 2]
    del numbers, queue, lock
    server.communicate("\n", timeout=LIMIT)


def test_a_client_that_sends_garbage_or_nothing_disturbs_nobody():
    import socket

    with managers.SyncManager(address=("127.0.0.1", 0)) as manager:
        silent = socket.create_connection(manager.address)
        babbling = socket.create_connection(manager.address)
        babbling.sendall(b"\xff" * 100)
        assert manager.dict(a=1)["a"] == 1
        silent.close()
        babbling.close()
        assert manager.Queue().empty()


def test_a_lease_is_over_when_its_holder_says_so():
    lease = _engine.Lease(7)
    same = _engine.Lease(7, lease.handle)
    assert not same.is_over() and not same.look()
    lease.end()
    assert same.is_over() and same.look()
    with pytest.raises(ValueError):
        _engine.Lease(8, lease.handle)


def test_both_sides_of_a_pipe():
    ours, theirs = _engine.PipeEnd.pair()
    again = _engine.PipeEnd(theirs.handles)
    theirs.close()
    ours.send({"a": [1, b"x" * 100_000]})
    assert again.recv() == {"a": [1, b"x" * 100_000]}
    again.send(None)
    again.close()
    assert ours.recv() is None
    with pytest.raises(EOFError):
        ours.recv()
    with pytest.raises(BrokenPipeError):
        ours.send(1)
    ours.close()
    assert ours.closed
    with pytest.raises(OSError, match="closed"):
        ours.recv()
