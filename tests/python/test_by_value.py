"""What travels by value: it meets the names of the process that it comes to, and classes stay what they are.

Programs are run as a user runs them, from a file, standard input, a package, an archive and inside a profiler, and say
the same everywhere. What is asked in them: does code that no worker could import see what the worker has, its
initializer's doings among it; is what is defined late, or anew, what runs; do classes come back as themselves.
"""

import os
import pickle
import sys
import zipfile

import pytest
from conftest import METHODS

from manyhands import _known, _pickling

SHARED = """
import dataclasses, enum, functools, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor

tax = 1
served = 0

class Size(enum.Enum):
    SMALL = 1
    LARGE = 2

@dataclasses.dataclass
class Order:
    size: Size

class Refused(Exception):
    def __init__(self, why):
        super().__init__(why)
        self.why = why

class Till:
    taken = 0

def begin(today):
    global tax
    tax = today

def taxed(amount):
    return amount * tax

def serve():
    global served
    served += 1
    return served

def make_ticker():
    count = 0
    def tick():
        nonlocal count
        count += 1
        return count
    return tick

tick = make_ticker()
tripled = lambda amount: taxed(amount) * 3

def refuse(why):
    raise Refused(why)

def is_large(order):
    return isinstance(order, Order) and order.size is Size.LARGE

def ask(call):
    def inner(amount):
        return taxed(amount) if amount < 2 else inner(amount - 1) + tax
    def change(value):
        global tax
        tax = value
    def add():
        Till.taken += 5
        return Till.taken
    yield call(taxed, 2), call(lambda amount: amount * tax, 2), call(functools.partial(lambda a, b: a - b * tax, 99), 2)
    yield call(tripled, 1), call(lambda f: f is tripled, tripled), call(inner, 3)
    yield [call(lambda: serve()) for _ in range(3)], call(serve), [call(tick) for _ in range(3)], [call(add), call(add)]
    yield call(is_large, Order(Size.LARGE)), call(lambda order: is_large(order), Order(Size.LARGE))
    order, size, kind, _ = call(lambda: (Order(Size.SMALL), Size.SMALL, Order, lambda: 0))
    yield type(order) is Order, order.size is size is Size.SMALL, kind is Order
    for refuser in refuse, lambda why: refuse(why):
        for why in "closed", lambda: "a lambda":
            try:
                call(refuser, why)
            except Refused as error:
                yield "refused", error.why if error.why == "closed" else error.why()
    call(change, 7)
    yield call(taxed, 1), call(lambda: tax), tax, served, Till.taken

def main():
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(1, begin, (10,)) as pool:
        for answer in ask(lambda function, *arguments: pool.apply(function, arguments)):
            print(*answer)
    with ProcessPoolExecutor(1, context, begin, (10,)) as executor:
        for answer in ask(lambda function, *arguments: executor.submit(function, *arguments).result()):
            print(*answer)

if __name__ == "__main__":
    main()
"""

SAID = """\
20 20 79
30 True 30
[1, 2, 3] 4 [1, 2, 3] [5, 10]
True True
True True True
refused closed
refused a lambda
refused closed
refused a lambda
7 7 1 0 0
"""


def run(runner, how, text, method):
    """Runs the program in one of the ways in which one is given to python; returns what it printed."""
    given = {}
    match how:
        case "file":
            runner.write(text)
            words = ["program.py"]
        case "standard input":
            given["input"], words = text, ["-"]
        case "-c":
            words = ["-c", text]
        case "package" | "folder":
            (runner.folder / "shop").mkdir()
            runner.write("", "shop/__init__.py")
            runner.write(text, "shop/__main__.py")
            words = ["-m", "shop"] if how == "package" else ["shop"]
        case "archive":
            with zipfile.ZipFile(runner.folder / "shop.zip", "w") as archive:
                archive.writestr("__main__.py", text)
            words = ["shop.zip"]
        case "cProfile":
            runner.write(text)
            words = ["-m", "cProfile", "-o", "profile", "program.py"]
        case "trace":
            runner.write(text)
            ignored = os.pathsep.join([sys.base_prefix, sys.prefix, *filter(None, sys.path)])
            words = ["-m", "trace", "--count", "--coverdir", "cover", "--ignore-dir", ignored, "program.py"]
    done = runner.run(*words, method, **given)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


@pytest.mark.parametrize("how", ["file", "standard input"])
def test_it_meets_the_names_of_the_worker(runner, method, how):
    assert run(runner, how, SHARED, method) == SAID * 2


@pytest.mark.parametrize("how", ["-c", "package", "folder", "archive", "cProfile", "trace"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_however_the_program_is_given(runner, method, how):
    assert run(runner, how, SHARED, method) == SAID * 2


LATE = """
import abc, dataclasses, multiprocessing, os, sys, threading

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    pool = context.Pool(1)
    def call(function, *arguments):
        return pool.apply(function, arguments)

    rate = 3
    def scaled(number): return number * rate
    def more(number): return scaled(number) + 1
    print(pool.map(scaled, [1, 2]), call(more, 1), call(lambda: more(2)))
    rate = 5
    print(pool.map(scaled, [1, 2]), call(more, 1), "changed here")
    def scaled(number): return -number * rate
    print(pool.map(scaled, [1, 2]), call(more, 1), "defined anew")
    def change(value):
        global rate
        rate = value
    call(change, 100)
    print(call(scaled, 1), call(lambda: rate), rate, "changed there")
    rate = 6
    print(call(scaled, 1), "stays the worker's")

    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...
    @dataclasses.dataclass
    class Square(Shape):
        side: int
        def area(self): return self.side ** 2
        def twin(self): return Square(self.side)
    twins = pool.map(lambda square: (square.twin(), isinstance(square, Shape)), [Square(1), Square(2)])
    print([(twin.area(), type(twin) is Square, known) for twin, known in twins])
    old = Square(3)
    class Square(Shape):
        def area(self): return -1
    one, two, *told = call(lambda a, b: (a, b, isinstance(a, Square), isinstance(b, Square)), old, Square())
    print(type(one) is type(old), type(two) is Square, told)

    class Closed(Exception): pass
    def close(): raise Closed
    try:
        call(close)
    except Closed:
        print("closed")
    def even(number): return number == 0 or odd(number - 1)
    def odd(number): return number != 0 and even(number - 1)
    class Left:
        def other(self): return Right()
    class Right(Left):
        def other(self): return super(), Left()
    print(call(even, 4), type(call(lambda: Left().other())) is Right, type(call(lambda: Right().other()[1])) is Left)
    def count():
        count.calls = getattr(count, "calls", 0) + 1
        return count.calls
    print([call(count) for _ in range(3)], call(lambda function: function is count, count))
    print([result.get() for result in [pool.apply_async(f) for f in (lambda: 1, lambda: 2)]])

    gate = threading.Lock()
    gate.acquire()
    def enter():
        with gate:
            return "entered"
    def build():
        global gate
        gate = threading.Lock()
    try:
        call(enter)
    except Exception as error:
        print(type(error).__name__, str(error).partition(":")[0])
    call(build)
    print(call(enter))
    pool.close()
    pool.join()

    with context.Pool(1, change, (8,), maxtasksperchild=1) as pool:
        print([(call(lambda: rate), call(scaled, 2)) for _ in range(2)])
"""

LATE_SAID = """\
[3, 6] 4 7
[5, 10] 6 changed here
[-5, -10] -4 defined anew
-100 100 5 changed there
-100 stays the worker's
[(1, True, True), (4, True, True)]
True True [False, True]
closed
True True True
[1, 2, 3] True
[1, 2]
PicklingError 'gate', which enter uses, cannot be sent
entered
[(8, -16), (8, -16)]
"""


@pytest.mark.parametrize("how", ["file", "standard input", "trace"])
def test_what_is_defined_when_the_workers_run_already(runner, method, how):
    assert run(runner, how, LATE, method) == LATE_SAID


OWN = """
import multiprocessing, sys

class Times:
    def __init__(self, factor):
        self.factor = factor
    def __call__(self, number):
        return number * self.factor
    def plus(self, number):
        return number + self.factor

mode = "as imported"
def mode_by_name(): return mode
replaced = lambda: "the first"

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(1) as pool:
        times = Times(3)
        print(pool.map(times, [2, 3]), pool.apply(times, (4,)), list(pool.imap(times, [5])), pool.map(times.plus, [1]))
        mode = "changed later"
        print(pool.apply(mode_by_name) == pool.apply(lambda: mode) == "as imported")
        replaced = lambda: "the second"
        print(pool.apply(replaced))
"""


def test_objects_that_are_called_and_names_that_change_here(runner, method):
    assert run(runner, "file", OWN, method) == "[6, 9] 12 [15] [4]\nTrue\nthe second\n"


class Local:
    """A class of the worker's, as its initializer was given it."""

    kind = None


def keep(kind):
    Local.kind = kind


def test_a_local_class_that_the_initializer_was_given(ctx):
    class Given:
        pass

    given = Given()
    with ctx.Pool(1, keep, (type(given),)) as pool:
        assert pool.apply(lambda: isinstance(given, Local.kind))
        assert type(pool.apply(lambda: Local.kind())) is Given


PROCESSES = """
import enum, multiprocessing, sys

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    class Kind(enum.Enum):
        ONE = 1
    class Word:
        def __init__(self, text): self.text = text
    def echo(there, back, mine):
        given = there.get()
        back.put((isinstance(given, Word), type(given) is type(mine), given, Word("new"), Kind.ONE))
    there, back = context.Queue(), context.SimpleQueue()
    child = context.Process(target=echo, args=(there, back, Word("mine")))
    child.start()
    there.put(Word("sent"))
    *told, given, new, kind = back.get()
    child.join()
    print(*told, type(given) is Word, given.text, type(new) is Word, kind is Kind.ONE, child.exitcode)
"""


@pytest.mark.parametrize("how", ["file", "standard input", "trace"])
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_classes_of_processes_and_queues(runner, method, how):
    assert run(runner, how, PROCESSES, method) == "True True True sent True True 0\n"


def test_what_a_main_module_binds_whatever_the_case():
    source = """
import one.part, two as second
from three import four
five: int = 5
six: int
seven, (eight, *nine) = 1, (2, 3)
for ten in (): eleven = 11
def twelve(): global thirteen
thirteen = 13
if True: fourteen = 14
if __name__ == "__main__":
    five = 15
"""
    bound = _known._bound(source)
    assert bound == dict.fromkeys(["one", "second", "four", "seven", "eight", "nine", "twelve"], 1) | {
        "five": 2,
        "thirteen": 2,
    }


def test_what_is_not_needed_does_not_travel():
    assert pickle.loads(_pickling.dumps_by_value(lambda: METHODS))() is METHODS
    many = "x" * 100_000
    assert len(_pickling.dumps_by_value(lambda: len(METHODS))) < 2000 < len(_pickling.dumps_by_value(lambda: len(many)))
    assert pickle.loads(_pickling.dumps_by_value(lambda: sys.modules[__name__]))().METHODS is METHODS
