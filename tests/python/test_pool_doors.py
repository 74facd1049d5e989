"""What programs use of a pool's inside: the recipe for lazy maps, the register of jobs, how much of a map is left."""

import itertools
import multiprocessing.pool
import threading
import weakref

import pytest
from calls import add, fail, sleep_and_give, square
from conftest import eventually

from manyhands import multiprocessing as our_multiprocessing
from manyhands.multiprocessing import pool as our_pools

LIMIT = 60


class Standard:
    """The standard library's pools."""

    module = multiprocessing.pool

    @staticmethod
    def make(kind):
        return multiprocessing.pool.ThreadPool(2) if kind == "threads" else multiprocessing.get_context("fork").Pool(2)


class Ours:
    """Those of the engine."""

    module = our_pools

    @staticmethod
    def make(kind):
        return our_pools.ThreadPool(2) if kind == "threads" else our_multiprocessing.get_context(kind).Pool(2)


MADE = [(Standard, "fork"), (Standard, "threads"), (Ours, "fork"), (Ours, "spawn"), (Ours, "threads")]


@pytest.fixture(params=MADE, ids=lambda made: f"{made[0].__name__}-{made[1]}")
def library(request):
    """The standard library's pools, and ours."""
    return request.param


@pytest.fixture
def opened(library):
    """A pool of either, and the module that it is of."""
    kind, workers = library
    with kind.make(workers) as pool:
        yield pool, kind.module
        if kind is Standard:
            # To terminate a worker that is at work may take along the lock that all need, and then hang for ever.
            pool.close()
            pool.join()


def lazily(pool, module, func, arguments, size=1):
    """A lazy `starmap`, as recipes make it."""
    results = module.IMapIterator(pool)
    batches = module.Pool._get_tasks(func, arguments, size)
    tasks = pool._guarded_task_generation(results._job, module.starmapstar, batches)
    pool._taskqueue.put((tasks, results._set_length))
    return itertools.chain.from_iterable(results)


def backwards(task):
    func, elements = task
    return [func(element) for element in reversed(elements)]


@pytest.mark.parametrize("size", [1, 3])
def test_a_lazy_starmap(opened, size):
    pairs = ((number, number + 1) for number in range(300))
    assert list(lazily(*opened, add, pairs, size)) == [2 * number + 1 for number in range(300)]
    with pytest.raises(KeyError):
        next(lazily(*opened, fail, [(1,)]))


def test_a_source_that_raises_ends_a_lazy_starmap(opened):
    def source():
        yield 1, 2
        raise LookupError("no more")

    results = lazily(*opened, add, source())
    assert next(results) == 3
    with pytest.raises(LookupError, match="no more"):
        next(results)


def test_a_closed_pool_ends_after_all_tasks(opened):
    pool, module = opened
    results = lazily(pool, module, add, ((number, 0) for number in range(300)))
    pool.close()
    pool.join()
    assert sum(results) == sum(range(300))


def test_tasks_of_a_source_without_end_stop_with_the_pool(library, opened):
    if library == (Standard, "fork"):
        pytest.skip("the standard library's pool hangs now and then when it is terminated at work")
    pool, module = opened
    results = lazily(pool, module, add, ((number, 0) for number in itertools.count()))
    assert next(results) == 0
    pool.terminate()
    pool.join()


def test_results_that_a_program_makes(opened):
    pool, module = opened
    heard = []
    result = module.ApplyResult(pool, heard.append, None)
    pool._taskqueue.put(([(result._job, 0, add, (1,), {"c": 2})], None))
    assert result.get(LIMIT) == 13 and heard == [13]
    assert pool._map_async(square, range(3), module.mapstar).get(LIMIT) == [0, 1, 4]
    assert pool._map_async(square, [2, 3, 4], backwards, 2).get(LIMIT) == [9, 4, 16]
    assert not pool._cache


def test_the_register_tells_how_many_jobs_there_are(opened):
    pool, _ = opened
    results = [pool.apply_async(sleep_and_give, (0.01, number)) for number in range(20)]
    assert pool._cache
    eventually(lambda: not len(pool._cache))
    assert all(result.ready() for result in results) and pool._taskqueue.empty()


@pytest.mark.parametrize("callback", [None, print])
def test_how_much_of_a_map_is_left(opened, callback, capfd):
    pool, module = opened
    result = pool.map_async(square, range(10), 3, callback)
    assert result.get(LIMIT)[-1] == 81 and (result._number_left, result._chunksize) == (0, 3)
    assert isinstance(result, module.MapResult) and isinstance(result, module.ApplyResult)
    waiting = pool.map_async(sleep_and_give_one, range(2, 6), 1, callback)
    left = set()
    eventually(lambda: left.add(waiting._number_left) or not waiting._number_left)
    assert max(left) <= 4 and sum(waiting.get(LIMIT)) == 14


def sleep_and_give_one(number):
    return sleep_and_give(0.01, number)


def test_a_result_tells_what_it_came_to(opened):
    pool, module = opened
    result = pool.apply_async(square, (3,))
    assert result._event.wait(LIMIT) and result._event.is_set() and result._success and result._value == 9
    assert isinstance(result, module.AsyncResult) and not isinstance(result, module.MapResult)
    assert not hasattr(result, "_number_left")
    failed = pool.apply_async(fail, (3,))
    failed.wait(LIMIT)
    assert not failed._success and isinstance(failed._value, KeyError)


def test_a_result_tells_who_is_told_of_it(opened):
    pool, _ = opened
    heard, failed = [], []
    for result in [
        pool.apply_async(square, (3,), callback=heard.append, error_callback=failed.append),
        pool.map_async(square, [1], callback=heard.append, error_callback=failed.append),
    ]:
        assert result._callback == heard.append and result._error_callback == failed.append
        result.wait(LIMIT)
        assert result._callback == heard.append
    assert pool.apply_async(square, (3,))._callback is pool.map_async(square, [3])._error_callback is None
    assert sorted(map(str, heard)) == ["9", "[1]"] and not failed


def test_results_are_of_the_classes_that_programs_know(opened):
    pool, _ = opened
    results = [pool.apply_async(square, (3,)), pool.map_async(square, [3]), pool.map_async(square, [3], None, repr)]
    assert [type(result).__name__ for result in results] == ["ApplyResult", "MapResult", "MapResult"]
    assert [result.get(LIMIT) for result in results] == [9, [9], [9]]


@pytest.mark.parametrize("kind", [Standard, Ours])
def test_a_result_that_is_not_there_has_no_value(kind):
    gate = threading.Event()
    with kind.make("threads") as pool:
        result = pool.apply_async(gate.wait, (LIMIT,))
        assert not hasattr(result, "_value") and not hasattr(result, "_success") and not result._event.is_set()
        gate.set()
        assert result.get(LIMIT)


def test_a_result_takes_attributes_and_weak_references(opened):
    pool, module = opened
    result = pool.apply_async(square, (3,))
    result.label = "third"
    assert (result.label, weakref.ref(result)()) == ("third", result)
    assert issubclass(module.MapResult, module.ApplyResult) and module.AsyncResult is module.ApplyResult


def test_a_pool_has_as_many_workers_as_it_was_made_with(pool):
    pool._repopulate_pool()
    pool._processes = 3
    with pytest.raises(RuntimeError, match="has 2 workers for good"):
        pool._repopulate_pool()
    pool._processes = 2
