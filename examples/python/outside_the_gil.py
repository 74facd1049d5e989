"""Native code outside the interpreter lock: one Python program that keeps two cores busy with two threads.

Threads that run Python code take turns, since they share the interpreter lock (except in free-threaded builds). A C
function called through ctypes runs without it, as do hashing, compression and much of numpy. Here the C function,
compiled when the program starts, counts in one thread while Python counts in another.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
import threading
import time

SECONDS = 1.0

SOURCE = """
static volatile int stopped = 0;

void stop(void) { stopped = 1; }

unsigned long count(void) {
    unsigned long times = 0;
    while (!stopped) times++;
    return times;
}
"""


def compiled(folder):
    source, library = os.path.join(folder, "count.c"), os.path.join(folder, "count.so")
    with open(source, "w") as file:
        file.write(SOURCE)
    subprocess.run([shutil.which("cc") or "gcc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    return ctypes.CDLL(library)


def main():
    with tempfile.TemporaryDirectory() as folder:
        native = compiled(folder)
    native.count.restype = ctypes.c_ulong
    counts = {}
    thread = threading.Thread(target=lambda: counts.update(native=native.count()))
    wall, processor = time.monotonic(), time.process_time()
    thread.start()
    python = 0
    while time.monotonic() < wall + SECONDS:
        python += 1
    wall, processor = time.monotonic() - wall, time.process_time() - processor
    native.stop()
    thread.join()
    print(f"C counted to {counts['native']}, Python to {python}, at the same time")
    print(f"{processor:.2f} s of processor time in {wall:.2f} s: {processor / wall:.2f} cores")


if __name__ == "__main__":
    main()
