"""Futures that a program ends by what it finds inside: `_condition`, `_state`, `_waiters`, the callbacks' list."""

import asyncio
import concurrent.futures
import threading
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING, RUNNING

import pytest
from calls import square

from manyhands import futures

LIBRARIES = {"standard": concurrent.futures, "ours": futures}
LIMIT = 60


@pytest.fixture(params=LIBRARIES)
def library(request):
    """The standard library's module, and ours."""
    return LIBRARIES[request.param]


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
