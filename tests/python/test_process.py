"""Processes under each start method: what a program sees of a child, and a child of its parent."""

import gc
import os
import signal
import sys
import threading
import time

import pytest
import sleeping
from conftest import alive, eventually

from manyhands import multiprocessing


def tell(queue, *values):
    queue.put(values)


def describe(queue, named):
    this = multiprocessing.current_process()
    parent = multiprocessing.parent_process()
    queue.put((this.name, this.pid, os.getpid(), this.daemon, os.getppid(), parent.pid, parent.name, parent.is_alive()))
    queue.put((named, multiprocessing.get_start_method(), multiprocessing.active_children(), sys.stdin.read()))


def end_with(how):
    if isinstance(how, int) and how < 0:
        os.kill(os.getpid(), -how)
    sys.exit(how)


def fail():
    raise ValueError("on purpose")


def wait_for_ever():
    while True:
        time.sleep(60)


def start_and_tell(queue):
    child = multiprocessing.Process(target=tell, args=(queue, "grandchild"))
    child.start()
    child.join()
    queue.put(child.exitcode)


def outlive(queue):
    parent = multiprocessing.parent_process()
    queue.put(os.getpid())
    parent.join()
    queue.put(parent.is_alive())


class Counter(multiprocessing.Process):
    def __init__(self, queue, most):
        super().__init__(name="the counter")
        self.queue = queue
        self.most = most

    def run(self):
        for number in range(self.most):
            self.queue.put(number)


def test_what_a_child_sees(ctx):
    queue = ctx.Queue()
    child = ctx.Process(target=describe, args=(queue,), kwargs={"named": "yes"}, name="Anna", daemon=True)
    assert (child.name, child.pid, child.exitcode, child.is_alive()) == ("Anna", None, None, False)
    child.start()
    name, ident, pid, daemon, getppid, parent, parent_name, parent_lives = queue.get(timeout=30)
    assert (name, ident, daemon, parent_lives) == ("Anna", pid, True, True)
    assert parent == getppid == os.getpid()
    assert parent_name == multiprocessing.current_process().name
    method = ctx.get_start_method()
    assert queue.get(timeout=30) == ("yes", method, [], "")
    child.join()
    assert (child.pid, child.exitcode, child.is_alive()) == (pid, 0, False)
    assert repr(child).endswith("stopped exitcode=0 daemon>")


def test_a_subclass(method, monkeypatch):
    monkeypatch.setattr(multiprocessing.context._default_context, "_actual_context", None)
    multiprocessing.set_start_method(method)
    queue = multiprocessing.Queue()
    child = Counter(queue, 3)
    child.start()
    assert [queue.get(timeout=30) for _ in range(3)] == [0, 1, 2]
    child.join()
    assert child.name == "the counter"


@pytest.mark.parametrize(("how", "code"), [(0, 0), (3, 3), (None, 0), ("text", 1), (-9, -9), (-15, -15)])
def test_exit_codes(ctx, how, code, capfd):
    child = ctx.Process(target=end_with, args=(how,))
    child.start()
    child.join()
    assert child.exitcode == code
    assert ("text" in capfd.readouterr().err) == (how == "text")


def test_an_exception_in_a_child_is_printed_there(ctx, capfd):
    child = ctx.Process(target=fail, name="the failing one")
    child.start()
    child.join()
    assert child.exitcode == 1
    error = capfd.readouterr().err
    assert error.startswith("Process the failing one:\nTraceback")
    assert error.endswith("ValueError: on purpose\n")


def test_join_with_a_time_out_then_the_ways_to_end_it(ctx):
    for end, code in (("terminate", -signal.SIGTERM), ("kill", -signal.SIGKILL)):
        child = ctx.Process(target=wait_for_ever)
        child.start()
        assert child.join(0.05) is None
        assert child.is_alive()
        assert child.exitcode is None
        assert child in ctx.active_children()
        getattr(child, end)()
        child.join()
        assert child.exitcode == code
        assert child not in ctx.active_children()
        getattr(child, end)()  # nothing is left to be ended
        child.close()
        with pytest.raises(ValueError, match="process object is closed"):
            child.join()


def test_the_sentinel_polls_readable_at_the_end(ctx):
    from manyhands.multiprocessing import connection

    child = ctx.Process(target=wait_for_ever)
    with pytest.raises(ValueError, match="not started"):
        _ = child.sentinel
    child.start()
    assert connection.wait([child.sentinel], 0.02) == []
    child.kill()
    assert connection.wait([child.sentinel], 30) == [child.sentinel]
    child.join()


def test_misuse(ctx):
    child = ctx.Process(target=wait_for_ever)
    with pytest.raises(AssertionError, match=r"^can only join a started process$"):
        child.join()
    child.start()
    with pytest.raises(AssertionError, match=r"^cannot start a process twice$"):
        child.start()
    with pytest.raises(ValueError, match="still running"):
        child.close()
    with pytest.raises(AssertionError, match="already started"):
        child.daemon = True
    child.kill()
    child.join()


def test_a_grandchild(ctx):
    queue = ctx.Queue()
    child = ctx.Process(target=start_and_tell, args=(queue,))
    child.start()
    assert queue.get(timeout=30) == ("grandchild",)
    assert queue.get(timeout=30) == 0
    child.join()


def test_a_daemon_has_no_children(ctx, capfd):
    child = ctx.Process(target=start_and_tell, args=(ctx.Queue(),), daemon=True)
    child.start()
    child.join()
    assert child.exitcode == 1
    assert "daemonic processes are not allowed to have children" in capfd.readouterr().err


def test_a_pipe_as_an_argument(ctx):
    ours, theirs = ctx.Pipe()
    child = ctx.Process(target=answer, args=(theirs,))
    child.start()
    ours.send([1, "two"])
    assert ours.recv() == ["two", 1]
    child.join()


def answer(connection):
    connection.send(connection.recv()[::-1])


def test_a_descriptor_is_open_as_long_as_the_process_object(ctx):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        child = ctx.Process(target=os.getpid)
        child.start()
        child.join()
    del child
    gc.collect()
    # The zygote's and the reaper's stay.
    assert len(os.listdir("/proc/self/fd")) <= before + 10


def test_many_at_once(ctx):
    queue = ctx.Queue()
    children = [ctx.Process(target=tell, args=(queue, number)) for number in range(20)]
    for child in children:
        child.start()
    assert sorted(queue.get(timeout=60)[0] for _ in children) == list(range(20))
    for child in children:
        child.join()
        assert child.exitcode == 0


DAEMON = """
import multiprocessing, os, sys, time
def start():
    child = multiprocessing.Process(target=time.sleep, args=(3600,), daemon=True)
    child.start()
    print(child.pid, flush=True)
if __name__ == "__main__":
    start()
    if sys.argv[1] == "_exit":
        os._exit(0)
"""


ORPHAN = """
import multiprocessing, os, sys
def work(path, parent):
    while os.getppid() == parent:
        pass
    with open(path, "w") as file:
        file.write("went on")
if __name__ == "__main__":
    multiprocessing.Process(target=work, args=(sys.argv[1], os.getpid())).start()
    os._exit(0)
"""


def test_a_child_goes_on_whose_parent_ended_at_once(runner, method, tmp_path):
    told = tmp_path / "told"
    runner.write(ORPHAN)
    done = runner.run("program.py", str(told), options=["--start-method", method])
    assert (done.stderr, done.returncode) == ("", 0)
    eventually(lambda: told.exists() and told.read_text() == "went on", 30)


@pytest.mark.parametrize("end", ["end", "_exit"])
def test_daemons_end_with_their_parent(runner, method, end):
    runner.write(DAEMON)
    done = runner.start("program.py", end, options=["--start-method", method])
    child = int(done.stdout.readline())
    done.wait(30)
    eventually(lambda: not alive(child), 10)
    done.communicate()


def test_by_value_where_no_child_can_import_the_main_module(runner, method):
    code = (
        "import multiprocessing\n"
        f"multiprocessing.set_start_method({method!r})\n"
        "factor = 3\n"
        "class Thing:\n"
        "    def __init__(self, x): self.x = x\n"
        "def work(queue, thing): queue.put(thing.x * factor)\n"
        "queue = multiprocessing.Queue()\n"
        "child = multiprocessing.Process(target=work, args=(queue, Thing(14)))\n"
        "child.start(); print(queue.get()); child.join()\n"
    )
    done = runner.run("-c", code)
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_the_start_method_is_set_once(monkeypatch):
    default = multiprocessing.context._default_context
    monkeypatch.setattr(default, "_actual_context", None)
    assert multiprocessing.get_start_method(allow_none=True) is None
    multiprocessing.set_start_method("spawn")
    assert multiprocessing.get_start_method() == "spawn"
    with pytest.raises(RuntimeError, match="context has already been set"):
        multiprocessing.set_start_method("fork")
    multiprocessing.set_start_method("fork", force=True)
    assert multiprocessing.get_context().get_start_method() == "fork"
    with pytest.raises(ValueError, match="cannot find context for 'nonsense'"):
        multiprocessing.get_context("nonsense")
    with pytest.raises(ValueError, match="concrete context"):
        multiprocessing.get_context("spawn").set_start_method("fork")
    assert sorted(multiprocessing.get_all_start_methods()) == ["fork", "forkserver", "spawn"]


def spoil(stream, how):
    if how == "close":
        getattr(sys, stream).close()
    else:
        setattr(sys, stream, None)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("how", ["close", "remove"])
def test_a_process_without_its_streams_ends_well(ctx, stream, how):
    child = ctx.Process(target=spoil, args=(stream, how))
    child.start()
    child.join()
    assert child.exitcode == 0


class Unloadable:
    """Pickles, and cannot be unpickled."""

    def __reduce__(self):
        return int, ("no number",)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_arguments_that_cannot_travel(ctx, capfd):
    unpicklable = ctx.Process(target=print, args=(threading.Lock(),))
    with pytest.raises(TypeError, match=r"cannot pickle '_thread\.lock' object"):
        unpicklable.start()
    assert unpicklable.pid is None
    unloadable = ctx.Process(target=print, args=(Unloadable(),))
    unloadable.start()
    unloadable.join()
    assert unloadable.exitcode == 1
    assert "ValueError: invalid literal for int() with base 10: 'no number'" in capfd.readouterr().err


def test_a_start_without_a_descriptor_to_spare_changes_nothing(runner, method):
    runner.write(
        "import multiprocessing, os, resource\n"
        "def work(): pass\n"
        "def children():\n"
        "    return sorted(os.pread(listing, 4096, 0).split())\n"
        "if __name__ == '__main__':\n"
        "    process = multiprocessing.Process(target=work)\n"
        "    process.start()\n"
        "    process.join()\n"
        "    process.close()\n"
        "    listing = os.open(f'/proc/self/task/{os.getpid()}/children', os.O_RDONLY)\n"
        "    before = children()\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))\n"
        "    full = []\n"
        "    try:\n"
        "        while True:\n"
        "            full.append(os.dup(0))\n"
        "    except OSError:\n"
        "        pass\n"
        "    refused = 0\n"
        "    while True:\n"
        "        process = multiprocessing.Process(target=work)\n"
        "        try:\n"
        "            process.start()\n"
        "        except OSError:\n"
        "            refused += 1\n"
        "            assert children() == before, (children(), before)\n"
        "            os.close(full.pop())\n"
        "        else:\n"
        "            break\n"
        "    process.join()\n"
        "    print(refused > 0, process.exitcode)\n"
    )
    done = runner.run("program.py", options=["--start-method", method])
    assert (done.stdout, done.stderr) == ("True 0\n", "")


@pytest.mark.skipif(not sleeping.can_be_seen(), reason="the kernel does not show system calls here")
def test_a_thread_that_joins_a_process_does_not_poll():
    end = multiprocessing.Event()
    process = multiprocessing.Process(target=end.wait)
    process.start()
    thread = threading.Thread(target=process.join)
    thread.start()
    # It looked every 100 ms, for a signal that might have come just before it slept.
    eventually(lambda: (sleeping.longest_poll(thread.native_id) or 0) > 0.5)
    end.set()
    thread.join()
    assert process.exitcode == 0
