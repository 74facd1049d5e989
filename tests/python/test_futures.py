"""Executors and futures as the documentation of `concurrent.futures` has them: each test over the standard library's
own, too, so that it shows likeness."""

import asyncio
import concurrent.futures
import gc
import logging
import subprocess
import sys
import threading
import time
import weakref

import pytest
from calls import square, titled
from conftest import eventually

from manyhands import futures

LIMIT = 60


def add(first, second=0):
    return first + second


def fail(value):
    raise ValueError(value)


def sleep_and_return(seconds, value):
    time.sleep(seconds)
    return value


def touch(path):
    path.touch()
    return path


def wait_for(path):
    eventually(path.exists)
    return path


LIBRARIES = {"standard": concurrent.futures, "ours": futures}


@pytest.fixture(params=LIBRARIES)
def library(request):
    """The standard library's module, and ours."""
    return LIBRARIES[request.param]


@pytest.fixture(params=["ThreadPoolExecutor", "ProcessPoolExecutor"])
def make(request, library):
    """Makes an executor of either kind."""
    made = []

    def make(*arguments, **named):
        made.append(getattr(library, request.param)(*arguments, **named))
        return made[-1]

    yield make
    for executor in made:
        executor.shutdown()


@pytest.fixture
def executor(make):
    return make(2)


def busy(executor, path):
    """Has both workers wait for a file; their futures."""
    held = [executor.submit(wait_for, path) for _ in range(2)]
    eventually(lambda: all(future.running() for future in held))
    return held


def test_a_call_gives_its_result_or_what_it_raised(executor):
    assert executor.submit(add, 3, second=4).result(LIMIT) == 7
    future = executor.submit(fail, "text")
    with pytest.raises(ValueError, match="text"):
        future.result(LIMIT)
    assert repr(future.exception()) == "ValueError('text')"
    assert future.done() and not future.running() and not future.cancelled()
    assert executor.submit(add, 1).exception(LIMIT) is None


def test_a_future_takes_its_time(executor, library, tmp_path):
    held = busy(executor, tmp_path / "go")
    with pytest.raises(library.TimeoutError):
        held[0].result(0.01)
    with pytest.raises(TimeoutError):
        held[0].exception(0)
    assert held[0].running() and not held[0].done() and not held[0].cancel()
    touch(tmp_path / "go")
    assert held[0].result(LIMIT) == tmp_path / "go"


def test_what_nobody_has_begun_with_can_be_withdrawn(executor, library, tmp_path):
    held = busy(executor, tmp_path / "go")
    waiting = [executor.submit(add, number) for number in range(20)]
    last = waiting[-1]
    told = []
    last.add_done_callback(told.append)
    assert last.cancel() and last.cancel() and last.cancelled() and last.done() and not last.running()
    assert told == [last]
    for ask in (last.result, last.exception):
        with pytest.raises(library.CancelledError):
            ask()
    touch(tmp_path / "go")
    assert library.wait([last], LIMIT).done == {last}
    assert [future.result(LIMIT) for future in waiting[:-1]] == list(range(19))
    assert all(future.result(LIMIT) for future in held)


def test_map_gives_results_in_order(executor):
    assert list(executor.map(square, range(20))) == [n * n for n in range(20)]
    assert list(executor.map(add, range(9), range(5), chunksize=2)) == [0, 2, 4, 6, 8]
    assert list(executor.map(square, [])) == []
    results = executor.map(int, ["1", "x", "3"])
    assert next(results) == 1
    with pytest.raises(ValueError, match="'x'"):
        next(results)


def test_a_map_that_takes_too_long(executor, library, tmp_path):
    results = executor.map(wait_for, [tmp_path / "go"], timeout=0.01)
    with pytest.raises(library.TimeoutError):
        next(results)
    touch(tmp_path / "go")


def test_a_map_that_nobody_asks_on_withdraws_the_rest(executor, tmp_path):
    results = executor.map(wait_for, [tmp_path / "one"] + [tmp_path / "two"] * 100)
    touch(tmp_path / "one")
    next(results)
    results.close()
    touch(tmp_path / "two")
    executor.shutdown()


def test_callbacks_run_once_each_and_in_order(executor, tmp_path):
    held = busy(executor, tmp_path / "go")
    told = []
    for number in range(3):
        held[0].add_done_callback(lambda future, number=number: told.append((number, future)))
    touch(tmp_path / "go")
    eventually(lambda: len(told) == 3)
    assert told == [(0, held[0]), (1, held[0]), (2, held[0])]
    held[0].add_done_callback(told.append)
    assert told[3:] == [held[0]]


def test_a_callback_that_raises_is_logged_and_stops_nothing(executor, caplog, tmp_path):
    held = busy(executor, tmp_path / "go")
    told = []
    with caplog.at_level(logging.ERROR, "concurrent.futures"):
        held[0].add_done_callback(lambda future: fail("in a callback"))
        held[0].add_done_callback(told.append)
        touch(tmp_path / "go")
        eventually(lambda: told)
    (record,) = caplog.records
    assert record.name == "concurrent.futures" and "exception calling callback for" in record.getMessage()
    assert repr(record.exc_info[1]) == "ValueError('in a callback')"
    assert executor.submit(add, 5).result(LIMIT) == 5


def test_wait_returns_when_it_was_asked_to(executor, library, tmp_path):
    held = busy(executor, tmp_path / "go")
    with pytest.raises(ValueError, match="return condition"):
        library.wait(held, return_when="SOMETIME")
    done, pending = library.wait(held, timeout=0.01)
    assert (done, pending) == (set(), set(held))
    touch(tmp_path / "go")
    assert library.wait(held, LIMIT, library.FIRST_COMPLETED).done
    failing = executor.submit(fail, "text")
    after = executor.submit(sleep_and_return, 0.3, 1)
    assert failing in library.wait([after, failing], LIMIT, library.FIRST_EXCEPTION).done
    assert library.wait([*held, after, failing], LIMIT) == ({*held, after, failing}, set())


def test_as_completed_gives_each_once(executor, library, tmp_path):
    held = busy(executor, tmp_path / "go")
    with pytest.raises(library.TimeoutError, match=r"2 \(of 2\) futures unfinished"):
        list(library.as_completed(held, 0.01))
    touch(tmp_path / "go")
    more = [executor.submit(add, number) for number in range(50)]
    assert sorted(map(id, library.as_completed([*more, *held, more[0]], LIMIT))) == sorted(map(id, [*more, *held]))


def test_after_a_shutdown_nothing_is_taken_and_all_that_was_is_run(executor, tmp_path):
    held = busy(executor, tmp_path / "go")
    waiting = [executor.submit(add, number) for number in range(10)]
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(add, 1)
    touch(tmp_path / "go")
    assert [future.result(LIMIT) for future in waiting] == list(range(10))
    assert all(future.result(LIMIT) for future in held)


def test_calls_that_wait_for_a_thread_can_be_counted(library, tmp_path):
    with library.ThreadPoolExecutor(1) as executor:
        held = executor.submit(wait_for, tmp_path / "go")
        eventually(held.running)
        assert executor._work_queue.qsize() == 0 and executor._work_queue.empty()
        others = [executor.submit(add, 1, number) for number in range(3)]
        assert executor._work_queue.qsize() == 3 and not executor._work_queue.empty()
        (tmp_path / "go").touch()
        assert [future.result(LIMIT) for future in others] == [1, 2, 3]
        assert executor._work_queue.qsize() == 0


def test_a_shutdown_may_withdraw_what_waits(executor, tmp_path):
    held = busy(executor, tmp_path / "go")
    waiting = [executor.submit(add, number) for number in range(20)]
    executor.shutdown(wait=False, cancel_futures=True)
    touch(tmp_path / "go")
    assert all(future.result(LIMIT) for future in held)
    eventually(lambda: all(future.done() for future in waiting))
    # The standard library's processes have taken some ahead.
    assert sum(future.cancelled() for future in waiting) >= 17


def test_an_executor_that_is_gone_has_run_what_it_was_given(library, make, tmp_path):
    executor = make(2)
    kind = type(executor)
    forgotten = kind(1)
    future = forgotten.submit(sleep_and_return, 0.05, 1)
    gone = weakref.ref(forgotten)
    del forgotten
    gc.collect()
    assert future.result(LIMIT) == 1
    eventually(lambda: gc.collect() is not None and gone() is None)


def test_leaving_the_block_waits(make):
    with make(2) as executor:
        futures = [executor.submit(sleep_and_return, 0.02, number) for number in range(6)]
    assert [future.result(0) for future in futures] == list(range(6))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"max_workers": 0}, ValueError), ({"max_workers": -1}, ValueError), ({"initializer": 3}, TypeError)],
)
def test_wrong_arguments(make, arguments, error):
    with pytest.raises(error):
        make(**arguments)


STATE = {}


def remember(value):
    STATE["value"] = value


def remembered():
    return STATE["value"]


def test_an_initializer_runs_in_each_worker_first(make):
    executor = make(2, initializer=remember, initargs=("this",))
    assert {executor.submit(remembered).result(LIMIT) for _ in range(10)} == {"this"}


def test_an_initializer_that_fails_breaks_the_executor(library, make):
    executor = make(1, initializer=fail, initargs=("in the initializer",))
    # Either, as it may have failed before the call is handed in.
    with pytest.raises(library.BrokenExecutor):
        executor.submit(add, 1).result(LIMIT)

    def refused():
        try:
            executor.submit(add, 1)
        except library.BrokenExecutor:
            return True

    eventually(refused)


def test_asyncio_takes_them(executor):
    async def main():
        loop = asyncio.get_running_loop()
        first = await loop.run_in_executor(executor, square, 7)
        second = await asyncio.wrap_future(executor.submit(add, 1, second=1))
        with pytest.raises(ValueError, match="raised there"):
            await loop.run_in_executor(executor, fail, "raised there")
        return first, second

    assert asyncio.run(main()) == (49, 2)


def test_the_standard_functions_take_our_futures(executor, tmp_path):
    held = busy(executor, tmp_path / "go")
    assert concurrent.futures.wait(held, 0.01) == (set(), set(held))
    touch(tmp_path / "go")
    assert set(concurrent.futures.as_completed(held, LIMIT)) == set(held)
    assert concurrent.futures.wait(held) == (set(held), set())


def test_many_threads_ask_one_future(executor, tmp_path):
    held = busy(executor, tmp_path / "go")
    results = []
    threads = [threading.Thread(target=lambda: results.append(held[0].result(LIMIT))) for _ in range(8)]
    for thread in threads:
        thread.start()
    touch(tmp_path / "go")
    for thread in threads:
        thread.join()
    assert len(results) == 8 and len(set(map(id, results))) == 1


AT_EXIT = """
import atexit, sys, time
from {} import {}
def call(path):
    time.sleep(0.1)
    open(path, "w").close()
def late():
    try:
        executor.submit(print)
    except RuntimeError as error:
        print(error)
if __name__ == "__main__":
    atexit.register(late)
    executor = {}(1)
    executor.submit(call, "first")
    executor.submit(call, "second")
"""


@pytest.mark.parametrize("kind", ["ThreadPoolExecutor", "ProcessPoolExecutor"])
def test_the_end_of_the_program_waits_for_what_was_submitted(library, kind, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(AT_EXIT.format(library.__name__, kind, kind))
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout.startswith("cannot schedule new futures after")
    assert (done.stderr, done.returncode) == ("", 0)
    assert (tmp_path / "first").exists() and (tmp_path / "second").exists()


class Node:
    def __init__(self):
        self.future = None


def node():
    return Node()


def test_cycles_through_futures_are_collected(executor):
    def by_result():
        future = executor.submit(node)
        future.result(LIMIT).future = future
        return future

    def by_callback():
        future = executor.submit(add, 1)
        future.add_done_callback(lambda _, future=future: future)
        future.result(LIMIT)
        return future

    def by_attribute():
        future = executor.submit(add, 1)
        future.result(LIMIT)
        future.itself = future
        return future

    def by_function():
        holder = []
        future = executor.submit(lambda: 1 if holder else 0) if "Thread" in type(executor).__name__ else by_attribute()
        holder.append(future)
        future.result(LIMIT)
        return future

    gone = [weakref.ref(made()) for made in (by_result, by_callback, by_attribute, by_function)]
    executor.shutdown()
    eventually(lambda: gc.collect() is not None and not any(ref() for ref in gone))


def test_a_broken_thread_pool_fails_its_calls_past_those_that_were_cancelled(tmp_path):
    def initializer():
        wait_for(tmp_path / "go")
        raise ValueError("in the initializer")

    executor = futures.ThreadPoolExecutor(1, initializer=initializer)
    calls = [executor.submit(add, 1) for _ in range(3)]
    assert calls[0].cancel()
    touch(tmp_path / "go")
    for call in calls[1:]:
        assert isinstance(call.exception(LIMIT), futures.thread.BrokenThreadPool)
    assert calls[0].cancelled()
    executor.shutdown()


def test_a_future_of_a_subclass_takes_arguments_of_its_own(library):
    future = titled(library.Future)("first", loud=True)
    future.set_result(1)
    assert (future.result(), future.title) == (1, ("first", True))
    for arguments, named in [((1,), {}), ((), {"title": 1})]:
        with pytest.raises(TypeError):
            library.Future(*arguments, **named)


def test_a_result_that_comes_to_lead_to_its_future_is_collected(library):
    class Result(dict):
        """Can be referred to weakly."""

    with library.ThreadPoolExecutor(1) as executor:
        future = executor.submit(dict)
        result = future.result(LIMIT)
        canary = Result()
        gone = weakref.ref(canary)
        result.update(future=future, canary=canary)
        del future, result, canary
    gc.collect()
    eventually(lambda: gone() is None)
