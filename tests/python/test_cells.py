"""Processes of a notebook's cells, in a real kernel, under each start method: what they take, print and leave behind.

The kernel is started under the launcher, or it is a plain one with `%load_ext manyhands`: both behave alike.
"""

import re

import pytest
from conftest import METHODS, eventually

pytest.importorskip("jupyter_client")
pytest.importorskip("ipykernel")

from cells import Came, Kernel

DEFINED = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
factor = 3

class Point:
    def __init__(self, x):
        self.x = x
    def times(self):
        return self.x * factor

@dataclass
class Pair:
    left: int
    right: Point

class Own(Exception):
    pass

def triple(point):
    return Point(point.times())

def swap(pair):
    return Pair(pair.right.x, Point(pair.left))

def refuse(point):
    raise Own(point.x)


class Telling(multiprocessing.Process):
    def __init__(self, queue, point):
        super().__init__()
        self.queue, self.point = queue, point
    def run(self):
        self.queue.put((Pair(1, self.point), triple(self.point)))

def tell(what, *more):
    print(what, "begins", end=" ")
    print("and ends")

def nap():
    print("asleep", flush=True)
    time.sleep(300)
"""


@pytest.fixture(scope="module", params=[(how, method) for how in ("launcher", "extension") for method in METHODS])
def kernel(request, tmp_path_factory):
    """A kernel in which a cell has defined functions and classes, and that has all its helpers."""
    made = Kernel(tmp_path_factory.mktemp("kernel"), *request.param)
    try:
        assert made.run(DEFINED) == Came()
        assert made.run("with multiprocessing.Pool(1) as pool: print(pool.apply(os.getpid) != os.getpid())").output
        yield made
    finally:
        made.close()
    eventually(lambda: not made.processes())


@pytest.fixture
def helpers(kernel):
    """What runs beside the kernel without a cell's doing; the test fails when more is left."""
    before = settled(kernel)
    yield before
    eventually(lambda: set(kernel.processes()) <= before)


def settled(kernel):
    """The processes beside the kernel when nothing of a cell's runs any more."""
    assert kernel.run("import gc; pool = executor = child = None; _ = gc.collect()").raised is None
    eventually(lambda: kernel.run("print(multiprocessing.active_children())").output == "[]\n")
    return set(kernel.processes())


def prints(kernel, cell):
    """What a cell prints that ends well."""
    came = kernel.run(cell)
    assert (came.raised, came.errors) == (None, ""), came
    return came.output


def test_a_process_takes_functions_and_classes_of_cells(kernel, helpers):
    cell = """
queue = multiprocessing.Queue()
child = Telling(queue, Point(2))
child.start()
pair, point = queue.get(timeout=60)
child.join()
print(pair.left, pair.right.x, type(pair) is Pair, point.x, child.exitcode)
child = multiprocessing.Process(target=lambda: queue.put(Point(factor)))
child.start()
print(queue.get(timeout=60).x)
child.join()
"""
    assert prints(kernel, cell) == "1 2 True 6 0\n3\n"


def test_a_pool_takes_functions_and_classes_of_cells(kernel, helpers):
    cell = """
pool = multiprocessing.Pool(2)
print([point.x for point in pool.map(triple, [Point(1), Point(2)])], swap, pool.apply(lambda: factor))
print([type(pair) is Pair for pair in pool.imap(swap, [Pair(1, Point(2))])], pool.starmap(pow, [(2, factor)]))
print(pool.apply(Point(5).times))
try:
    pool.apply(refuse, (Point(7),))
except Own as error:
    print(type(error) is Own, error)
"""
    output = re.sub(r"<function swap at \w+>", "swap", prints(kernel, cell))
    assert output == "[3, 6] swap 3\n[True] [8]\n15\nTrue 7\n"
    # What a later cell defines goes to the same pool.
    later = "def late(point): return triple(point).x + 1\nclass Late(Point): pass\nprint(pool.map(late, [Late(1)]))"
    assert prints(kernel, later) == "[4]\n"
    # A cell that is run again defines a class anew.
    again = "class Late(Point): pass\nprint(type(pool.apply(lambda late: late, (Late(1),))) is Late)\npool.terminate()"
    assert prints(kernel, again) == "True\n"


def test_an_executor_takes_functions_and_classes_of_cells(kernel, helpers):
    cell = """
executor = ProcessPoolExecutor(2)
print([point.x for point in executor.map(triple, [Point(1), Point(2)])], executor.submit(lambda: factor).result())
error = executor.submit(refuse, Point(7)).exception()
print(type(error) is Own, error)
"""
    assert prints(kernel, cell) == "[3, 6] 3\nTrue 7\n"
    assert prints(kernel, "print(executor.submit(lambda pair: swap(pair), Pair(1, Point(2))).result().left)") == "2\n"
    assert prints(kernel, "executor.shutdown()") == ""


def test_output_appears_in_the_cell_that_caused_it(kernel, helpers):
    begun = kernel.begin("pool, executor = multiprocessing.Pool(2), ProcessPoolExecutor(1)\nexecutor.submit(abs, 1)")
    assert kernel.end(begun).raised is None
    caused = {
        "a process": "child = multiprocessing.Process(target=tell, args=('a process',)); child.start(); child.join()",
        "a call": "pool.apply(tell, ('a call',))",
        "a map": "_ = pool.map(tell, ['a map'])",
        "an executor": "_ = executor.submit(tell, 'an executor').result()",
    }
    cells = {}
    for what, cell in caused.items():
        cells[what] = kernel.begin(cell)
        assert kernel.end(cells[what]).raised is None
        # The kernel hands it on some time after the cell has ended, as that cell's.
        kernel.hear(cells[what], "and ends\n")
    errors = kernel.begin("import sys\ndef warn(): print('careful', file=sys.stderr)\npool.apply(warn)")
    assert kernel.end(errors).raised is None
    kernel.hear(errors, "careful\n")
    assert (kernel.came[errors].output, kernel.came[errors].errors) == ("", "careful\n")
    for what, number in cells.items():
        assert kernel.came[number].output == f"{what} begins and ends\n"
    assert kernel.came[begun].output == ""
    assert prints(kernel, "pool.terminate(), executor.shutdown(); None") == ""


STUCK = {
    "a process": "child = multiprocessing.Process(target=nap)\nchild.start()\nchild.join()",
    "a pool": "with multiprocessing.Pool(1) as pool:\n    pool.apply(nap)",
    "a map": "with multiprocessing.Pool(1) as pool:\n    pool.map(lambda _: nap(), [1, 2])",
    "an executor": "with ProcessPoolExecutor(1) as executor:\n    executor.submit(nap).result()",
}


@pytest.mark.parametrize("what", STUCK)
def test_an_interrupted_cell_leaves_no_orphan_and_a_usable_kernel(kernel, helpers, what):
    number = kernel.begin(STUCK[what])
    kernel.hear(number, "asleep\n")
    kernel.interrupt()
    assert kernel.end(number).raised == "KeyboardInterrupt"
    eventually(lambda: set(kernel.processes()) <= helpers)
    cell = "with multiprocessing.Pool(2) as pool: print(pool.map(triple, [Point(1)])[0].x)"
    assert prints(kernel, cell) == "3\n"


def test_a_cell_that_is_run_again_leaves_no_orphan(kernel, helpers):
    cell = "pool = multiprocessing.Pool(2)\nprint([point.x for point in pool.map(triple, [Point(1), Point(2)])])"
    assert prints(kernel, cell) == "[3, 6]\n"
    one = set(kernel.processes()) - helpers
    assert len(one) >= 2
    for _ in range(3):
        assert prints(kernel, cell) == "[3, 6]\n"
    eventually(lambda: len(set(kernel.processes()) - helpers) <= len(one))
    assert not one & set(kernel.processes())
    assert prints(kernel, "pool.terminate()") == ""


@pytest.mark.parametrize("now", [False, True], ids=["shut down", "killed"])
@pytest.mark.parametrize("method", METHODS)
def test_the_end_of_a_kernel_is_the_end_of_what_its_cells_started(tmp_path, method, now):
    kernel = Kernel(tmp_path, "launcher", method)
    try:
        assert kernel.run(DEFINED).raised is None
        cell = (
            "pool, executor = multiprocessing.Pool(2), ProcessPoolExecutor(2)\n"
            "child = multiprocessing.Process(target=nap, daemon=True)\n"
            "child.start()\n"
            "print(pool.map(abs, [-1]), executor.submit(abs, -2).result())"
        )
        number = kernel.begin(cell)
        assert kernel.end(number).raised is None
        kernel.hear(number, "asleep\n")
        assert len(kernel.processes()) >= 5
    finally:
        kernel.close(now)
    eventually(lambda: not kernel.processes())
