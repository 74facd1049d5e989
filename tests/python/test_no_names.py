"""No new name in `/dev/shm`, `/tmp` or the temporary folder: before, amidst and after a program that is killed or not.

The program uses all that processes share. Exempt are the names that the standard API demands: the socket of a manager's
server, and `SharedMemory`. These go with the last process that has them.
"""

import gc
import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from conftest import LIMIT, eventually

from manyhands import multiprocessing
from manyhands.multiprocessing import connection

PROGRAM = """
import multiprocessing, sys

def use(value, array, raw, lock, queue, pipe, table, numbers, kept, shared, done):
    with lock, value.get_lock():
        value.value += 1
        array[0] += 1
        raw[0] += 1
        table["a"] = 1
        numbers.append(1)
        kept.put(1)
        if shared is not None:
            shared[0] = 1
        queue.put(b"x" * 3_000_000)
        pipe.send(1)
    done.set()

def square(number):
    return number * number

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    context = multiprocessing
    print("before", flush=True)
    input()
    try:
        import manyhands
        shared = manyhands.shared_array(100_000)
    except ImportError:
        shared = None
    value, array, raw = context.Value("i"), context.Array("i", 1000), context.RawArray("d", 100_000)
    lock, queue, done = context.Lock(), context.Queue(), context.Event()
    mine, theirs = context.Pipe()
    manager = context.Manager()
    table, numbers, kept = manager.dict(), manager.list(), manager.Queue()
    child = context.Process(
        target=use, args=(value, array, raw, lock, queue, theirs, table, numbers, kept, shared, done)
    )
    child.start()
    done.wait()
    assert len(queue.get()) == 3_000_000 and mine.recv() == kept.get() == value.value == table["a"] == numbers[0]
    child.join()
    pool = context.Pool(2)
    assert pool.map(square, [1, 2]) == [1, 4]
    print("midst", flush=True)
    input()
    pool.close()
    pool.join()
    manager.shutdown()
    print("after", flush=True)
    input()
"""

#: How the names begin that the standard library or the engine may give to a file.
OURS = ("pymp-", "pym-", "listener-", "psm_", "wnsm_", "sem.mp-", "mp-", "manyhands", "mh-")


def shared_names():
    """The names in the folders of the whole machine that a program with processes could have made."""
    return {
        f"{folder}/{name}" for folder in ("/dev/shm", "/tmp") for name in os.listdir(folder) if name.startswith(OURS)
    }


def in_use(pids, folder):
    """The names of files in these folders that a process has mapped or opened, of those that are there."""
    places, found = ("/dev/shm/", "/tmp/", f"{folder}/"), set()
    for pid in pids:
        try:
            mapped = [line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
            opened = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        found |= {path for path in [*mapped, *opened] if path.startswith(places) and os.path.isfile(path)}
    return found


@pytest.fixture
def folder(tmp_path_factory, monkeypatch):
    """A temporary folder of the program's own, and of what this process starts. A socket's path must be short."""
    made = tmp_path_factory.mktemp("t")
    monkeypatch.setenv("TMPDIR", str(made))
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    monkeypatch.setitem(multiprocessing.current_process()._config, "tempdir", None)
    return made


def below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def next_line(running):
    """The next line of its output. A program that hangs is killed, and gives none."""
    watch = threading.Timer(LIMIT, running.kill)
    watch.start()
    try:
        return running.stdout.readline()
    finally:
        watch.cancel()


def comes_to(running, word):
    line = next_line(running)
    assert line == f"{word}\n", line or running.stderr.read()


def goes_on(running):
    running.stdin.write("\n")
    running.stdin.flush()


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_no_new_name(runner, folder, method, end):
    runner.write(PROGRAM)
    before = shared_names()
    running = runner.start("program.py", method, stdin=subprocess.PIPE)
    comes_to(running, "before")
    assert below(folder) == [] and not in_use(runner.left_behind(), folder)
    goes_on(running)
    comes_to(running, "midst")
    # The manager's socket, in a folder that no other user may enter.
    [kept, socket] = below(folder)
    assert kept.startswith("pymp-") and socket.startswith(f"{kept}/listener-")
    assert (folder / kept).stat().st_mode & 0o777 == 0o700
    assert len(runner.left_behind()) > 4 and not in_use(runner.left_behind(), folder)
    if end == "killed":
        running.kill()
    else:
        goes_on(running)
        comes_to(running, "after")
        assert below(folder) == []
    _, errors = running.communicate("\n" if end != "killed" else None, timeout=LIMIT)
    assert (running.returncode, errors) == (-signal.SIGKILL if end == "killed" else 0, "")
    eventually(lambda: not runner.left_behind())
    eventually(lambda: below(folder) == [])
    # Another program of this machine may have names of its own for a while.
    eventually(lambda: not shared_names() - before)


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_server_that_is_ended_leaves_no_name(ctx, folder, end):
    manager = ctx.Manager()
    workers = manager.Pool(2)
    assert workers.apply(abs, (-1,)) == 1
    assert str(Path(manager.address).relative_to(folder)) in below(folder)
    getattr(manager._process, end)()
    manager._process.join(LIMIT)
    assert manager._process.exitcode == -(signal.SIGKILL if end == "kill" else signal.SIGTERM)
    eventually(lambda: below(folder) == [])
    manager.shutdown()


ALL_AT_ONCE = """
import multiprocessing, os, signal, sys

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    manager = multiprocessing.Manager()
    print(manager.address, manager._process.pid, flush=True)
    signal.pause()
"""


def test_a_server_killed_together_with_its_parent_leaves_no_name(runner, folder, method):
    running = runner.start(runner.write(ALL_AT_ONCE), method)
    address, server = next_line(running).split()
    assert os.path.exists(address)
    for pid in (int(server), running.pid):
        os.kill(pid, signal.SIGSTOP)
    for pid in (int(server), running.pid):
        os.kill(pid, signal.SIGKILL)
    running.communicate(timeout=LIMIT)
    eventually(lambda: below(folder) == [])


LISTENER = """
import os, sys, time
from multiprocessing.connection import Client, Listener

os.chdir(sys.argv[1])
listener = Listener("mine", "AF_UNIX")
child = os.fork() if sys.argv[2] == "forked" else None
if child != 0:
    print(os.getpid(), child, flush=True)
while True:
    listener.accept().close()
"""


def test_a_listener_of_a_killed_program_leaves_no_name(runner, folder):
    running = runner.start(runner.write(LISTENER), folder, "alone")
    next_line(running)
    assert below(folder) == ["mine"]
    running.kill()
    running.communicate(timeout=LIMIT)
    eventually(lambda: below(folder) == [])


def test_a_name_stays_while_a_forks_child_serves_it(runner, folder):
    running = runner.start(runner.write(LISTENER), folder, "forked")
    parent, child = map(int, next_line(running).split())
    os.kill(parent, signal.SIGKILL)
    running.wait(LIMIT)
    for _ in range(20):
        connection.Client(str(folder / "mine"), "AF_UNIX").close()
    assert below(folder) == ["mine"]
    os.kill(child, signal.SIGKILL)
    running.communicate(timeout=LIMIT)
    eventually(lambda: below(folder) == [])


SECOND = """
import multiprocessing
from multiprocessing.connection import Listener

if __name__ == "__main__":
    Listener(family="AF_UNIX").close()
    first = multiprocessing.Manager()
    first._process.kill()
    first._process.join()
    while __import__("os").path.exists(first.address):
        pass
    print(multiprocessing.Manager().list([1])[0])
"""


def test_a_folder_stays_that_others_have(runner, folder):
    done = runner.run(runner.write(SECOND))
    assert (done.stdout, done.stderr) == ("1\n", "")
    eventually(lambda: below(folder) == [])


def test_a_listener_that_is_closed_leaves_its_name_to_others(folder):
    path = str(folder / "ours")
    first = connection.Listener(path, "AF_UNIX")
    first.close()
    assert below(folder) == []
    with connection.Listener(path, "AF_UNIX"):
        del first
        gc.collect()
        assert below(folder) == ["ours"]
    assert below(folder) == []


def ignore():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def test_what_an_initializer_does_with_the_signal_stays(ctx, folder):
    manager = multiprocessing.managers.SyncManager(ctx=ctx)
    manager.start(ignore)
    manager._process.terminate()
    assert manager.list([1])[0] == 1
    manager.shutdown()
    assert manager._process.exitcode == 0


NAMED = """
import os, signal, sys
from multiprocessing import Process, set_start_method, shared_memory

def hold(name):
    memory = shared_memory.SharedMemory(name)
    print(name, flush=True)
    signal.pause()

if __name__ == "__main__":
    set_start_method(sys.argv[1])
    memory = shared_memory.SharedMemory(create=True, size=100)
    Process(target=hold, args=(memory.name,)).start()
    signal.pause()
"""


def test_named_memory_goes_with_the_last_process_that_has_it(runner, method):
    runner.write(NAMED)
    running = runner.start("program.py", method)
    path = f"/dev/shm/{next_line(running).strip()}"
    assert os.path.isfile(path)
    running.kill()
    running.communicate(timeout=LIMIT)
    eventually(lambda: not os.path.exists(path))
