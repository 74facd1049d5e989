"""Pools under each start method: the standard library's methods, what they give, in which order, and who is told."""

import itertools
import os
import sys
import threading

import pytest
from calls import (
    add,
    fail,
    half,
    identity,
    pid,
    set_up,
    sleep_and_give,
    sleep_and_give_pair,
    square,
    tell_and_fail_at_three,
)

from manyhands import multiprocessing


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


@pytest.mark.parametrize("chunksize", [None, 1, 3])
@pytest.mark.parametrize(
    "numbers",
    [
        range(0),
        range(7),
        range(5, -9, -2),
        range(2**63 - 3, 2**63),
        range(-(2**63), -(2**63) + 3),
        range(2**70, 2**70 + 2),
    ],
)
def test_maps_of_ranges(pool, numbers, chunksize):
    assert pool.map(identity, numbers, chunksize) == list(numbers)
    assert pool.map_async(square, numbers, chunksize).get(30) == [x * x for x in numbers]
    assert pool.starmap(add, zip(numbers, numbers, strict=True), chunksize) == [2 * x for x in numbers]


def test_results_of_many_kinds_in_a_chunk(pool):
    numbers = list(range(100))
    for function in (half, str, bool, identity, float):
        got = pool.map(function, numbers, 30)
        assert [(type(one), one) for one in got] == [(type(function(x)), function(x)) for x in numbers]
    assert pool.map(identity, [1, 2**63 - 1, 2**63, -(2**63) - 1], 4) == [1, 2**63 - 1, 2**63, -(2**63) - 1]


def test_a_map_runs_to_its_end_though_a_call_raises(pool, ctx):
    done = ctx.SimpleQueue()
    with ctx.Pool(2, set_up, (0, done)) as telling, pytest.raises(KeyError):
        telling.map(tell_and_fail_at_three, range(20), 2)
    seen = set()
    while not done.empty():
        seen.add(done.get())
    # All but what stood behind it in its chunk.
    assert seen >= set(range(20)) - {2, 3}


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
