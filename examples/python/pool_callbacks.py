"""A pool of processes: calls that wait for their answer, calls that do not, and callbacks.

`apply` hands a call over and waits: four of them take four times as long. `apply_async` hands it over and goes on. A
callback is called with the answer, in the process that made the pool, so it may change variables there. An error goes
to `error_callback` instead, and costs its own call only. The pool is made after the functions, because its workers must
know them.
"""

import multiprocessing
import os
import time


def measure(length):
    time.sleep(0.25)
    if length < 0:
        raise ValueError(f"a length of {length}")
    return length * length, os.getpid()


def main():
    areas, failures = [], []

    def take(answer):
        area, worker = answer
        areas.append(area)
        assert worker != os.getpid()

    with multiprocessing.Pool(4) as pool:
        begun = time.monotonic()
        for length in range(4):
            take(pool.apply(measure, (length,)))
        print(f"apply: {sorted(areas)} in {time.monotonic() - begun:.2f} s")

        areas.clear()
        begun = time.monotonic()
        for length in (0, 1, 2, 3, -1):
            pool.apply_async(measure, (length,), callback=take, error_callback=failures.append)
        pool.close()
        pool.join()
        print(f"apply_async: {sorted(areas)} in {time.monotonic() - begun:.2f} s, failed: {failures}")


if __name__ == "__main__":
    main()
