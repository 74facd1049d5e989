"""A program may import a standard module a second time: what it has of the first one goes on raising that one's errors.

Tests do so to have a module without its accelerator, and tools that reload a program for all of its modules. Each
program is run under plain python, too, which says what is right.
"""

import pytest

PROGRAMS = {
    "queues between threads": (
        """
{queue} as first
import sys
sys.modules.pop("queue", None)
import queue as second
assert second is not first and second.Full is not first.Full
for module in (first, second):
    for kind in (module.Queue, module.LifoQueue, module.PriorityQueue):
        items = kind(1)
        items.put(1)
        try: items.put(2, block=False)
        except module.Full: print("full")
        try: items.put(2, timeout=0.001)
        except module.Full: print("full")
        items.get()
        try: items.get(timeout=0.001)
        except module.Empty: print("empty")
    try: module.SimpleQueue().get_nowait()
    except module.Empty: print("empty")
""",
        [*["full", "full", "empty"] * 3, "empty"] * 2,
    ),
    "queues between processes": (
        """
{queue} as first
{multiprocessing}
import sys
items = multiprocessing.Queue(1)
sys.modules.pop("queue", None)
import queue as second
assert second.Full is not first.Full
items.put(1)
try: items.put(2, timeout=0.001)
except first.Full: print("full")
items.get()
try: items.get_nowait()
except first.Empty: print("empty")
""",
        ["full", "empty"],
    ),
    "futures": (
        """
{futures} as first
import sys
pool, future = first.ThreadPoolExecutor(1), first.Future()
def raised(name, act, *arguments):
    try: act(*arguments)
    except getattr(first, name): print(name)
for name in [name for name in sys.modules if name.startswith("concurrent.futures")]:
    del sys.modules[name]
import concurrent.futures
raised("TimeoutError", future.result, 0)
future.cancel()
raised("CancelledError", future.result)
raised("InvalidStateError", future.set_result, 1)
print(pool.submit(abs, -1).result())
""",
        ["TimeoutError", "CancelledError", "InvalidStateError", "1"],
    ),
    "pools": (
        """
{multiprocessing}
import sys, time
TimeoutError = multiprocessing.TimeoutError
with multiprocessing.Pool(1) as pool:
    for name in [name for name in sys.modules if name.startswith("multiprocessing")]:
        del sys.modules[name]
    import multiprocessing
    try: pool.apply_async(time.sleep, (60,)).get(0.001)
    except TimeoutError: print("late")
""",
        ["late"],
    ),
}

PLAIN = {"queue": "import queue", "multiprocessing": "import multiprocessing", "futures": "import concurrent.futures"}
#: What is imported again are the standard modules.
BY_OUR_NAMES = {name: f"from manyhands import {name}" for name in PLAIN}


@pytest.mark.parametrize("way", ["plain", "launcher", "by our names"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_errors_are_those_of_the_module_that_was_imported_first(runner, program, way):
    text, lines = PROGRAMS[program]
    runner.write(text.format(**(BY_OUR_NAMES if way == "by our names" else PLAIN)))
    done = runner.run("program.py", manyhands=way == "launcher")
    assert (done.stderr, done.stdout.splitlines(), done.returncode) == ("", lines, 0)
