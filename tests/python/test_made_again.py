"""What of a program's names travels by value in a way of its own: made again, found by its text, or refused.

The same program is run from a file, which workers import, and from standard input, where all that they need comes
along. It says the same both times.
"""

import pytest

PROGRAM = """
import contextlib, contextvars, enum, functools, multiprocessing, sys, threading, typing

@contextlib.contextmanager
def opened():
    yield "open"
def enter():
    with opened() as state: return state

@functools.lru_cache(None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

@functools.singledispatch
def kind(value): return "any"
@kind.register
def _(value: int): return "int"
@kind.register(str)
def _of_text(value): return "text, " + kind(1)

class Shop:
    lock, reentrant, own = threading.Lock(), threading.RLock(), threading.local()
    opened, room, seats = threading.Event(), threading.Condition(), threading.Semaphore(2)
    @functools.singledispatchmethod
    def sells(self, what): return "nothing"
    @sells.register
    def _(self, what: int): return "numbers"
    @functools.cache
    def rent(self): return 5
    @functools.cached_property
    def size(self): return 7
    @classmethod
    def visit(cls):
        with cls.lock, cls.reentrant, cls.room, cls.seats: return cls.opened.is_set(), vars(cls.own)

Shop.own.till = 1

guard = threading.Lock()
limit, unset = contextvars.ContextVar("limit", default=9), contextvars.ContextVar("unset")
def guarded():
    with guard: return limit.get(), unset.get("unset")

def one(): return 1
def by_globals(name): return globals()[name]()
def by_eval(text): return eval(text)
def by_module(name): return getattr(sys.modules[__name__], name)()
def by_main():
    import __main__
    return __main__.one()
def hinted(shop: "Shop", more: "typing.List[Shop]") -> "int": ...
def hints(): return sorted(typing.get_type_hints(hinted)), typing.get_type_hints(hinted)["shop"] is Shop

class Sum(enum.Enum):
    OF_TWO = (lambda a, b: a + b,)
    def __call__(self, *numbers): return self.value[0](*numbers)
class Side(enum.Flag):
    LEFT = 1
    RIGHT = 2

def flags(): return sys.flags

def main():
    @functools.lru_cache(maxsize=10)
    def local(n): return n if n < 2 else local(n - 1) + local(n - 2)
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        def call(function, *arguments): return pool.apply(function, arguments)
        print(call(enter), call(fibonacci, 10), call(lambda: fibonacci(12)), call(local, 10))
        print(call(kind, 1), call(kind, ""), call(lambda: kind("") + kind(b"")))
        print(call(lambda: [Shop().sells(1), Shop().sells(""), Shop().rent(), Shop().size]), call(Shop.visit))
        print(call(guarded))
        print(call(by_globals, "one"), call(by_eval, "one() + 1"), call(by_module, "one"), call(by_main), call(hints))
        print(call(lambda add: add(4, 6), Sum.OF_TWO), call(lambda: Sum.OF_TWO) is Sum.OF_TWO)
        both = Side.LEFT | Side.RIGHT
        print(call(lambda side: side is Side.LEFT | Side.RIGHT, both), call(lambda: Side.LEFT) is Side.LEFT)
        try: call(flags)
        except multiprocessing.pool.MaybeEncodingError: print("not another class of that name")
        try: call(id, guard)
        except TypeError as error: print(error)

if __name__ == "__main__":
    main()
"""

SAID = """\
open 55 144 55
int text, int text, intany
['numbers', 'nothing', 5, 7] (False, {'till': 1})
(9, 'unset')
1 2 1 1 (['more', 'return', 'shop'], True)
10 True
True True
not another class of that name
"""


@pytest.mark.parametrize("how", ["file", "standard input"])
def test_what_comes_along_is_made_again(runner, method, how):
    if how == "file":
        runner.write(PROGRAM)
        done = runner.run("program.py", method)
    else:
        done = runner.run("-", method, input=PROGRAM)
    assert (done.stderr, done.returncode) == ("", 0)
    said, refusal = done.stdout.splitlines()[:-1], done.stdout.splitlines()[-1]
    assert said == SAID.splitlines()
    # A lock among the arguments is the call's own, and no two processes can have it.
    assert refusal.startswith("cannot pickle '_thread.lock' object")
