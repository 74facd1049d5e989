"""What is left out of a core dump: shared memory, which may be long, and would be taken from the kernel page by page.
And programs whose memory is locked."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import eventually

CRASH = """
import multiprocessing, os, resource, sys

def crash(folder):
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.chdir(folder)
    os.abort()

if __name__ == "__main__":
    pool = multiprocessing.get_context(sys.argv[1]).Pool(2)
    pool.map(abs, range(100))
    print(sum(map(len, pool.map(bytes, [3_000_000] * 4))), flush=True)
    pool.apply_async(crash, (sys.argv[2],))
    # The worker has ended when its dump is complete.
    sys.stdin.readline()
    pool.terminate()
"""


def dump_of_a_worker(runner, method, ours):
    """How many bytes the core file has that a crashed worker leaves."""
    folder = runner.folder / f"dumps-{ours}"
    folder.mkdir()
    command = runner.command(runner.write(CRASH), method, folder, manyhands=ours)
    with subprocess.Popen(
        command, env=runner.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout.readline() == "12000000\n"

        def complete():
            # The process that is dumped stays in the list until its file is complete.
            files = [] if is_any_dumped() else list(folder.iterdir())
            return files if all(file.stat().st_size for file in files) else None

        sizes = [file.stat().st_size for file in eventually(complete)]
        program.communicate("\n")
    return max(sizes)


def is_any_dumped():
    for entry in filter(lambda entry: entry.name.isdigit(), Path("/proc").iterdir()):
        try:
            if "CoreDumping:\t1" in (entry / "status").read_text():
                return True
        except OSError:
            continue
    return False


def needs_core_files():
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        pytest.skip(f"core files do not go to the working directory here: {pattern}")
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY and os.getuid():
        pytest.skip("the limit of core files cannot be raised here")


def test_a_crashed_worker_leaves_as_small_a_file_as_others_do(runner, method):
    needs_core_files()
    plain, ours = (dump_of_a_worker(runner, method, ours) for ours in (False, True))
    assert ours < 2 * plain, f"{ours} bytes, and {plain} of the standard library's"


HEALTHY = """
import multiprocessing, os, subprocess, sys

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(sum(map(len, pool.map(bytes, [3_000_000] * 4))))
        for pid in os.getpid(), pool.apply(os.getpid):
            done = subprocess.run(["gcore", "-o", "dump", str(pid)], capture_output=True, text=True)
            print(done.returncode or os.stat(f"dump.{pid}").st_size < 200 << 20)
        print(pool.map(abs, range(-3, 0)))
"""


def test_a_healthy_program_can_be_dumped(runner, method):
    if shutil.which("gcore") is None:
        pytest.skip("gcore is not installed")
    # One thread's memory pool is as long as what may be dumped.
    done = runner.run(runner.write(HEALTHY), method, environment={"MALLOC_ARENA_MAX": "1"})
    assert (done.stdout, done.stderr) == ("12000000\nTrue\nTrue\n[3, 2, 1]\n", "")


LOCKED = """
import ctypes, multiprocessing, re, sys

def lock():
    if ctypes.CDLL(None, use_errno=True).mlockall(1 | 2):
        raise OSError(ctypes.get_errno(), "mlockall")

def resident(_):
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\\s+(\\d+)", status.read())[1]) >> 10

if __name__ == "__main__":
    lock()
    with multiprocessing.get_context(sys.argv[1]).Pool(2, lock) as pool:
        print(sum(map(len, pool.map(bytes, [3_000_000] * 4))), len(pool.apply(bytes, (200_000_000,))))
        print(max(pool.map(resident, range(4), 1)) < 500)
"""


def test_memory_may_be_locked(runner, method):
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] != resource.RLIM_INFINITY and os.getuid():
        pytest.skip("only the privileged may lock so much memory")
    done = runner.run(runner.write(LOCKED), method)
    assert (done.stdout, done.stderr) == ("12000000 200000000\nTrue\n", "")
