"""`multiprocessing.pool.ThreadPool` as the documentation has it, over the standard library's own as well."""

import gc
import multiprocessing.pool
import re
import sys
import threading
import weakref
from types import MappingProxyType

import manyhands.multiprocessing.dummy
import pytest
from calls import square
from conftest import FREE_THREADED, eventually

import manyhands.multiprocessing.pool

LIMIT = 60
LIBRARIES = {"standard": multiprocessing, "ours": manyhands.multiprocessing}


@pytest.fixture(params=LIBRARIES)
def library(request):
    return LIBRARIES[request.param]


@pytest.fixture
def pool(library):
    with library.pool.ThreadPool(3) as made:
        yield made


def add(first, second=0):
    return first + second


def fail(value):
    raise ValueError(value)


def failing_after(count):
    yield from range(count)
    raise RuntimeError("in the iterable")


def test_calls_and_maps(pool, library):
    assert isinstance(pool, library.pool.Pool)
    assert pool.apply(add, (1,), {"second": 2}) == 3
    assert pool.map(square, range(20)) == [n * n for n in range(20)]
    assert pool.map(square, [], chunksize=3) == []
    assert pool.starmap(add, [(1, 2), (3, 4), (5,)], chunksize=2) == [3, 7, 5]
    assert pool.starmap_async(add, [(1, 2)]).get(LIMIT) == [3]
    assert list(pool.imap(square, range(30))) == [n * n for n in range(30)]
    assert list(pool.imap(square, range(30), chunksize=7)) == [n * n for n in range(30)]
    assert sorted(pool.imap_unordered(square, range(30), chunksize=4)) == [n * n for n in range(30)]


def test_what_is_raised_is_the_exception_itself(pool):
    error = ValueError("this one")

    def raise_it():
        raise error

    result = pool.apply_async(raise_it)
    with pytest.raises(ValueError) as caught:
        result.get(LIMIT)
    assert caught.value is error and not result.successful()
    with pytest.raises(ValueError, match="x"):
        pool.map(int, ["1", "x", "3"])
    for results in (pool.imap(square, failing_after(3)), pool.imap_unordered(square, failing_after(3))):
        with pytest.raises(RuntimeError, match="in the iterable"):
            list(results)
    with pytest.raises(RuntimeError, match="in the iterable"):
        pool.map(square, failing_after(3))


def test_callbacks_have_run_when_the_result_is_there(pool):
    told = []
    pool.apply_async(square, (3,), callback=told.append).wait(LIMIT)
    pool.map_async(square, [1, 2], callback=told.append).wait(LIMIT)
    pool.apply_async(fail, (1,), error_callback=told.append).wait(LIMIT)
    assert told[:2] == [9, [1, 4]] and repr(told[2]) == "ValueError(1)"


def test_a_callback_that_raises_costs_nobody_else(monkeypatch):
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: raised.append(repr(what.exc_value)))
    with manyhands.multiprocessing.pool.ThreadPool(1) as pool:
        assert pool.apply_async(square, (3,), callback=lambda value: 1 / 0).get(LIMIT) == 9
        assert pool.apply_async(square, (4,), callback=raised.append).get(LIMIT) == 16
    assert raised == ["ZeroDivisionError('division by zero')", 16]


def test_a_result_takes_its_time(pool, library):
    go = threading.Event()
    result = pool.apply_async(go.wait)
    with pytest.raises(library.TimeoutError):
        result.get(0.01)
    assert not result.ready()
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    go.set()
    assert result.get(LIMIT) is True and result.ready() and result.successful()


def test_after_the_end_nothing_is_taken(library):
    pool = library.pool.ThreadPool(2)
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    result = pool.map_async(square, range(100), chunksize=1)
    pool.close()
    pool.join()
    assert result.get(0) == [n * n for n in range(100)]
    for submit in (lambda: pool.apply(square, (1,)), lambda: pool.map(square, [1]), lambda: pool.imap(square, [1])):
        with pytest.raises(ValueError, match="Pool not running"):
            submit()


def test_a_map_that_is_terminated_next_has_hardly_begun(library):
    """How many workers had taken a call by then is chance; afterwards none takes another one."""
    workers, begun = 3, []
    for _ in range(10):
        gate, calls = threading.Event(), []
        pool = library.pool.ThreadPool(workers)
        pool.map_async(lambda _, calls=calls, gate=gate: (calls.append(1), gate.wait()), range(10_000), 1)
        pool.terminate()
        gate.set()
        pool.join()
        begun.append(len(calls))
    assert max(begun) <= workers, begun


def test_terminating_drops_what_waits(library):
    pool = library.pool.ThreadPool(1)
    go = threading.Event()
    begun = threading.Event()
    done = []

    def hold():
        begun.set()
        go.wait()

    pool.apply_async(hold)
    begun.wait()
    for number in range(1000):
        pool.apply_async(done.append, (number,))
    threading.Timer(0.05, go.set).start()
    pool.terminate()
    pool.join()
    assert len(done) < 1000


def test_a_dropped_call_says_so():
    pool = manyhands.multiprocessing.pool.ThreadPool(1)
    go = threading.Event()
    begun = threading.Event()
    held = pool.apply_async(lambda: begun.set() or go.wait())
    begun.wait()
    waiting = pool.apply_async(square, (2,))
    pool.terminate()
    with pytest.raises(RuntimeError, match="terminated before"):
        waiting.get(LIMIT)
    go.set()
    assert held.get(LIMIT)
    pool.join()


def test_nothing_is_kept_of_a_call(pool):
    class Thing:
        pass

    things = [Thing() for _ in range(10)]
    gone = [weakref.ref(thing) for thing in things]
    results = pool.map(lambda thing: thing, things)
    del things, results

    def kept():
        if FREE_THREADED:
            # What a worker made and another thread drops is freed by the worker, which sleeps, or by a collection.
            gc.collect()
        return any(ref() for ref in gone)

    eventually(lambda: not kept())


def test_an_initializer_runs_in_each_thread(library):
    names = set()
    with library.pool.ThreadPool(3, lambda *_: names.add(threading.current_thread().name), (1,)) as pool:
        pool.map(square, range(10))
        eventually(lambda: len(names) == 3)


def test_workers_are_daemons_whose_names_say_what_they_are(pool):
    workers = {threading.current_thread()} | set(pool.map(lambda _: threading.current_thread(), range(30), 1))
    workers.remove(threading.current_thread())
    assert all(worker.daemon and re.fullmatch(r"Thread-\d+ \(worker\)", worker.name) for worker in workers)
    assert workers <= set(pool._pool) and len(pool._pool) == 3


@pytest.mark.parametrize("named", [{}, {"second": 1}, MappingProxyType({"second": 1})])
def test_arguments_of_any_kind(pool, named):
    assert pool.apply_async(add, iter([1]), named).get(LIMIT) == 1 + len(named)


def test_arguments_that_are_none_fail_the_call(pool):
    with pytest.raises(TypeError, match="must be a mapping"):
        pool.apply_async(add, (1,), 5).get(LIMIT)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_pool_that_is_gone_has_run_what_it_was_given(library):
    answered, done, opened = [], threading.Event(), threading.Event()
    pool = library.pool.ThreadPool(1)
    pool.apply_async(opened.wait, (LIMIT,))
    pool.map_async(square, range(3), 1, lambda squares: (answered.extend(squares), done.set()))
    gone = weakref.ref(pool)
    del pool
    gc.collect()
    opened.set()
    assert done.wait(LIMIT) and answered == [0, 1, 4]
    eventually(lambda: gc.collect() >= 0 and gone() is None)


@pytest.mark.parametrize(("arguments", "error"), [((0,), ValueError), ((-1,), ValueError), ((1, 3), TypeError)])
def test_wrong_arguments(library, arguments, error):
    with pytest.raises(error):
        library.pool.ThreadPool(*arguments)


def test_the_dummy_pool_is_one():
    with manyhands.multiprocessing.dummy.Pool(2) as pool:
        assert isinstance(pool, manyhands.multiprocessing.pool.ThreadPool)
        assert pool.map(square, [3]) == [9]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_initializer_raised_is_replaced():
    left = [1, 2]

    def initializer():
        if left:
            raise OSError(left.pop())

    with manyhands.multiprocessing.pool.ThreadPool(1, initializer) as pool:
        assert pool.apply_async(add, (1, 2)).get(LIMIT) == 3
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_pool_whose_initializer_always_raises_fails_its_calls(monkeypatch):
    monkeypatch.setattr(manyhands.multiprocessing._thread_pool, "_ATTEMPTS", 3)
    pool = manyhands.multiprocessing.pool.ThreadPool(2, fail, ("in the initializer",))
    with pytest.raises(RuntimeError, match=r"its initializer raised ValueError\('in the initializer'\) 3 times"):
        pool.apply_async(add, (1,)).get(LIMIT)
    pool.close()
    pool.join()
    assert len(pool._manyhands._threads) == 6 and not pool._pool
