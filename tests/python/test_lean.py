"""Lean environments: standard streams closed, no /proc, no /dev, system calls that a filter forbids.

Programs run in a namespace of their own, or behind a seccomp filter that their starter puts up. What works under plain
python works; where something cannot be done without, one sentence says what, and nothing is left behind.
"""

import ctypes
import errno
import functools
import inspect
import json
import os
import platform
import struct
import subprocess

import pytest
from conftest import METHODS
from observed import open_files

PROGRAM = """
import json, multiprocessing, os, sys, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

def square(x):
    return x * x

def child(queue, lock):
    scribble()
    with lock:
        queue.put("from the child")

def scribble():
    # As code does that was written for a process with standard streams.
    for number in (0, 1, 2) if "scribble" in sys.argv else ():
        try:
            os.write(number, b"these bytes are meant for a terminal")
        except OSError:
            pass

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def use_lock(ctx):
    with ctx.Lock():
        scribble()
    return "locked"

def use_process(ctx):
    queue, lock = ctx.Queue(), ctx.Lock()
    process = ctx.Process(target=child, args=(queue, lock))
    process.start()
    scribble()
    process.join()
    return [process.exitcode, queue.get(timeout=10)]

def use_pool(ctx):
    with ctx.Pool(2) as pool:
        scribble()
        return pool.map(square, range(4))

def use_executor(ctx):
    with ProcessPoolExecutor(2, mp_context=ctx) as executor:
        return list(executor.map(square, range(4)))

def use_threads():
    with ThreadPoolExecutor(2) as executor:
        return list(executor.map(square, range(4)))

if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[2])
    found = [attempt(use_threads)]
    found += [attempt(use, ctx) for use in (use_lock, use_process, use_pool, use_executor)]
    with open(sys.argv[1], "w") as file:
        json.dump(found, file)
"""
SQUARES = [0, 1, 4, 9]
WHOLE = [SQUARES, "locked", [0, "from the child"], SQUARES, SQUARES]
#: How many of them need shared memory.
BETWEEN_PROCESSES = len(WHOLE) - 1


def found_by(runner, method, *more, manyhands=True, prefix=(), **options):
    """What the program found."""
    report = runner.folder / "report"
    command = runner.command(runner.write(PROGRAM), report, method, *more, manyhands=manyhands)
    done = subprocess.run(
        [*prefix, *command],
        cwd=runner.folder,
        env=runner.environment(),
        capture_output=True,
        timeout=60,
        **options,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(report.read_text())


# Standard streams that are closed.


def close(*numbers):
    for number in numbers:
        os.close(number)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_closed_streams(runner, method, closed):
    """The numbers of closed streams go to whatever is opened next. Nothing of the engine's may stand there, or the
    program writes into it."""
    found = found_by(runner, method, "scribble", preexec_fn=functools.partial(close, *closed))
    assert found == WHOLE


def test_what_the_engine_says_goes_to_standard_error_or_nowhere(runner):
    program = runner.write("print('the program')")
    done = subprocess.run(
        runner.command("run", "--stats", program),
        stdout=subprocess.PIPE,
        env=runner.environment(),
        preexec_fn=functools.partial(close, 2),
        timeout=60,
    )
    assert done.stdout == b"the program\n"


# Files that are not there.


def without(folder):
    """What a command is prefixed with to have an empty folder there, in a namespace of its own."""
    return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {folder} && exec "$@"', "sh"]


def _may_mount():
    try:
        return subprocess.run([*without("/dev"), "true"], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


mounting = pytest.mark.skipif(
    not _may_mount(), reason="to have no /proc or /dev takes a namespace: root, and unshare(1)"
)


@mounting
def test_no_dev(runner, method):
    assert found_by(runner, method, prefix=without("/dev")) == WHOLE


@mounting
def test_no_proc(runner, method):
    assert found_by(runner, method, manyhands=False, prefix=without("/proc")) == WHOLE
    found = found_by(runner, method, prefix=without("/proc"))
    reason = "between processes manyhands needs the file system /proc, mounted: No such file or directory"
    expected = f"FileNotFoundError: [Errno {errno.ENOENT}] {reason} (os error {errno.ENOENT})"
    assert found == [SQUARES, *[expected] * BETWEEN_PROCESSES]


# System calls that are refused.

#: Numbers on x86-64 and on others, which share one table for calls of that age; `memfd_create` is older.
X86_64 = platform.machine() == "x86_64"
NUMBERS = {"pidfd_open": 434, "pidfd_send_signal": 424, "memfd_create": 319 if X86_64 else 279}
SINCE = {"pidfd_open": "5.3", "pidfd_send_signal": "5.1", "memfd_create": "3.17"}
#: Calls that the engine makes where there are, and does without otherwise.
OPTIONAL = {
    "close_range": 436,
    "eventfd2": 290 if X86_64 else 19,
    "futex_waitv": 449,
    "set_robust_list": 273 if X86_64 else 99,
    "clone3": 435,
}

FILTER = 2
NO_NEW_PRIVILEGES, SET_FILTER = 38, 22
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
REFUSE, ALLOW = 0x00050000, 0x7FFF0000


def refuse(number, code):
    """From now on the system call of this number fails with this error, in this process and what it starts."""
    instructions = [
        (LOAD, 0, 0, 0),
        (JUMP_IF_EQUAL, 0, 1, number),
        (RETURN, 0, 0, REFUSE | code),
        (RETURN, 0, 0, ALLOW),
    ]
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    text = ctypes.create_string_buffer(packed, len(packed))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(text)))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or library.prctl(SET_FILTER, FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", NUMBERS)
@pytest.mark.parametrize("method", METHODS)
def test_a_system_call_that_cannot_be_done_without(runner, call, code, method):
    found = found_by(runner, method, preexec_fn=functools.partial(refuse, NUMBERS[call], code))
    kind = {errno.ENOSYS: "OSError", errno.EPERM: "PermissionError"}[code]
    expected = (
        f"{kind}: [Errno {code}] between processes manyhands needs the system call {call} "
        f"(Linux {SINCE[call]} or newer, not forbidden by a seccomp filter): {os.strerror(code)} (os error {code})"
    )
    assert found == [SQUARES, *[expected] * BETWEEN_PROCESSES]


@pytest.mark.parametrize("call", OPTIONAL)
@pytest.mark.parametrize("method", METHODS)
def test_a_system_call_that_can_be_done_without(runner, call, method):
    assert found_by(runner, method, preexec_fn=functools.partial(refuse, OPTIONAL[call], errno.ENOSYS)) == WHOLE


WAITER = """
import json, multiprocessing, sys, time

def take(lock):
    lock.acquire()

def wakes(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    lock = context.Lock()
    lock.acquire()
    times = []
    while len(times) < 3 and (not times or times[-1] > 3):
        waiter = context.Process(target=take, args=(lock,))
        waiter.start()
        begun = time.monotonic()
        while wakes(waiter.pid) < 15:
            time.sleep(0.01)
        times.append(time.monotonic() - begun)
        waiter.kill()
        waiter.join()
    json.dump(times, open(sys.argv[1], "w"))
"""


def test_waiters_look_for_themselves_where_they_cannot_hear_of_the_end_of_others(runner):
    report = runner.folder / "report"
    command = runner.command(runner.write(WAITER), report)
    filtered = functools.partial(refuse, OPTIONAL["futex_waitv"], errno.ENOSYS)
    subprocess.run(command, cwd=runner.folder, env=runner.environment(), timeout=60, check=True, preexec_fn=filtered)
    times = json.loads(report.read_text())
    # Ten times a second; a sleep that is to hear of everything lasts five seconds.
    assert min(times) < 3, times


WHO_HOLDS_THE_OUTPUT = f"""
import multiprocessing, os, time
from pathlib import Path

{inspect.getsource(open_files)}

def reapers(memory):
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text() == "mh-reaper\\n" and memory in (held := open_files(folder.name)):
                yield held
        except (FileNotFoundError, ProcessLookupError):
            pass

if __name__ == "__main__":
    process = multiprocessing.Process(target=time.sleep, args=(600,))
    process.start()
    memory = next(link for link in open_files("self") if "memfd:manyhands" in link)
    output = os.readlink("/proc/self/fd/1")
    end = time.monotonic() + 10
    # It has them when it begins.
    while [output in held for held in reapers(memory)] != [False] and time.monotonic() < end:
        time.sleep(0.01)
    print([output in held for held in reapers(memory)])
    process.kill()
"""


@pytest.mark.parametrize("refused", [False, True], ids=["close_range", "no close_range"])
def test_the_process_that_notices_deaths_holds_no_streams(runner, refused):
    """It would keep whoever reads the program's output waiting for the end."""
    done = subprocess.run(
        runner.command(runner.write(WHO_HOLDS_THE_OUTPUT)),
        env=runner.environment(),
        stdout=subprocess.PIPE,
        preexec_fn=functools.partial(refuse, OPTIONAL["close_range"], errno.ENOSYS) if refused else None,
        timeout=60,
    )
    assert done.stdout == b"[False]\n"
