"""One measurement per run: `peers.py CASE SUBJECT COUNT` prints one number, in the unit of its case.

The subject is `stdlib` or `manyhands`; both are used through the same names, so there is one program for the two. What
is measured is what a user writes: no option is set that the other does not have.
"""

import sys
import time

from between_processes import sharing_cases
from between_threads import executor_cases, lock_cases, queue_cases
from in_numbers import call_cases, herd_cases, object_cases

if sys.argv[2] == "manyhands":
    from manyhands import futures, multiprocessing, queue, threading
else:
    import multiprocessing
    import queue
    import threading
    from concurrent import futures

WORKERS = 2
MESSAGE = bytes(range(64))


def add_one(number):
    return number + 1


def apply_async(count):
    """Calls submitted one by one, then all answers taken: thousands a second."""
    with multiprocessing.Pool(WORKERS) as pool:
        pool.apply(add_one, (0,))
        begun = time.perf_counter()
        calls = [pool.apply_async(add_one, (number,)) for number in range(count)]
        answers = [call.get() for call in calls]
        seconds = time.perf_counter() - begun
    assert answers == list(range(1, count + 1))
    return count / seconds / 1e3


def map_over(items, function, expected, **options):
    with multiprocessing.Pool(WORKERS) as pool:
        pool.apply(function, (items[0],))
        begun = time.perf_counter()
        answers = pool.map(function, items, **options)
        seconds = time.perf_counter() - begun
    assert answers == expected
    return len(items) / seconds / 1e3


def map_one(count):
    """`map` over a range with chunks of one item: thousands of items a second."""
    return map_over(range(count), add_one, list(range(1, count + 1)), chunksize=1)


def map_default(count):
    """`map` over a range with the chunks it chooses: thousands of items a second."""
    return map_over(range(count), add_one, list(range(1, count + 1)))


def map_list(count):
    """The same over a list of numbers."""
    return map_over(list(range(count)), add_one, list(range(1, count + 1)))


def map_texts(count):
    """The same over a list of texts."""
    texts = [f"word number {number}" for number in range(count)]
    return map_over(texts, len, [len(text) for text in texts])


def consume(queue, done, count):
    done.put(b"ready")
    for _ in range(count):
        queue.get()
    done.put(b"done")


def queue_64(count):
    """Messages of 64 bytes from one process to another: thousands a second."""
    queue, done = multiprocessing.Queue(), multiprocessing.Queue()
    consumer = multiprocessing.Process(target=consume, args=(queue, done, count))
    consumer.start()
    done.get()
    begun = time.perf_counter()
    for _ in range(count):
        queue.put(MESSAGE)
    done.get()
    seconds = time.perf_counter() - begun
    consumer.join()
    return count / seconds / 1e3


def nothing():
    pass


def start_with(count, method):
    context = multiprocessing.get_context(method)

    def once():
        process = context.Process(target=nothing)
        process.start()
        process.join()
        assert process.exitcode == 0

    once()
    begun = time.perf_counter()
    for _ in range(count):
        once()
    return (time.perf_counter() - begun) / count * 1e3


def start_fork(count):
    """A process by `fork`, started and joined: milliseconds."""
    return start_with(count, "fork")


def start_forkserver(count):
    """A process by `forkserver`, started and joined: milliseconds."""
    return start_with(count, "forkserver")


def start_spawn(count):
    """A process by `spawn`, started and joined: milliseconds."""
    return start_with(count, "spawn")


CASES = [
    apply_async,
    map_one,
    map_default,
    map_list,
    map_texts,
    queue_64,
    start_fork,
    start_forkserver,
    start_spawn,
]


if __name__ == "__main__":
    by_name = {case.__name__.replace("_", "-"): case for case in CASES}
    by_name |= lock_cases(threading) | queue_cases(threading, queue) | executor_cases(futures)
    by_name |= object_cases(multiprocessing) | call_cases(multiprocessing, futures)
    by_name |= herd_cases(threading, multiprocessing) | sharing_cases(multiprocessing)
    print(by_name[sys.argv[1]](int(sys.argv[3])))
