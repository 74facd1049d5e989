"""The main job with one thing going wrong in the middle, written against the standard library's names alone.

    python program.py WHAT RETRIES DIR

WHAT is `nothing`, `busy` (the worker that counts the middle file is killed by SIGKILL while it does), `idle` (a worker
is killed by SIGKILL while all wait for calls) or `exception` (the middle call raises an exception that cannot be
unpickled). RETRIES above 0 is handed to the pool, which only manyhands understands. The last line of the output is
a record of what became of it, as JSON.
"""

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "python"))

import index

WORKERS = 2


class Stubborn(Exception):
    """Pickles, but cannot be unpickled: its constructor wants more than an exception remembers."""

    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")


def begin(lock, total, folder):
    global marks
    index.begin_worker(lock, total)
    marks = Path(folder)


def count(path, what):
    """Counts like the main job, after what is to go wrong with this file went wrong."""
    if what == "busy" and not (marks / "busy").exists():
        (marks / "part").write_text(str(os.getpid()))
        (marks / "part").rename(marks / "busy")
        while True:
            signal.pause()
    if what == "exception":
        raise Stubborn(path, "as agreed")
    return index.count(path)


def pids():
    return {child.pid for child in multiprocessing.active_children() if child.name != "walker"}


def workers(victim=None):
    """The workers' pids, once there are as many as there should be beside the killed one; they take their time."""
    while len(found := pids() - {victim}) < WORKERS:
        time.sleep(0.001)
    return found


def kill_one_idle():
    victim = min(workers())
    os.kill(victim, signal.SIGKILL)
    return victim


def kill_the_busy(folder):
    busy = Path(folder) / "busy"
    while not busy.exists():
        time.sleep(0.001)
    victim = int(busy.read_text())
    os.kill(victim, signal.SIGKILL)
    return victim


def main(what, retries, sources):
    lock = multiprocessing.Lock()
    paths = multiprocessing.Queue(maxsize=100)
    walker = multiprocessing.Process(target=index.walk, args=(sources, paths), name="walker")
    walker.start()
    files = list(iter(paths.get, None))
    middle = len(files) // 2
    record = {"what": what, "files": len(files), "failed": [], "victim": None}
    extra = {"retries": retries} if retries else {}
    with tempfile.TemporaryDirectory() as folder:
        total = Path(folder) / "total"
        total.write_bytes(bytes(8))
        begun = time.monotonic()
        with multiprocessing.Pool(WORKERS, begin, (lock, str(total), folder), **extra) as pool:
            before = workers()
            calls = [pool.apply_async(count, (path, "")) for path in files[:middle]]
            if what == "idle":
                for call in calls:
                    call.wait()
                record["victim"] = kill_one_idle()
            calls.append(pool.apply_async(count, (files[middle], what)))
            calls.extend(pool.apply_async(count, (path, "")) for path in files[middle + 1 :])
            if what == "busy":
                record["victim"] = kill_the_busy(folder)
            words = 0
            for path, call in zip(files, calls, strict=False):
                try:
                    words += call.get()[0].total()
                except Exception as error:
                    record["failed"].append([Path(path).name, type(error).__name__, str(error)])
            record["answered"] = len(files) - len(record["failed"])
            record["words"] = words
            record["seconds"] = round(time.monotonic() - begun, 3)
            record["replaced"] = len(workers(record["victim"]) - before)
    walker.join()
    print(json.dumps(record))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
