"""What tests see of processes from outside, and the one way in which they wait for something.

Nothing waits for time: `eventually` looks again and again until a condition is true, with a generous limit.
"""

import os
import time
from pathlib import Path

LIMIT = 60


def eventually(condition, limit=LIMIT):
    """Waits until `condition()` is true, and returns what it gave."""
    end = time.monotonic() + limit
    while not (value := condition()):
        assert time.monotonic() < end, f"{condition} did not become true within {limit} s"
        time.sleep(0.002)
    return value


def alive(pid):
    """Whether a process runs: neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children():
    """This process's children, and the letter of the state that each is in: Z for one whose status was not taken."""
    found = {}
    for directory in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{directory}/stat") as stat:
                state, parent, *_ = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(parent) == os.getpid():
            found[int(directory)] = state
    return found


def carrying(variable, value):
    """The processes that have this variable in their environment; none that has ended."""
    wanted = f"{variable}={value}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0") and alive(folder.name):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def open_files(pid):
    """What the descriptors of a process stand for."""
    found = set()
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{entry}"))
        except FileNotFoundError:
            continue
    return found
