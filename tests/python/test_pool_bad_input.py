"""Bad input to a pool, under each start method: each costs its own call only, with an error that names it."""

import threading

import pytest
from calls import (
    Unloadable,
    identity,
    lambda_result,
    lock_result,
    raise_stubborn,
    raise_with_lock,
    square,
    unloadable_result,
)
from conftest import eventually

from manyhands import multiprocessing


@pytest.fixture
def surviving(pool):
    """A pool whose workers are the same, and work, when the test is over."""
    before = {worker.pid for worker in eventually(lambda: len(pool._pool) == 2 and pool._pool)}
    yield pool
    assert pool.apply(square, (9,)) == 81
    assert {worker.pid for worker in pool._pool} == before


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
