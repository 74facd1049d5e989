"""Names, signatures and docstrings: those of the standard modules, for programs and for tools that look at them.

One program lists all three, under plain python, under the launcher, and of the package's modules where a program
imports these itself. The lists are compared. What differs on purpose stands here with its reason. Docstrings are in our
own words, so only that there is one is compared.
"""

import json

import pytest

SUBMODULES = """
connection context dummy dummy.connection forkserver heap managers pool popen_fork popen_forkserver popen_spawn_posix
process queues reduction resource_sharer resource_tracker shared_memory sharedctypes spawn synchronize util
"""
MODULES = ["threading", "queue", "concurrent.futures", "concurrent.futures.thread", "concurrent.futures.process"]
MODULES += ["multiprocessing", *(f"multiprocessing.{name}" for name in SUBMODULES.split())]

LIST = f"""
import importlib, inspect, json, sys

def place(path):
    # With an argument, the modules of that package, as a program without the launcher imports them.
    return ".".join(sys.argv[1:] + [path.removeprefix("concurrent.") if sys.argv[1:] else path])

def signature(thing):
    try:
        return str(inspect.signature(thing)).replace("manyhands.", "")
    except (TypeError, ValueError):
        return None

def doc(thing):
    # A class without a docstring would get its base's.
    text = thing.__doc__ if isinstance(thing, type) else inspect.getdoc(thing)
    return (text or "").strip() if callable(thing) else None

found, docs = {{}}, {{}}
for path in {MODULES!r}:
    module = importlib.import_module(place(path))
    for name in dir(module):
        if name.startswith("__"):
            continue
        thing, title = getattr(module, name), f"{{path}}.{{name}}"
        found[title] = signature(thing) if callable(thing) else "no callable"
        docs[title] = doc(thing)
        for member in dir(thing) if isinstance(thing, type) and not name.startswith("_") else ():
            if not member.startswith("_") or member in ("__enter__", "__exit__"):
                value = getattr(thing, member)
                found[f"{{title}}.{{member}}"] = signature(value) if callable(value) else "no callable"
                docs[f"{{title}}.{{member}}"] = doc(value)
print(json.dumps([found, docs]))
"""

#: What ours takes besides: options that the standard library has not, or has from a later version on.
MORE = {
    "retries=0": "how often a call is run again whose worker died",
    "resources=None": "admission by a banker",
    "buffersize=None": "in the standard library from 3.14 on",
    "context=None": "in the standard library from 3.14 on",
}
#: Where parameters differ otherwise, and why.
OTHERWISE = {
    "multiprocessing.forkserver.main": "what the server's own interpreter runs",
    "multiprocessing.popen_forkserver.Popen.DupFd": "how a start method hands on a descriptor",
    "multiprocessing.popen_spawn_posix.Popen.DupFd": "how a start method hands on a descriptor",
}
#: Classes that are functions there on some versions, or written in C, where an object's first parameter has no name.
WRITTEN_IN_C = ("threading.Lock", "threading.RLock", "multiprocessing.dummy.Lock", "multiprocessing.dummy.RLock")
OURS_ARE_WRITTEN_IN_RUST = tuple(
    f"multiprocessing.synchronize.{kind}." for kind in ("Lock", "RLock", "Semaphore", "BoundedSemaphore")
)


def plain_form(text):
    """A signature without what ours has besides, and without the star that only that may need."""
    if text is None:
        return None
    for more in MORE:
        text = text.replace(f", {more}", "")
    return text.replace(", *)", ")")


def is_private(title):
    return any(name.startswith("_") and not name.startswith("__") for name in title.split(".")[1:])


def is_meant(title):
    return title in OTHERWISE or title.startswith(WRITTEN_IN_C) or title.startswith(OURS_ARE_WRITTEN_IN_RUST)


@pytest.fixture(params=["launched", "imported"])
def printed(runner, request):
    runner.write(LIST)
    plain = runner.run("program.py", manyhands=False)
    launched = request.param == "launched"
    ours = runner.run("program.py", *(() if launched else ("manyhands",)), manyhands=launched)
    assert (plain.stderr, ours.stderr) == ("", "")
    return json.loads(plain.stdout), json.loads(ours.stdout)


@pytest.fixture
def lists(printed):
    return [signatures for signatures, _ in printed]


@pytest.fixture
def docs(printed):
    return [docstrings for _, docstrings in printed]


#: What need not be there. Whether a submodule is there before it is imported depends on which others were. The others
#: are what the standard `queue` imports for itself. Under the launcher, where `queue` is that module, they are there.
NEED_NOT_BE = (
    "multiprocessing.queues",
    *(f"queue.{name}" for name in ("heappop", "heappush", "threading", "time", "types")),
)


def test_names(lists):
    plain, ours = lists
    missing = [title for title in plain if title not in ours and not is_private(title)]
    assert [title for title in missing if title not in NEED_NOT_BE] == []


def test_signatures(lists):
    plain, ours = lists
    differences = [
        f"{title}: {signature}, ours {ours[title]}"
        for title, signature in plain.items()
        if title in ours
        and not is_private(title)
        and plain_form(ours[title]) != plain_form(signature)
        and not is_meant(title)
    ]
    assert differences == []


#: A docstring of fewer characters than these says nothing.
STUB = 12


def test_docstrings(docs):
    plain, ours = docs
    missing = [title for title, text in plain.items() if text and ours.get(title, text) == "" and not is_private(title)]
    assert missing == []
    # Names that only ours has are held to it, too. A text that is the standard library's own is as it is.
    stubs = [
        f"{title}: {text}"
        for title, text in ours.items()
        if text and len(text) < STUB and text != plain.get(title) and not is_private(title)
    ]
    assert stubs == []


METHODS = """
import inspect, queue, threading, types
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import pool, queues, synchronize
from unittest import mock

def refuses(call, *arguments):
    try:
        call(*arguments, wrong=True)
    except TypeError:
        return True

for kind, name, make, arguments in (
    (queue.Queue, "get_nowait", queue.Queue, ()),
    (queue.LifoQueue, "put", queue.LifoQueue, ("item",)),
    (threading.Condition, "notify_all", threading.Condition, ()),
    (threading.Barrier, "wait", lambda: threading.Barrier(2), (1,)),
    (threading.BoundedSemaphore, "acquire", threading.BoundedSemaphore, (False,)),
    (Future, "add_done_callback", Future, (print,)),
    (ThreadPoolExecutor, "submit", ThreadPoolExecutor, (print, 1)),
    (threading.Thread, "join", threading.Thread, ()),
):
    with mock.patch.object(kind, name, autospec=True) as patched:
        made = make()
        getattr(made, name)(*arguments)
        print(kind.__name__, name, patched.call_args[0] == (made, *arguments), end=" ")
        print(name == "submit" or refuses(getattr(made, name), *arguments), end=" ")
    method = getattr(kind, name)
    print(isinstance(method, types.FunctionType), method.__qualname__, inspect.signature(method))
for kind in (queue.Queue, threading.Semaphore, threading.Condition, threading.Barrier, threading.Event):
    try:
        mock.create_autospec(kind)(1, 2, 3, 4, 5)
    except TypeError as error:
        print(kind.__name__, error)
"""


def assert_same_under_both(runner, text):
    """The program prints the same under plain python and under the launcher, and has nothing to complain of."""
    runner.write(text)
    plain = runner.run("program.py", manyhands=False)
    ours = runner.run("program.py")
    assert plain.stderr == ""
    assert (ours.stdout, ours.stderr) == (plain.stdout, "")


def test_methods_are_functions_to_a_mock(runner):
    assert_same_under_both(runner, METHODS)


HINTS = """
import multiprocessing, queue, threading, typing
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import pool, queues, synchronize

def subclass(base):
    class Own(base):
        own: int = 0
    return Own

for base in (threading.Thread, threading.Timer, threading.Event, threading.Condition, queue.Queue, queue.PriorityQueue,
             Future, ThreadPoolExecutor, ProcessPoolExecutor, multiprocessing.Process, pool.Pool, pool.ThreadPool,
             queues.Queue, synchronize.Barrier):
    kind = subclass(base)
    print(base.__name__, typing.get_type_hints(kind), typing.get_type_hints(kind.__init__))
"""


def test_hints_of_subclasses(runner):
    assert_same_under_both(runner, HINTS)
