"""Programs that reach into the module `threading` find there what the standard library's has, as it has it.

Each is run under plain python, too, which says what is right. Names are read, written, listed, deleted and put back;
locks are of the classes that the interpreter has for them; a subclass has names of its own; the name of a thread is
anything, and a start that fails is an error where it was asked for.
"""

import concurrent.futures
import subprocess
import sys

import pytest
from conftest import needs

from manyhands import futures

PROGRAMS = {
    "a name is listed, written, deleted, and put back": (
        """
import threading
for name in ("Lock", "excepthook", "get_ident", "_active"):
    assert name in vars(threading) and name in threading.__dict__ and name in dir(threading), name
kept = threading.excepthook
del threading.excepthook
print(hasattr(threading, "excepthook"))
threading.excepthook = kept
vars(threading)["excepthook"] = lambda told: print("told of", told.exc_type.__name__)
thread = threading.Thread(target=lambda: [][0])
thread.start(); thread.join()
vars(threading)["excepthook"] = kept
print(threading.excepthook is kept)
""",
        ["False", "told of IndexError", "True"],
    ),
    "the patches of tests, and their ends": (
        """
import queue, threading
from unittest import mock
with mock.patch("threading.Thread.start") as start:
    threading.Thread().start()
print(start.called)
with mock.patch.object(threading, "Thread") as patched:
    print(threading.Thread is patched)
with mock.patch.dict(vars(threading), {"Event": None}):
    print(threading.Event)
with mock.patch("queue.Queue") as patched, mock.patch("queue.time", None):
    print(queue.Queue is patched, queue.time)
items = queue.Queue()
thread = threading.Thread(target=lambda: items.put(threading.Event().is_set()))
thread.start(); thread.join()
print(items.get())
""",
        ["True", "True", "None", "True None", "False"],
    ),
    "the standard module hears of what is written": (
        """
import threading
ident, asked, go = threading.get_ident, set(), threading.Event()
def listen():
    asked.add(ident())
    return ident()
thread = threading.Thread(target=go.wait)
thread.start()
threading.get_ident = listen
go.set(); thread.join()
threading.get_ident = ident
print(thread.ident in asked)
""",
        ["True"],
    ),
    "the modules and what mentions them, by cloudpickle": (
        """
import cloudpickle, concurrent.futures, multiprocessing, queue, threading
for module in (threading, queue, concurrent.futures, multiprocessing):
    assert cloudpickle.loads(cloudpickle.dumps(module)) is module
print(cloudpickle.loads(cloudpickle.dumps(lambda: (threading.active_count(), queue.Queue().qsize())))())
""",
        ["(1, 0)"],
    ),
    "classes by pickle": (
        """
import pickle, queue, threading
for kind in (threading.Lock, threading.RLock, threading.Event, threading.Thread, queue.Queue):
    assert pickle.loads(pickle.dumps(kind)) is kind
print(threading.Event, threading.Thread, queue.Queue)
""",
        ["<class 'threading.Event'> <class 'threading.Thread'> <class 'queue.Queue'>"],
    ),
    "classes of locks": (
        """
import _thread, functools, pickle, threading
@functools.singledispatch
def kind(lock): return "none"
kind.register(_thread.LockType)(lambda lock: "lock")
kind.register(_thread.RLock)(lambda lock: "reentrant")
for lock in (threading.Lock(), _thread.allocate_lock(), threading.RLock(), _thread.RLock()):
    try: pickle.dumps(lock)
    except TypeError as error: refusal = str(error)
    print(type(lock), kind(lock), lock.__class__ is type(lock), repr(lock).split(" object")[0], refusal, sep=", ")
print(type(_thread.allocate_lock()) is _thread.LockType is type(threading.Lock()))
print(type(threading.RLock()) is _thread.RLock, isinstance(threading.Lock(), _thread.RLock))
""",
        [
            *["<class '_thread.lock'>, lock, True, <unlocked _thread.lock, cannot pickle '_thread.lock' object"] * 2,
            *["<class '_thread.RLock'>, reentrant, True, <unlocked _thread.RLock, cannot pickle '_thread.RLock' object"]
            * 2,
            "True",
            "True False",
        ],
    ),
    "dill": (
        """
import threading, dill
lock = threading.Lock()
lock.acquire()
copies = dill.loads(dill.dumps({"held": lock, "free": threading.Lock(), "reentrant": threading.RLock()}))
print(copies["held"].locked(), copies["free"].locked(), type(copies["reentrant"]) is type(threading.RLock()))
""",
        ["True False True"],
    ),
    "dill of what has locks in it": (
        """
import dill, queue, threading
class Kept:
    def __init__(self):
        self.queue, self.last_first, self.lowest = queue.Queue(3), queue.LifoQueue(), queue.PriorityQueue()
        self.event, self.condition = threading.Event(), threading.Condition(threading.Lock())
        self.semaphore, self.bounded = threading.Semaphore(2), threading.BoundedSemaphore(2)
        self.barrier = threading.Barrier(2, action=print)
        self.event.set(), self.bounded.acquire(), self.semaphore.acquire(), self.barrier.abort()
        for each in (self.queue, self.last_first, self.lowest):
            each.put(2), each.put(1), each.put(3)
        self.event.note = "a note"
for kept in (Kept(), dill.loads(dill.dumps(Kept()))):
    print(kept.queue.maxsize, [each.get() for each in (kept.queue, kept.last_first, kept.lowest)])
    print(kept.queue.unfinished_tasks, kept.event.wait(0), kept.event.note, kept.semaphore._value, kept.bounded._value)
    kept.bounded.release()
    try: kept.bounded.release()
    except ValueError: print("bounded")
    with kept.condition: print(kept.condition.wait(0), kept.barrier.parties, kept.barrier.broken)
""",
        ["3 [2, 3, 1]", "3 True a note 1 1", "bounded", "False 2 True"] * 2,
    ),
    "state of a subclass": (
        """
import copy, pickle, queue, threading
class Kept(queue.Queue):
    def __getstate__(self): return list(self.queue)
    def __setstate__(self, items):
        self.__init__()
        for item in items: self.put(item)
kept = Kept()
kept.put("item")
print(pickle.loads(pickle.dumps(kept)).get(), copy.deepcopy(kept).get(), kept.get())
for kind in (threading.Event, threading.Condition, threading.Semaphore, queue.Queue, queue.LifoQueue):
    for take in (pickle.dumps, copy.deepcopy):
        try: take(kind())
        except TypeError as error: print(error)
""",
        [
            "item item item",
            *["cannot pickle '_thread.lock' object"] * 2,
            *["cannot pickle '_thread.RLock' object"] * 2,
            *["cannot pickle '_thread.lock' object"] * 6,
        ],
    ),
    "trio": (
        """
import sys, trio
async def main():
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(trio.to_thread.run_sync, sys.stdout.write, "in a thread\\n")
    trio.lowlevel.current_trio_token().run_sync_soon(print, "soon")
    await trio.sleep(0)
trio.run(main)
""",
        ["in a thread"] * 3 + ["soon"],
    ),
    "names of threads": (
        r"""
import threading
from concurrent.futures import ThreadPoolExecutor
class Odd:
    def __str__(self): return "odd\0"
names = []
for name in ("\udcfc", "", 7, "long" * 100, "a\0b", Odd(), None):
    thread = threading.Thread(target=lambda: names.append(threading.current_thread().name), name=name)
    thread.start(); thread.join()
class Nameless(threading.Thread):
    def __init__(self): super().__init__(); self._name = None
    def run(self): names.append(self.name)
thread = Nameless(); thread.start(); thread.join()
with ThreadPoolExecutor(1, thread_name_prefix="\udcfc") as pool:
    names.append(pool.submit(lambda: threading.current_thread().name).result())
print(*(ascii(name)[:12] for name in names))
""",
        [r"'\udcfc' 'Thread-1 (< '7' 'longlonglon 'a\x00b' 'odd\x00' 'Thread-2 (< None '\udcfc_0'"],
    ),
    "a thread started by other means": (
        """
import _thread, threading
told = threading.Event()
def run():
    print(isinstance(threading.current_thread(), threading.Thread), threading.current_thread() in threading.enumerate())
    told.set()
_thread.start_new_thread(run, ())
told.wait()
""",
        ["True True"],
    ),
}


@pytest.fixture(params=[False, True], ids=["plain", "manyhands"])
def manyhands(request):
    """Under plain python, and under the launcher."""
    return request.param


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_that_reach_into_it(runner, manyhands, program):
    text, lines = PROGRAMS[program]
    if program.startswith(("dill", "trio")):
        needs(program.partition(" ")[0])
    runner.write(text)
    done = runner.run("program.py", manyhands=manyhands)
    assert (done.stderr, done.stdout.splitlines(), done.returncode) == ("", lines, 0)


#: What private names are called in many a program, ours before today among them.
NAMES = [
    *["_life", "_end", "_opened", "_waiting", "_watch", "_state", "_core", "_plan", "_tell_state", "_is_closed"],
    *["_hooked", "_sequence", "_begin", "_inside", "_raw", "_owner", "_failure", "_record", "_bounded", "_close"],
    *["_worker", "_withdraw", "_hand_over", "_refusal", "_open", "_unwatch", "_replace", "_report", "_unexpected"],
    *["state", "statistics", "begin", "end"],
]

USES = {
    "threading.Thread": ("()", "made.start(); made.join()"),
    "threading.Timer": ("(0, int)", "made.start(); made.join()"),
    "threading.Event": ("()", "made.set(); assert made.wait()"),
    "threading.Condition": ("()", "\n            with made: assert not made.wait(0.001); made.notify_all()"),
    **dict.fromkeys(
        ["threading.Semaphore", "threading.BoundedSemaphore"],
        ("(1)", "\n            with made: assert not made.acquire(False)"),
    ),
    "queue.Queue": (
        "()",
        "made.put(1); assert made.get() == 1; made.task_done(); assert made.mutex; assert made.empty()",
    ),
    **dict.fromkeys(
        ["queue.LifoQueue", "queue.PriorityQueue"],
        ("()", "made.put(1); assert made.get() == 1; assert made.queue == []"),
    ),
    "queue.SimpleQueue": ("()", "made.put(1); assert made.get() == 1"),
    "concurrent.futures.ThreadPoolExecutor": (
        "(1)",
        "assert made.submit(abs, -1).result() == 1; assert made._work_queue.empty(); made.shutdown(False)",
    ),
    "concurrent.futures.Future": (
        "()",
        "made.add_done_callback(lambda made: 1 / 0); made.set_running_or_notify_cancel(); made.set_result(1); "
        "assert concurrent.futures.wait([made]).done; assert made.result() == 1",
    ),
}


@pytest.mark.parametrize("name", USES)
def test_a_subclass_has_names_of_its_own(runner, manyhands, name):
    arguments, use = USES[name]
    # The standard class has its state there.
    names = [own for own in NAMES if not (own == "_state" and name.endswith("Future"))]
    runner.write(
        f"""
import concurrent.futures, logging, queue, threading
# What a callback raises is logged.
logging.disable()
for name in {names!r}:
    for when in ("before", "after", "of the class"):
        class Own({name}):
            if when == "of the class": locals()[name] = 5
            def __init__(self):
                if when == "before": setattr(self, name, 5)
                super().__init__{arguments}
                if when == "after": setattr(self, name, 5)
        made = Own()
        try:
            {use}
            assert getattr(made, name) == 5
        except Exception as error:
            print(name, when, type(error).__name__, error)
print("done")
"""
    )
    done = runner.run("program.py", manyhands=manyhands)
    assert (done.stderr, done.stdout) == ("", "done\n")


@pytest.mark.parametrize("name", ["ThreadPoolExecutor", "Future"])
def test_what_the_standard_class_has_not_is_under_names_that_no_program_uses(name):
    make = (lambda kind: kind(1)) if name == "ThreadPoolExecutor" else (lambda kind: kind())
    ours, standard = getattr(futures, name), getattr(concurrent.futures, name)
    there = {*dir(make(standard)), "__annotations__", "__orig_bases__"}
    assert [extra for extra in dir(make(ours)) if extra not in there and not extra.startswith("_manyhands_")] == []


def test_a_start_that_fails_is_an_error_where_it_was_asked_for(runner):
    runner.write(
        """
import threading
class Never(threading.Thread):
    def _set_ident(self):
        raise ValueError("no number for this one")
thread = Never()
for _ in range(2):
    try: thread.start()
    except ValueError as error: print(error, threading.active_count(), len(threading._limbo))
try: thread.join()
except RuntimeError as error: print(str(error).split(":")[0])
after = threading.Thread(target=print, args=("another",))
after.start(); after.join()
"""
    )
    done = runner.run("program.py")
    lines = ["no number for this one 1 0"] * 2 + ["cannot join thread before it is started", "another"]
    assert (done.stderr, done.stdout.splitlines()) == ("", lines)


@pytest.mark.parametrize("name", ["\udcfc", "", "a\0b", "long" * 100])
def test_processes_have_any_name(ctx, name):
    process = ctx.Process(target=int, name=name)
    process.start()
    process.join()
    assert (process.name, process.exitcode) == (name or process.name, 0)


def test_a_file_of_the_programs_own_by_such_a_name(runner, manyhands):
    runner.write("print('this is mine')\ndef Queue(): return 'my queue'\n", name="queue.py")
    runner.write("import queue, threading\nprint(queue.Queue())\nthreading.Thread(target=print, args=(1,)).start()\n")
    done = runner.run("program.py", manyhands=manyhands)
    assert (done.stderr, done.stdout) == ("", "this is mine\nmy queue\n1\n")


def test_ours_beside_the_standard_module_are_found_under_our_names():
    code = (
        "import pickle, threading, _thread\n"
        "from manyhands import threading as ours\n"
        "assert type(_thread.allocate_lock()) is _thread.LockType is not ours.Lock\n"
        "for kind in (ours.Lock, ours.RLock, ours.Event, ours.Thread):\n"
        "    assert pickle.loads(pickle.dumps(kind)) is kind\n"
        "ours.excepthook = 5\nassert threading.excepthook == 5 == ours.excepthook\n"
        "del ours.excepthook\nassert not hasattr(threading, 'excepthook')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
