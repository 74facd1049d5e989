"""Futures that a program ends by what it finds inside: `_condition`, `_state`, `_waiters`, the callbacks' list."""

import asyncio
import concurrent.futures
import multiprocessing.pool
import threading
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING, RUNNING

import pytest
from calls import fail, square
from conftest import LIMIT, eventually

from manyhands import futures
from manyhands.multiprocessing import pool as our_pools


def wait_for(path):
    return eventually(path.exists)


def ending_itself(library):
    """A class of futures that can be withdrawn while they run, and that end themselves step by step."""

    class Ending(library.Future):
        def cancel(self):
            with self._condition:
                if self._state in (CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED):
                    return self._state != FINISHED
                self._state = CANCELLED_AND_NOTIFIED
                for waiter in self._waiters:
                    waiter.add_cancelled(self)
                self._condition.notify_all()
            self._invoke_callbacks()
            return True

        def set_result(self, result):
            with self._condition:
                self._result, self._state = result, FINISHED
                for waiter in self._waiters:
                    waiter.add_result(self)
                self._condition.notify_all()
            self._invoke_callbacks()

    return Ending


def test_a_subclass_ends_itself(library):
    future, heard = ending_itself(library)(), []
    assert future.set_running_or_notify_cancel() and future.running()
    future.add_done_callback(lambda over: heard.append(over.cancelled()))
    assert future.cancel() and future.cancelled() and future.done() and heard == [True]
    with pytest.raises(futures.CancelledError):
        future.result(LIMIT)
    future = ending_itself(library)()
    future.add_done_callback(lambda over: heard.append(over.result()))
    future.set_result([1])
    assert future.result() == [1] == heard[1] and not future.cancel()


@pytest.mark.parametrize("how", ["result", "wait", "as_completed"])
def test_whoever_waits_hears_of_it(library, how):
    future, heard = ending_itself(library)(), []
    waits = {
        "result": lambda: heard.append(future.result(LIMIT)),
        "wait": lambda: heard.extend(over.result() for over in library.wait([future], LIMIT).done),
        "as_completed": lambda: heard.extend(over.result() for over in library.as_completed([future], LIMIT)),
    }
    waiter = threading.Thread(target=waits[how])
    waiter.start()
    future.set_result(4)
    waiter.join(LIMIT)
    assert heard == [4]


def test_a_state_is_what_it_was_set_to(library):
    future = library.Future()
    future._state = RUNNING
    assert future.running() and not future.cancel()
    future._state = PENDING
    assert future.cancel() and future._state == CANCELLED
    future = library.Future()
    future._state = FINISHED
    assert future.done() and future.result() is None and future.exception() is None


def test_a_result_and_an_exception_are_what_they_were_set_to(library):
    future = library.Future()
    future._result = 3
    assert future._result == 3 and not future.done()
    future._state = FINISHED
    assert future.result(0) == 3
    future._exception = error = ValueError()
    assert future.exception(0) is error is future._exception and "raised ValueError" in repr(future)
    future._exception = None
    assert future.exception(0) is None


@pytest.mark.parametrize("untrue", [None, "", 0])
def test_an_exception_that_is_not_true_is_none(library, untrue):
    future = library.Future()
    future.set_exception(untrue)
    assert future.done() and future.result(0) is None and future.exception(0) == untrue
    assert "finished returned NoneType" in repr(future)


def test_an_exception_that_nobody_can_raise(library):
    future = library.Future()
    future.set_exception("text")
    assert future.exception(0) == "text" and "finished raised str" in repr(future)
    with pytest.raises(TypeError, match="exceptions must derive from BaseException"):
        future.result(0)
    future = library.Future()
    future.set_exception(ValueError)
    with pytest.raises(ValueError, match=r"^$"):
        future.result(0)


def test_an_untrue_exception_ends_a_coroutine_s_wait(library):
    async def wait():
        future = library.Future()
        wrapped = asyncio.wrap_future(future)
        future.set_exception(None)
        return await asyncio.wait_for(wrapped, LIMIT)

    assert asyncio.run(wait()) is None


@pytest.mark.parametrize("attributes", [{"_state": "mine", "_result": 5}, {"__slots__": ("_state",)}])
def test_what_a_subclass_has_by_the_same_names(library, attributes):
    own = type("Own", (library.Future,), attributes)
    future = own()
    assert future._state == PENDING and future._result is None and "state=pending" in repr(future)
    future.set_result(3)
    assert future._state == FINISHED and future.result(0) == future._result == 3
    assert own._state == attributes.get("_state", own._state)


def test_an_unknown_state_is_refused():
    with pytest.raises(ValueError, match='no state of a future: "SLEEPING", for <Future at '):
        futures.Future()._state = "SLEEPING"


def test_a_subclass_invokes_its_callbacks_its_own_way(library):
    heard = []

    class Noting(library.Future):
        def _invoke_callbacks(self):
            heard.append(len(self._done_callbacks))
            super()._invoke_callbacks()
            heard.append("invoked")

    future = Noting()
    future.add_done_callback(lambda over: heard.append(over.exception()))
    future.set_exception(error := ValueError())
    assert heard == [1, error, "invoked"]


def test_the_list_of_callbacks_is_the_future_s_own(library):
    future, heard = library.Future(), []
    for number in range(3):
        future.add_done_callback(lambda over, number=number: heard.append(number))
    assert len(future._done_callbacks) == 3
    future._done_callbacks.pop(1)
    future.add_done_callback(lambda over: heard.append("later"))
    future.set_result(None)
    assert heard == [0, 2, "later"]
    future = library.Future()
    future._done_callbacks = [heard.append]
    future.set_result(None)
    assert heard[-1] is future


def test_the_list_of_callbacks_of_a_call(library):
    with library.ProcessPoolExecutor(1) as executor:
        future, over = executor.submit(square, 3), threading.Event()
        assert future._done_callbacks == []
        future.add_done_callback(lambda future: over.set())
        assert over.wait(LIMIT) and future.result() == 9


KINDS = ("ThreadPoolExecutor", "ProcessPoolExecutor")
METHODS = ("set_running_or_notify_cancel", "set_result", "set_exception")


@pytest.fixture
def noted(library, monkeypatch):
    """What the methods are called with that a tracer puts in the place of the class's."""
    calls = []

    def noting(name, method):
        def note(future, *answer):
            calls.append((name, *map(repr, answer)))
            return method(future, *answer)

        return note

    for name in METHODS:
        monkeypatch.setattr(library.Future, name, noting(name, getattr(library.Future, name)))
    return calls


BEGUN = ("set_running_or_notify_cancel",)


@pytest.mark.parametrize("kind", KINDS)
def test_executors_answer_by_the_methods_that_the_class_has(library, kind, noted):
    with getattr(library, kind)(1) as executor:
        assert executor.submit(square, 3).result(LIMIT) == 9
        assert noted == [BEGUN, ("set_result", "9")]
        del noted[:]
        with pytest.raises(KeyError):
            executor.submit(fail, 3).result(LIMIT)
        assert noted == [BEGUN, ("set_exception", "KeyError(3)")]
        del noted[:]
        # Unasked, too.
        executor.submit(square, 4)
        eventually(lambda: noted == [BEGUN, ("set_result", "16")])


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_is_withdrawn_is_begun_with_and_not_answered(library, kind, noted, tmp_path):
    with getattr(library, kind)(1) as executor:
        first = executor.submit(wait_for, tmp_path / "go")
        others = [executor.submit(square, number) for number in range(4)]
        assert others[-1].cancel()
        (tmp_path / "go").touch()
        assert first.result(LIMIT) and [future.result(LIMIT) for future in others[:3]] == [0, 1, 4]
        eventually(lambda: noted.count(BEGUN) == 5)
    assert len(noted) == 5 + 4


@pytest.mark.parametrize("kind", KINDS)
def test_methods_that_are_put_back_are_the_class_s_own(library, kind, monkeypatch):
    heard, own = [], library.Future.set_result
    with getattr(library, kind)(1) as executor:
        for _ in range(2):
            monkeypatch.setattr(library.Future, "set_result", lambda future, value: heard.append(own(future, value)))
            assert executor.submit(square, 3).result(LIMIT) == 9
            library.Future.set_result = own
            assert executor.submit(square, 4).result(LIMIT) == 16
            monkeypatch.undo()
            assert executor.submit(square, 5).result(LIMIT) == 25
    assert heard == [None, None]


def test_callbacks_are_invoked_by_the_method_that_the_class_has(library, monkeypatch):
    heard, own = [], library.Future._invoke_callbacks
    monkeypatch.setattr(library.Future, "_invoke_callbacks", lambda future: (heard.append("invoked"), own(future)))
    with library.ThreadPoolExecutor(1) as executor:
        executor.submit(square, 3).add_done_callback(lambda over: heard.append(over.result()))
    assert sorted(map(str, heard)) == ["9", "invoked"]


def test_results_of_thread_pools_are_no_futures(library, noted):
    pools = multiprocessing.pool if library is concurrent.futures else our_pools
    with pools.ThreadPool(1) as pool:
        assert pool.apply_async(square, (3,)).get(LIMIT) == 9
    assert noted == []
