"""Pools under each start method: the standard library's methods, and bad input that costs its own call only."""

import gc
import itertools
import os
import signal
import sys
import threading
import time
import warnings

import pytest
from conftest import alive, eventually

import manyhands
from manyhands import multiprocessing


def square(x):
    return x * x


def add(a, b=10, *more, c=0):
    return a + b + sum(more) + c


def identity(x):
    return x


def fail(x):
    raise KeyError(x)


def sleep_and_give(seconds, x):
    time.sleep(seconds)
    return x


def pid(_=None):
    return os.getpid()


def names(_):
    time.sleep(0.01)
    this = multiprocessing.current_process()
    return this.name, this.daemon, multiprocessing.parent_process().pid


def set_up(value, lock):
    global settings
    settings = (value, lock)


def use_set_up(x):
    value, lock = settings
    with lock:
        return value + x


def broken_set_up():
    raise RuntimeError("cannot set up")


def die(how):
    if how == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        sys.exit(5)
    os._exit(6)


def die_once(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "second time"
    return os.kill(os.getpid(), signal.SIGKILL)


def lambda_result(x):
    return lambda: x


def lock_result(x):
    return threading.Lock()


class Unloadable:
    """Pickles, and cannot be unpickled."""

    def __reduce__(self):
        return int, ("no number",)


def unloadable_result(x):
    return Unloadable()


class Stubborn(Exception):
    """Pickles, and cannot be unpickled: its constructor wants more than an exception remembers."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_stubborn(x):
    raise Stubborn(x, "more")


class WithLock(Exception):
    def __init__(self):
        super().__init__("holds a lock")
        self.lock = threading.Lock()


def raise_with_lock(x):
    raise WithLock


@pytest.fixture
def pool(ctx):
    with ctx.Pool(2) as made:
        yield made


def test_apply(pool):
    assert pool.apply(add, (1,)) == 11
    assert pool.apply(add, [1, 2, 3], {"c": 4}) == 10
    assert pool.apply(add, (1.5, 2)) == 3.5
    assert pool.apply(identity, ({"a": [1]},)) == {"a": [1]}
    assert pool.apply(pid) != os.getpid()
    result = pool.apply_async(square, (7,))
    assert result.get(timeout=30) == 49
    assert result.get() == 49
    assert result.ready()
    assert result.successful()


@pytest.mark.parametrize("chunksize", [None, 1, 3, 1000])
def test_maps(pool, chunksize):
    numbers = list(range(100))
    squares = [x * x for x in numbers]
    assert pool.map(square, numbers, chunksize) == squares
    assert pool.map(square, iter(numbers), chunksize) == squares
    assert pool.map_async(square, range(100), chunksize).get(30) == squares
    assert pool.map(str, [1, "a", None], chunksize) == ["1", "a", "None"]
    assert pool.starmap(add, [(1, 2), [3, 4]], chunksize) == [3, 7]
    assert pool.starmap_async(add, zip(numbers, numbers, strict=True), chunksize).get(30) == [2 * x for x in numbers]
    assert pool.map(square, [], chunksize) == []
    assert pool.map(square, [2**70], chunksize) == [2**140]


def test_streams(pool):
    assert list(pool.imap(square, range(50))) == [x * x for x in range(50)]
    assert list(pool.imap(square, (x for x in range(50)), 7)) == [x * x for x in range(50)]
    assert sorted(pool.imap_unordered(square, range(50))) == [x * x for x in range(50)]
    assert sorted(pool.imap_unordered(square, iter(range(50)), 7)) == [x * x for x in range(50)]
    assert list(pool.imap(square, [])) == []
    with pytest.raises(ValueError, match="Chunksize must be 1"):
        pool.imap(square, [1], 0)
    stream = pool.imap(square, itertools.count())
    assert [next(stream) for _ in range(5)] == [0, 1, 4, 9, 16]


def test_an_unordered_stream_gives_what_comes_first(pool):
    stream = pool.imap_unordered(sleep_and_give_pair, [(1.0, "late"), (0.0, "soon")])
    assert list(stream) == ["soon", "late"]


def sleep_and_give_pair(pair):
    return sleep_and_give(*pair)


def test_time_outs(pool):
    result = pool.apply_async(sleep_and_give, (0.5, "x"))
    with pytest.raises(multiprocessing.TimeoutError):
        result.get(timeout=0.02)
    assert not result.ready()
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    result.wait(0.02)
    assert result.get(timeout=30) == "x"
    stream = pool.imap(sleep_and_give_pair, [(0.5, "y")])
    with pytest.raises(multiprocessing.TimeoutError):
        stream.next(timeout=0.02)
    assert stream.next(timeout=30) == "y"


def test_an_exception_arrives_with_its_traceback(pool):
    result = pool.apply_async(fail, ("key",))
    with pytest.raises(KeyError) as caught:
        result.get()
    assert caught.value.args == ("key",)
    text = str(caught.value.__cause__)
    assert "in fail" in text
    assert "raise KeyError(x)" in text
    assert not result.successful()
    with pytest.raises(KeyError):
        pool.map(fail, [1, 2, 3])
    with pytest.raises(KeyError):
        list(pool.imap(fail, [1]))
    with pytest.raises(KeyError):
        list(pool.imap_unordered(fail, [1]))
    assert pool.apply(square, (2,)) == 4


def test_an_iterable_that_raises(pool):
    def elements():
        yield 1
        raise OSError("no more")

    stream = pool.imap(square, elements())
    assert next(stream) == 1
    with pytest.raises(OSError, match="no more"):
        next(stream)
    with pytest.raises(StopIteration):
        next(stream)
    with pytest.raises(OSError, match="no more"):
        pool.map(square, elements())


def test_callbacks_run_here_before_the_result_is_there(pool):
    told = []
    result = pool.apply_async(pid, callback=lambda value: told.append((value, os.getpid())))
    assert told == [(result.get(timeout=30), os.getpid())]
    failed = pool.apply_async(fail, (1,), callback=told.append, error_callback=lambda error: told.append(repr(error)))
    failed.wait(30)
    assert told[1:] == ["KeyError(1)"]
    whole = pool.map_async(square, range(10), 3, callback=told.append)
    whole.wait(30)
    assert told[2] == [x * x for x in range(10)]
    order = []
    slow = pool.apply_async(sleep_and_give, (1.0, "slow"), callback=order.append)
    fast = pool.apply_async(sleep_and_give, (0.0, "fast"), callback=order.append)
    fast.wait(30)
    slow.wait(30)
    assert order == ["fast", "slow"]


def test_join_waits_for_callbacks(ctx):
    told = []
    pool = ctx.Pool(2)
    for number in range(20):
        pool.apply_async(square, (number,), callback=told.append)
    pool.close()
    pool.join()
    assert sorted(told) == [x * x for x in range(20)]


def test_a_callback_that_raises_costs_nobody_else(pool, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: seen.append(repr(what.exc_value)))
    result = pool.apply_async(square, (3,), callback=lambda value: 1 / 0)
    assert result.get(timeout=30) == 9
    assert pool.apply_async(square, (4,), callback=seen.append).get(timeout=30) == 16
    assert seen == ["ZeroDivisionError('division by zero')", 16]


def test_workers_are_named_daemons(pool, ctx):
    seen = set(pool.map(names, range(40), 1))
    prefix = ctx.Process.__name__.replace("Process", "PoolWorker-")
    assert all(name.startswith(prefix) and daemon and parent == os.getpid() for name, daemon, parent in seen)
    assert {child.pid for child in ctx.active_children()} >= {child.pid for child in pool._pool}
    assert len(pool._pool) == 2


def test_set_up(ctx):
    with ctx.Pool(2, set_up, (100, ctx.Lock())) as pool:
        assert pool.map(use_set_up, range(10)) == list(range(100, 110))


def test_a_set_up_that_fails_breaks_the_pool(ctx, capfd):
    with ctx.Pool(2, broken_set_up) as pool:
        with pytest.raises(manyhands.BrokenProcessPool, match="cannot set up"):
            pool.apply(square, (1,))
        with pytest.raises(manyhands.BrokenProcessPool, match="cannot set up"):
            pool.map(square, [1])
    assert "RuntimeError: cannot set up" in capfd.readouterr().err


def test_tasks_per_child(ctx):
    with ctx.Pool(1, maxtasksperchild=2) as pool:
        pids = [pool.apply(pid) for _ in range(6)]
    assert len(set(pids)) == 3
    assert pids == sorted(pids, key=pids.index)


def test_endings(ctx):
    pool = ctx.Pool(2)
    workers = [worker.pid for worker in eventually(lambda: len(pool._pool) == 2 and pool._pool)]
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    slow = [pool.apply_async(sleep_and_give, (0.1, number)) for number in range(4)]
    pool.close()
    for attempt in (
        lambda: pool.apply_async(square, (1,)),
        lambda: pool.map(square, [1]),
        lambda: pool.imap(square, [1]),
    ):
        with pytest.raises(ValueError, match="Pool not running"):
            attempt()
    pool.join()
    assert [result.get(0) for result in slow] == [0, 1, 2, 3]
    assert not any(alive(worker) for worker in workers)
    pool.terminate()
    pool.join()

    pool = ctx.Pool(2)
    result = pool.apply_async(sleep_and_give, (3600, 0))
    eventually(lambda: len(pool._pool) == 2)
    begun = time.monotonic()
    pool.terminate()
    pool.join()
    assert time.monotonic() - begun < 5
    with pytest.raises(RuntimeError, match="terminated"):
        result.get(timeout=30)


def test_close_lets_a_stream_go_on(ctx):
    pool = ctx.Pool(2)

    def elements():
        for number in range(5):
            time.sleep(0.05)
            yield number

    stream = pool.imap(square, elements())
    pool.close()
    with pytest.raises(ValueError, match="Pool not running"):
        pool.apply_async(square, (1,))
    assert list(stream) == [0, 1, 4, 9, 16]
    pool.join()


def workers_of(pool):
    return [worker.pid for worker in eventually(lambda: len(pool._pool) == 2 and pool._pool)]


def test_a_forgotten_pool_ends(ctx):
    pool = ctx.Pool(2)
    workers = workers_of(pool)
    told = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del pool
        gc.collect()
        told = [str(warning.message) for warning in caught]
        # Each warning holds the pool that it is about.
        caught.clear()
    assert any("unclosed running multiprocessing pool" in text for text in told)
    eventually(lambda: not any(alive(worker) for worker in workers), 10)


def test_a_result_keeps_its_pool(ctx):
    result = ctx.Pool(1).apply_async(sleep_and_give, (0.2, "there"))
    gc.collect()
    assert result.get(timeout=30) == "there"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"processes": 0}, ValueError),
        ({"processes": -1}, ValueError),
        ({"processes": 5000}, ValueError),
        ({"initializer": 3}, TypeError),
        ({"maxtasksperchild": 0}, ValueError),
        ({"maxtasksperchild": 1.5}, ValueError),
        ({"retries": -1}, ValueError),
    ],
)
def test_wrong_arguments(ctx, arguments, error):
    with pytest.raises(error):
        ctx.Pool(**arguments)


def test_a_pool_does_not_travel(pool):
    with pytest.raises(NotImplementedError, match="cannot be passed between processes"):
        pool.__reduce__()


# Bad input: each costs its own call, and the pool goes on.


@pytest.fixture
def surviving(pool):
    """A pool whose workers are the same, and work, when the test is over."""
    before = {worker.pid for worker in eventually(lambda: len(pool._pool) == 2 and pool._pool)}
    yield pool
    assert pool.apply(square, (9,)) == 81
    assert {worker.pid for worker in pool._pool} == before


def test_an_argument_that_cannot_be_pickled(surviving):
    result = surviving.apply_async(identity, (threading.Lock(),))
    with pytest.raises(TypeError, match=r"cannot pickle '_thread\.lock' object"):
        result.get(timeout=30)
    told = []
    surviving.apply_async(identity, (threading.Lock(),), error_callback=told.append)
    assert [type(error) for error in told] == [TypeError]
    with pytest.raises(TypeError, match="cannot pickle"):
        surviving.map(identity, [1, threading.Lock()])
    with pytest.raises(TypeError, match="cannot pickle"):
        list(surviving.imap(identity, [threading.Lock()]))


def test_an_argument_that_cannot_be_unpickled(surviving):
    with pytest.raises(ValueError, match="no number"):
        surviving.apply(identity, (Unloadable(),))
    with pytest.raises(ValueError, match="no number"):
        surviving.map(identity, [1, Unloadable()])


def test_a_result_that_cannot_be_pickled(surviving):
    with pytest.raises(multiprocessing.pool.MaybeEncodingError, match=r"Error sending result: '<unlocked _thread.lock"):
        surviving.apply(lock_result, (1,))
    with pytest.raises(multiprocessing.pool.MaybeEncodingError):
        surviving.map(lock_result, [1, 2])


def test_a_result_that_cannot_be_unpickled(surviving):
    with pytest.raises(ValueError, match="no number"):
        surviving.apply(unloadable_result, (1,))


def test_an_exception_that_cannot_be_unpickled(surviving):
    with pytest.raises(multiprocessing.pool.MaybeEncodingError, match="1 and more") as caught:
        surviving.apply(raise_stubborn, (1,))
    assert "in raise_stubborn" in str(caught.value.__cause__)


def test_an_exception_that_cannot_be_pickled(surviving):
    with pytest.raises(multiprocessing.pool.MaybeEncodingError, match="holds a lock"):
        surviving.apply(raise_with_lock, (1,))


def test_lambdas_and_local_functions(surviving):
    three = 3

    def local(x):
        return x + three

    assert surviving.map(lambda x: x * three, [1, 2]) == [3, 6]
    assert surviving.apply(local, (1,)) == 4
    assert surviving.map(local, [1, 2], 1) == [4, 5]
    assert surviving.apply(lambda_result, (5,))() == 5
    assert surviving.apply(identity, (lambda: "x",))() == "x"


def test_methods(surviving):
    class Adder:
        def __init__(self, more):
            self.more = more

        def add(self, x):
            return x + self.more

    assert surviving.map("a".join, [["b", "c"]]) == ["bac"]
    assert surviving.map(Adder(3).add, [1, 2]) == [4, 5]
    assert surviving.map(str.upper, ["a"]) == ["A"]
    assert surviving.map(int, ["7"]) == [7]


def test_no_arguments_and_wrong_ones(surviving):
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        surviving.apply(square)
    with pytest.raises(TypeError):
        surviving.apply(square, 5)
    with pytest.raises(TypeError, match="not callable"):
        surviving.apply("no function")
    with pytest.raises(TypeError, match="not iterable"):
        surviving.map(square, 5)


@pytest.mark.parametrize(
    ("how", "code", "says"), [("signal", -9, "SIGKILL"), ("exit", 5, "exit code 5"), ("_exit", 6, "exit code 6")]
)
def test_a_worker_that_dies_costs_its_call(pool, how, code, says):
    good = [pool.apply_async(sleep_and_give, (0.05, number)) for number in range(4)]
    result = pool.apply_async(die, (how,))
    more = [pool.apply_async(square, (number,)) for number in range(10)]
    with pytest.raises(manyhands.WorkerDied) as caught:
        result.get(timeout=30)
    died = caught.value
    assert isinstance(died, manyhands.BrokenProcessPool)
    assert (died.exitcode, died.call) == (code, "die")
    assert says in str(died)
    assert str(died.pid) in str(died)
    assert died.worker in str(died)
    assert "call 5, die" in str(died)
    assert [one.get(timeout=30) for one in good] == [0, 1, 2, 3]
    assert [one.get(timeout=30) for one in more] == [x * x for x in range(10)]
    eventually(lambda: len({worker.pid for worker in pool._pool} - {died.pid}) == 2)
    eventually(lambda: died.pid not in {worker.pid for worker in pool._pool})


def test_retries(ctx, tmp_path):
    with ctx.Pool(2, retries=1) as pool:
        assert pool.apply(die_once, (str(tmp_path / "mark"),)) == "second time"
        with pytest.raises(manyhands.WorkerDied):
            pool.apply(die, ("signal",))
        assert pool.apply(square, (3,)) == 9


def test_an_idle_workers_death_is_noticed_by_nobody(pool):
    workers = eventually(lambda: len(pool._pool) == 2 and pool._pool)
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
        assert pool.map(square, range(100)) == [x * x for x in range(100)]
    eventually(lambda: len(pool._pool) == 2)


def test_a_killed_keeper(ctx):
    with ctx.Pool(2) as pool:
        workers = eventually(lambda: len(pool._pool) == 2 and pool._pool)
        keeper = parent_of(workers[0].pid)
        assert keeper != os.getpid()
        os.kill(keeper, signal.SIGKILL)
        eventually(lambda: not alive(keeper))
        if ctx.get_start_method() == "fork":
            # A template cannot be forked again; the pool says so, and does not hang.
            for worker in workers:
                os.kill(worker.pid, signal.SIGKILL)
            with pytest.raises(manyhands.BrokenProcessPool, match="was killed"):
                pool.map(square, range(100))
        else:
            for worker in workers:
                os.kill(worker.pid, signal.SIGKILL)
            assert pool.map(square, range(100)) == [x * x for x in range(100)]


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def test_large_arrays(pool):
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(1_000_000, dtype=float)
    for _ in range(3):
        doubled = pool.apply(numpy.multiply, (array, 2))
        assert doubled[-1] == 2 * array[-1]
        doubled[:] = 0
    assert array[1] == 1


def test_several_pools_and_threads(ctx):
    with ctx.Pool(1) as one, ctx.Pool(1) as two:
        assert one.map(square, [1, 2]) == two.map(square, [1, 2]) == [1, 4]
        results = {}

        def use(number):
            results[number] = one.map(square, range(number, number + 200), 1)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {number: [x * x for x in range(number, number + 200)] for number in range(4)}


def test_threads_that_wait_for_one_result(pool):
    result = pool.apply_async(sleep_and_give, (0.2, "all"))
    got = []
    threads = [threading.Thread(target=lambda: got.append(result.get(30))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["all"] * 4


LATE = """
import multiprocessing
multiprocessing.set_start_method({!r})
factor = 1
def early(x): return x * factor
pool = multiprocessing.Pool(2)
print(pool.map(early, [1, 2]))
def late(x): return x + 100
print(pool.map(late, [1, 2]))
def early(x): return x * 1000
print(pool.map(early, [1, 2]))
class Late:
    def __init__(self, x): self.x = x
print(pool.apply(lambda thing: Late(thing.x + 1), (Late(1),)).x)
pool.close(); pool.join()
"""


def test_functions_of_a_main_module_that_changes(runner, method):
    done = runner.run("-c", LATE.format(method))
    assert (done.stdout.splitlines(), done.stderr) == (["[1, 2]", "[101, 102]", "[1000, 2000]", "2"], "")


def test_a_function_defined_after_a_forked_pool_was_made(runner):
    runner.write(
        "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        "    pool = multiprocessing.Pool(2)\n"
        "    def late(x): return x + 1\n"
        "    print(pool.map(late, [1, 2]))\n"
        "    pool.close(); pool.join()\n"
    )
    done = runner.run("program.py", options=["--start-method", "fork"])
    assert (done.stdout, done.stderr) == ("[2, 3]\n", "")


@pytest.mark.parametrize(
    "how", ["", "pool.close()", "pool.close(); pool.join()", "pool.terminate()", "import os; os._exit(0)"]
)
def test_nothing_is_left_behind(runner, method, how):
    runner.write(
        "import multiprocessing, time\n"
        "if __name__ == '__main__':\n"
        "    pool = multiprocessing.Pool(2)\n"
        "    print(pool.map(abs, [-1]))\n" + f"    {how or 'pass'}\n"
    )
    done = runner.run("program.py", options=["--start-method", method])
    assert (done.returncode, done.stdout) == (0, "[1]\n")
