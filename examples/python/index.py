"""Counts the words of a folder's Python sources with several processes, and prints the commonest.

One process walks the folder and feeds a bounded queue. A pool of workers counts the words of each file, one call per
file. A lock guards the running total that all workers add to. Nothing but the standard library is needed:

    python index.py [DIR]

DIR is the interpreter's own standard library if it is left out. A word is a run of ASCII letters and underscores,
without regard to case. The result goes to standard output, progress and files that could not be counted to standard
error.
"""

import mmap
import multiprocessing
import os
import re
import sys
import sysconfig
import tempfile
from collections import Counter

WORD = re.compile(rb"[a-z_]+")
COMMONEST = 20
PROGRESS_EVERY = 500


def walk(folder, paths):
    """Puts every Python source under `folder` into `paths`, then None."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("site-packages", "dist-packages"))
        for name in sorted(names):
            path = os.path.join(parent, name)
            if name.endswith(".py") and os.path.isfile(path):
                paths.put(path)
    paths.put(None)


class RunningTotal:
    """A number in a file that several processes map; the lock makes adding to it safe."""

    def __init__(self, lock, path):
        self.lock = lock
        with open(path, "r+b") as file:
            self.number = mmap.mmap(file.fileno(), 8)

    def add(self, amount):
        with self.lock:
            self.number[:] = (int.from_bytes(self.number, "little") + amount).to_bytes(8, "little")

    def value(self):
        with self.lock:
            return int.from_bytes(self.number, "little")


def begin_worker(lock, path):
    """Gives this worker its view of the running total."""
    global total
    total = RunningTotal(lock, path)


def count(path):
    """The words of one file with how often each occurs, and the file's size in bytes."""
    with open(path, "rb") as file:
        text = file.read()
    words = Counter(WORD.findall(text.lower()))
    total.add(words.total())
    return words, len(text)


def collect(calls, running):
    """Adds up the answers; a call that failed is reported and costs its own file only."""
    words, size, files, failed = Counter(), 0, 0, 0
    for path, call in calls:
        try:
            found, length = call.get()
        except Exception as error:
            failed += 1
            print(f"not counted: {path}: {error!r}", file=sys.stderr)
            continue
        words.update(found)
        size += length
        files += 1
        if files % PROGRESS_EVERY == 0:
            print(f"{files} of {len(calls)} files, {running.value()} words so far", file=sys.stderr)
    return words, size, files, failed


def report(words, size, files, failed, running):
    commonest = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:COMMONEST]
    for word, times in commonest:
        print(f"{times:9} {word.decode()}")
    print(f"{files} files, {size} bytes, {words.total()} words, {len(words)} different")
    print(f"running total {running.value()}")
    if failed:
        print(f"{failed} files could not be counted")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib")
    lock = multiprocessing.Lock()
    paths = multiprocessing.Queue(maxsize=100)
    walker = multiprocessing.Process(target=walk, args=(folder, paths), name="walker")
    walker.start()
    with tempfile.TemporaryFile() as file:
        file.write(bytes(8))
        file.flush()
        shared = f"/proc/{os.getpid()}/fd/{file.fileno()}"
        running = RunningTotal(lock, shared)
        with multiprocessing.Pool(initializer=begin_worker, initargs=(lock, shared)) as pool:
            calls = [(path, pool.apply_async(count, (path,))) for path in iter(paths.get, None)]
            result = collect(calls, running)
    walker.join()
    report(*result, running)


if __name__ == "__main__":
    main()
