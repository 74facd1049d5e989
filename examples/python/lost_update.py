"""The lost update, and its cure: a hundred visitors pass a gate, and the counter must not forget any.

Counting is to read, to think, and to write. A thread that reads while another thinks writes an old number plus one, and
the other's visitor is lost. A lock around all three makes one step of them. Work that takes long and concerns no other
thread (here: walking to the gate) stays outside the lock, or a hundred threads are no faster than one.
"""

import threading
import time

VISITORS = 100


class Counter:
    """Counts without protection."""

    def __init__(self):
        self.value = 0

    def count(self):
        seen = self.value
        time.sleep(0.005)
        self.value = seen + 1


class LockedCounter(Counter):
    """Counts with one visitor at a time."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def count(self):
        with self.lock:
            super().count()


def visit(counter, gate):
    time.sleep(0.05)  # on the way
    gate.wait()
    counter.count()


def pass_all(counter):
    gate = threading.Event()
    visitors = [threading.Thread(target=visit, args=(counter, gate)) for _ in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    gate.set()
    for visitor in visitors:
        visitor.join()
    return counter.value


if __name__ == "__main__":
    print(f"without a lock: {pass_all(Counter())} of {VISITORS}")
    print(f"with a lock: {pass_all(LockedCounter())} of {VISITORS}")
