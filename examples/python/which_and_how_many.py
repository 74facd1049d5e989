"""Which, and how many: `manyhands.advise` measures whether a function goes best in threads or in processes.

It runs the function with samples in a loop, in threads and in processes, with one or more of each, and takes the
simplest of the fastest. A function that waits goes to threads. One that is too short is not worth handing over. A
function that cannot be sent to another process is measured without them, and the reason is reported. For a function
that computes in Python the result depends on the machine; its whole table is printed.
"""

import threading
import time

import manyhands


def wait(seconds):
    time.sleep(seconds)


def add(number):
    return number + 1


def compute(stop):
    return sum(number * number for number in range(stop))


def main():
    advice = manyhands.advise(wait, [0.01] * 8, seconds=1)
    print(f"what waits goes to: {advice.pick.kind}, more than one: {advice.pick.workers > 1}")

    advice = manyhands.advise(add, range(8), seconds=0.5)
    print(f"an addition is too short: {advice.too_short}")

    lock = threading.Lock()
    advice = manyhands.advise(lambda seconds: lock and time.sleep(seconds), [0.01] * 4, seconds=0.5)
    print("no processes:", *{row.reason for row in advice.rows if row.kind == "processes"})

    print(manyhands.advise(compute, [20_000] * 8, seconds=1))


if __name__ == "__main__":
    main()
