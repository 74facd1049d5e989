"""All that the standard `multiprocessing` has by name is there: what we do not make ourselves is its own, over ours."""

import json
import multiprocessing as standard
import os
import pkgutil

import pytest

from manyhands import multiprocessing
from manyhands.multiprocessing import synchronize

NAMES = """
import importlib, json, os, pkgutil
folder = os.path.join(os.path.dirname(os.__file__), "multiprocessing")
found = {}
for name in ["multiprocessing", *(each.name for each in pkgutil.walk_packages([folder], "multiprocessing."))]:
    try:
        found[name] = [called for called in vars(importlib.import_module(name)) if not called.startswith("__")]
    except ImportError:
        # For another operating system.
        continue
print(json.dumps(found))
"""
MISSING = """
import importlib, json, sys
wanted = {importlib.import_module(module): names for module, names in json.load(sys.stdin).items()}
print([(module.__name__, name) for module, names in wanted.items() for name in names if not hasattr(module, name)])
"""


def test_every_module_has_every_name(runner):
    runner.write(NAMES)
    standard = runner.run("program.py", manyhands=False).stdout
    assert len(json.loads(standard)) > 20
    runner.write(MISSING)
    assert runner.run("program.py", input=standard).stdout == "[]\n"


def test_every_name_of_a_context(ctx):
    plain = standard.get_context(ctx.get_start_method())
    assert [name for name in dir(plain) if not name.startswith("__") and not hasattr(ctx, name)] == []
    assert multiprocessing.AuthenticationError is standard.AuthenticationError


@pytest.mark.parametrize(
    ("used", "there"),
    [
        ("Pipe()", ["connection", "util"]),
        ("Queue()", ["queues", "connection", "synchronize", "util"]),
        ("SimpleQueue()", ["queues", "connection", "synchronize", "util"]),
        ("JoinableQueue()", ["queues", "connection", "synchronize", "util"]),
        ("Lock()", ["synchronize", "util"]),
        ("Barrier(1)", ["synchronize", "heap", "util"]),
        ("Value('i')", ["sharedctypes", "heap", "synchronize", "util"]),
        ("RawArray('i', 1)", ["sharedctypes", "heap"]),
        ("get_logger()", ["util"]),
        ("Pool(1).terminate()", ["pool", "queues", "connection", "synchronize", "popen_fork"]),
        ("set_forkserver_preload([])", ["forkserver", "connection", "spawn", "resource_tracker"]),
    ],
)
def test_what_is_in_use_is_there_without_an_import(runner, used, there):
    runner.write(
        "import multiprocessing\n"
        f"names = {there}\n"
        "before = [name for name in names if hasattr(multiprocessing, name)]\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.{used}\n"
        "    print(before, [name for name in names if not hasattr(multiprocessing, name)])\n"
    )
    for manyhands in (False, True):
        assert runner.run("program.py", manyhands=manyhands).stdout == "[] []\n"


def test_passed_on_modules_stand_on_ours_and_keep_their_names(runner):
    runner.write(
        "import multiprocessing.managers, multiprocessing.sharedctypes, multiprocessing.dummy.connection\n"
        "import manyhands.multiprocessing.managers as ours\n"
        "print(ours is multiprocessing.managers, ours.__name__, ours.get_context is multiprocessing.get_context)\n"
        "print(ours.Token.__module__, type(multiprocessing.Value('i').get_lock()).__module__)\n"
        "print(multiprocessing.dummy.__name__, multiprocessing.dummy.Pool.__module__)\n"
    )
    assert runner.run("program.py").stdout.splitlines() == [
        "True manyhands.multiprocessing.managers True",
        "multiprocessing.managers manyhands.multiprocessing.synchronize",
        "multiprocessing.dummy multiprocessing.dummy",
    ]


def test_the_exceptions_of_queues():
    from queue import Empty, Full

    from manyhands.multiprocessing import queues

    assert (queues.Empty, queues.Full) == (Empty, Full)
    with pytest.raises(AttributeError, match=r"module 'manyhands.multiprocessing.queues' has no attribute 'Filled'"):
        queues.Filled  # noqa: B018


def test_the_kind_of_a_lock(ctx):
    plain = standard.get_context("fork")
    for name in ("Lock", "RLock", "Semaphore", "BoundedSemaphore"):
        ours, theirs = getattr(ctx, name)(), getattr(plain, name)()
        assert isinstance(ours, synchronize.SemLock)
        for lock in (ours, theirs):
            with lock:
                assert lock._semlock._is_zero()
        seen = [(lock._semlock.kind, lock._semlock.maxvalue, lock._semlock._get_value()) for lock in (ours, theirs)]
        assert seen[0] == seen[1]
    assert not isinstance(ctx.Event(), synchronize.SemLock)
    assert not issubclass(int, synchronize.SemLock)


class OnlyOne(synchronize.SemLock):
    def __init__(self, ctx):
        super().__init__(synchronize.SEMAPHORE, 1, 1, ctx=ctx)


def give_back(lock, ended):
    lock.release()
    ended.set()


def test_a_lock_of_ones_own(ctx):
    lock, ended = OnlyOne(ctx), ctx.Event()
    with lock:
        assert lock._semlock._get_value() == 0
        child = ctx.Process(target=give_back, args=(lock, ended))
        child.start()
        assert lock.acquire(timeout=60)
        child.join()
    assert lock._semlock._get_value() == 1
    with pytest.raises(ValueError):
        lock.release()


def test_no_module_was_forgotten():
    folder = os.path.dirname(standard.__file__)
    for each in pkgutil.iter_modules([folder]):
        if not each.name.endswith("win32"):
            assert __import__(f"manyhands.multiprocessing.{each.name}", fromlist=["_"])


def test_submodules_that_an_executor_has_imported(runner):
    runner.write(
        "import multiprocessing\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "print(multiprocessing.queues.Queue is type(multiprocessing.Queue()), multiprocessing.connection.__name__)\n"
        "print([hasattr(multiprocessing, name) for name in ('context', 'process', 'reduction', 'util', 'managers')])\n"
    )
    done = runner.run("program.py")
    said = "True multiprocessing.connection\n[True, True, True, True, False]\n"
    assert (done.stdout, done.stderr, done.returncode) == (said, "", 0)
