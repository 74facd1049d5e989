"""Ctrl-C while an object is made of a worker's answer is for whoever asked; the next one who asks gets the answer.

The same for futures and for results of pools, and for a time limit that a signal's handler keeps.
"""

import math
import os
import signal
import threading
import time
from contextlib import contextmanager

import pytest
from calls import square
from conftest import eventually
from sleeping import can_be_seen, ends_by_itself

from manyhands import futures, multiprocessing

LIMIT = 60


class Slow:
    """Waits for a file when it is unpickled where it came from, and says that it does."""

    def __init__(self, directory):
        self.directory = directory

    def __reduce__(self):
        return made_slowly, (self.directory,)


def made_slowly(directory):
    (directory / "reading").touch()
    while not (directory / "go").exists():
        time.sleep(0.001)
    return "made"


class SlowError(Exception):
    def __init__(self, directory):
        super().__init__(directory)

    def __reduce__(self):
        return slow_error, self.args


def slow_error(directory):
    return LookupError(made_slowly(directory))


def raise_slowly(directory):
    raise SlowError(directory)


class Enough(Exception):
    """What a handler raises that has a limit of time kept."""


def enough(signum, frame):
    raise Enough


def slow_at_two(directory, number):
    return Slow(directory) if number == 2 else number


@contextmanager
def interrupted(directory, handler, first=lambda: None):
    """While the main thread makes an object that is slow, `first` is called and SIGINT comes; the next attempt is not
    slow any more."""

    def interrupt():
        eventually((directory / "reading").exists)
        first()
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, handler)
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        with pytest.raises(Enough if handler is enough else KeyboardInterrupt):
            yield
        interrupting.join()
    finally:
        signal.signal(signal.SIGINT, before)
    (directory / "go").touch()


@contextmanager
def future(function, *arguments):
    with futures.ProcessPoolExecutor(1) as executor:
        yield executor.submit(function, *arguments).result


@contextmanager
def result(function, *arguments):
    with multiprocessing.Pool(1) as pool:
        yield pool.apply_async(function, arguments).get


handlers = pytest.mark.parametrize("handler", [signal.default_int_handler, enough])


@handlers
@pytest.mark.parametrize("function", [Slow, raise_slowly])
@pytest.mark.parametrize("submitted", [future, result])
def test_the_next_one_who_asks_gets_the_answer(submitted, function, handler, tmp_path):
    with submitted(function, tmp_path) as ask:
        with interrupted(tmp_path, handler):
            ask(LIMIT)
        for _ in range(2):
            if function is Slow:
                assert ask(LIMIT) == "made"
            else:
                with pytest.raises(LookupError, match="made"):
                    ask(LIMIT)


@handlers
@pytest.mark.parametrize("chunksize", [1, 2, 5])
def test_a_maps_result_goes_on_where_it_was(chunksize, handler, tmp_path):
    with multiprocessing.Pool(2) as pool:
        result = pool.starmap_async(slow_at_two, [(tmp_path, number) for number in range(5)], chunksize)
        with interrupted(tmp_path, handler):
            result.get(LIMIT)
        assert result.ready() and result.successful()
        assert result.get(LIMIT) == result.get() == [0, 1, "made", 3, 4]


@pytest.mark.parametrize("look", ["successful", "_success", "_value"])
def test_a_look_at_a_result_is_interrupted_as_well(look, tmp_path):
    with multiprocessing.Pool(1) as pool:
        result = pool.apply_async(Slow, (tmp_path,))
        result.wait(LIMIT)
        with interrupted(tmp_path, signal.default_int_handler):
            found = getattr(result, look)
            found()
        assert result.successful() and result._value == "made"


@pytest.mark.parametrize("submitted", [future, result])
def test_threads_that_ask_meanwhile_are_woken_and_one_goes_on(submitted, tmp_path):
    """They do not look from time to time whether the thread that reads the answer was interrupted."""
    with submitted(Slow, tmp_path) as ask:
        found = []
        asking = [threading.Thread(target=lambda: found.append(ask())) for _ in range(3)]

        def ask_too():
            for thread in asking:
                thread.start()
            if can_be_seen():
                eventually(lambda: all(ends_by_itself(thread.native_id) == math.inf for thread in asking))

        with interrupted(tmp_path, signal.default_int_handler, ask_too):
            ask()
        for thread in asking:
            thread.join(LIMIT)
        assert found == ["made"] * 3


def test_those_who_are_to_hear_of_it_do_not_wait_for_the_next_one(tmp_path):
    """A future's answer is the interrupt itself where somebody waits to hear of it unasked."""
    heard = threading.Event()
    with futures.ProcessPoolExecutor(1) as executor:
        future = executor.submit(Slow, tmp_path)
        # Nobody has told the pool of it before the main thread came to read the result.
        with interrupted(tmp_path, signal.default_int_handler, lambda: future.add_done_callback(lambda _: heard.set())):
            future.result(LIMIT)
        assert heard.wait(LIMIT)


def ask_in_a_copy(result):
    """Asks for the result in a fork's copy of this process: what that raises there."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            result.get(LIMIT)
        except BaseException as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as told:
        return told.read()


def test_a_forks_copy_of_a_result_takes_nothing(tmp_path):
    """Whoever asks there gets an error, and the process that submitted the call has its answer."""
    with multiprocessing.Pool(1) as pool:
        results = [pool.apply_async(square, (number,)) for number in range(3)]
        results[-1].wait(LIMIT)
        for result in results:
            assert "belongs to the process that submitted the call" in ask_in_a_copy(result)
        more = [pool.apply_async(square, (number,)) for number in range(3, 10)]
        assert [result.get(LIMIT) for result in results + more] == [number**2 for number in range(10)]
