"""What a new process finds: all as in its parent when it, or its pool, was started, however often that has changed."""

import inspect
import os
import signal
import subprocess
import sys

import pytest
from conftest import eventually

from manyhands import multiprocessing
from manyhands.futures import ProcessPoolExecutor

NAMES = ("BEGINNING", "SET_LATER", "NOT_TEXT")


def environment(_=None):
    """The three variables, as the interpreter knows them and as the C library passes them on."""
    listing = os.fsdecode(subprocess.run(["env", "-0"], stdout=subprocess.PIPE).stdout)
    passed_on = dict(entry.split("=", 1) for entry in listing.split("\0") if "=" in entry)
    return [os.environ.get(name) for name in NAMES], [passed_on.get(name) for name in NAMES]


def tell(queue, look):
    queue.put(look())


def everywhere(ctx, look):
    """What a pool's worker, an executor's and a process find when they look now."""
    with ctx.Pool(1) as pool:
        yield pool.apply(look)
    with ProcessPoolExecutor(1, mp_context=ctx) as executor:
        yield executor.submit(look).result()
    queue = ctx.Queue()
    process = ctx.Process(target=tell, args=(queue, look))
    process.start()
    yield queue.get()
    process.join()


def test_the_environment_is_that_of_the_start(ctx, monkeypatch):
    monkeypatch.setenv("BEGINNING", "first")
    monkeypatch.delenv("SET_LATER", raising=False)
    monkeypatch.delenv("NOT_TEXT", raising=False)
    for found in everywhere(ctx, environment):
        assert found == (["first", None, None],) * 2
    monkeypatch.setenv("BEGINNING", "second=2")
    monkeypatch.setenv("SET_LATER", "")
    for found in everywhere(ctx, environment):
        assert found == (["second=2", "", None],) * 2
    monkeypatch.delenv("BEGINNING")
    monkeypatch.setenv("NOT_TEXT", "\udc80\xe4")
    for found in everywhere(ctx, environment):
        assert found == ([None, "", "\udc80\xe4"],) * 2


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_the_next_worker_finds_what_the_first_found(method, monkeypatch):
    ctx = multiprocessing.get_context(method)
    monkeypatch.setenv("BEGINNING", "of the pool")
    monkeypatch.delenv("SET_LATER", raising=False)
    with ctx.Pool(1, maxtasksperchild=1) as pool:
        first = pool.apply(environment)
        monkeypatch.setenv("BEGINNING", "later")
        monkeypatch.setenv("SET_LATER", "later")
        with ctx.Pool(1) as other:
            assert other.apply(environment)[0][:2] == ["later", "later"]
        assert pool.apply(environment) == pool.apply(environment) == first


def test_a_new_supervisor_starts_workers_as_the_first_one_did(monkeypatch):
    ctx = multiprocessing.get_context("spawn")
    monkeypatch.setenv("BEGINNING", "of the pool")
    with ctx.Pool(1) as pool:
        supervisor, first = pool.apply(os.getppid), pool.apply(environment)
        monkeypatch.setenv("BEGINNING", "later")
        os.kill(supervisor, signal.SIGKILL)
        # Its workers make room for those of the next one.
        eventually(lambda: pool.apply(os.getppid) != supervisor)
        assert pool.apply(environment) == first


PROGRAM = """
import os, resource, signal, sys, time
from multiprocessing import get_context
from concurrent.futures import ProcessPoolExecutor

SIGNALS = signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE

def look(_=None):
    os.umask(mask := os.umask(0))
    return (
        mask, os.getcwd(), sys.argv[1:], sys.path[-1], resource.getrlimit(resource.RLIMIT_CORE)[0],
        sorted(os.sched_getaffinity(0)), os.nice(0), os.sched_getscheduler(0),
        [str(signal.getsignal(number)).split()[0] for number in SIGNALS],
        sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        time.tzname, hash("text") if "PYTHONHASHSEED" in os.environ else None,
    )

"""
PROGRAM += inspect.getsource(tell) + "\n" + inspect.getsource(everywhere)
PROGRAM += """
if __name__ == "__main__":
    ctx = get_context(sys.argv.pop())
    first = set(map(repr, everywhere(ctx, look)))
    assert first == {repr(look())}, (first, look())
    os.umask(0o27)
    os.chdir("/")
    sys.argv.append("more")
    sys.path.append("/nowhere")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.nice(1)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    second = set(map(repr, everywhere(ctx, look)))
    assert second == {repr(look())}, (second, look())
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    third = set(map(repr, everywhere(ctx, look)))
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert ctx.get_start_method() == "fork" or third == {repr(look())}, (third, look())
    if ctx.get_start_method() != "fork":
        os.environ.update(PYTHONHASHSEED="7", TZ="AAA3")
        os.environ.pop("LC_ALL", None)
        of_text = set()
        for *_, name, number in everywhere(ctx, look):
            of_text.add(number)
            assert name == ("AAA", "AAA")
        assert len(of_text) == 1 and None not in of_text
    print("the same")
"""


def test_all_else_is_that_of_the_start(runner, method):
    done = runner.run(runner.write(PROGRAM), method)
    assert (done.stdout, done.stderr) == ("the same\n", "")


PRELOADED = """
import os
os.environ["BEGINNING"] = "preloaded"
os.environ["SET_LATER"] = "preloaded"
"""

PRELOADING = """
import os
from multiprocessing import get_context

def look(names):
    return [os.environ.get(name) for name in names]

if __name__ == "__main__":
    for method in ("forkserver", "spawn"):
        ctx = get_context(method)
        ctx.set_forkserver_preload(["preloaded"])
        os.environ.pop("BEGINNING", None)
        with ctx.Pool(1) as pool:
            print(*pool.apply(look, (["BEGINNING", "SET_LATER"],)))
        os.environ["BEGINNING"] = "program"
        with ctx.Pool(1) as pool:
            print(*pool.apply(look, (["BEGINNING", "SET_LATER"],)))
"""


def test_what_preloading_sets_stays_where_the_program_says_nothing(runner):
    runner.write(PRELOADED, "preloaded.py")
    done = runner.run(runner.write(PRELOADING))
    assert done.stdout.splitlines() == ["preloaded preloaded", "program preloaded", "None None", "program None"]


NAMED = """
import multiprocessing

def parent():
    return multiprocessing.parent_process().name, multiprocessing.current_process().name

def nested(method, queue):
    with multiprocessing.get_context(method).Pool(1) as pool:
        queue.put(pool.apply(parent))

if __name__ == "__main__":
    import sys
    ctx = multiprocessing.get_context(sys.argv[1])
    with ctx.Pool(1) as pool:
        print(*pool.apply(parent))
    multiprocessing.current_process().name = "foreman"
    with ctx.Pool(1) as pool:
        print(*pool.apply(parent))
    queue = ctx.Queue()
    process = ctx.Process(target=nested, args=(sys.argv[1], queue), name="inner")
    process.start()
    print(*queue.get())
    process.join()
"""


def test_workers_know_whose_they_are(runner, method):
    program = runner.write(NAMED)
    ours = runner.run(program, method)
    assert ours.stdout == runner.run(program, method, manyhands=False).stdout
    assert ours.stdout.startswith("MainProcess ")


def handovers(_=None):
    """What is left of the variable that tells a process whose it is: in the interpreter, and in the C library."""
    listing = subprocess.run(["env"], stdout=subprocess.PIPE, text=True).stdout
    found = [line for line in listing.splitlines() if line.startswith("MANYHANDS_HANDOVER=")]
    return os.environ.get("MANYHANDS_HANDOVER"), found


def test_nobody_finds_what_was_handed_to_a_process_in_its_environment(ctx):
    with ctx.Pool(1) as pool:
        assert pool.apply(handovers) == (None, [])
    with ProcessPoolExecutor(1, mp_context=ctx) as executor:
        assert executor.submit(handovers).result() == (None, [])


def test_a_stale_copy_of_it_is_taken_out():
    code = f"from manyhands import _engine; import sys; sys.path.append({os.path.dirname(__file__)!r})"
    code += "; import test_beginnings; print(test_beginnings.handovers())"
    environment = os.environ | {"MANYHANDS_HANDOVER": "supervisor:1:3:4:5:6:1:1025:1026"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert ran.stdout == "(None, [])\n"
