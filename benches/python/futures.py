"""One measurement per run: `futures.py CASE SUBJECT COUNT` prints one number, in the unit of its case.

Queues between threads, thread pools and process pools, beside the standard library's: the same program for both, as in
`peers.py`.
"""

import sys
import threading
import time

if sys.argv[2] == "manyhands":
    from manyhands import futures, queue
else:
    import concurrent.futures as futures
    import queue

WORKERS = 2


def add_one(number):
    return number + 1


def from_thread_to_thread(kind, count):
    def make():
        for number in range(count):
            items.put(number)

    items = kind()
    maker = threading.Thread(target=make)
    begun = time.perf_counter()
    maker.start()
    for _ in range(count):
        items.get()
    seconds = time.perf_counter() - begun
    maker.join()
    return count / seconds / 1e3


def queue_1_1(count):
    """`queue.Queue`, one thread puts and another gets: thousands of items a second."""
    return from_thread_to_thread(queue.Queue, count)


def simple_queue_1_1(count):
    """`queue.SimpleQueue`, the same."""
    return from_thread_to_thread(queue.SimpleQueue, count)


def simple_queue_alone(count):
    """`queue.SimpleQueue`, one thread puts and gets: thousands of items a second."""
    items = queue.SimpleQueue()
    begun = time.perf_counter()
    for number in range(count):
        items.put(number)
        items.get()
    return count / (time.perf_counter() - begun) / 1e3


def priority_queue_alone(count):
    """`queue.PriorityQueue`, one thread puts and gets: thousands of items a second."""
    items = queue.PriorityQueue()
    begun = time.perf_counter()
    for number in range(count):
        items.put(number)
        items.get()
    return count / (time.perf_counter() - begun) / 1e3


def submitted(kind, count):
    with kind(WORKERS) as pool:
        list(pool.map(add_one, range(2 * WORKERS)))
        begun = time.perf_counter()
        calls = [pool.submit(add_one, number) for number in range(count)]
        answers = [call.result() for call in calls]
        seconds = time.perf_counter() - begun
    assert answers == list(range(1, count + 1))
    return count / seconds / 1e3


def thread_submit(count):
    """Calls submitted to threads one by one, then all answers taken: thousands a second."""
    return submitted(futures.ThreadPoolExecutor, count)


def process_submit(count):
    """The same with processes."""
    return submitted(futures.ProcessPoolExecutor, count)


def one_at_a_time(kind, count):
    with kind(WORKERS) as pool:
        list(pool.map(add_one, range(2 * WORKERS)))
        begun = time.perf_counter()
        for number in range(count):
            pool.submit(add_one, number).result()
        return count / (time.perf_counter() - begun) / 1e3


def thread_call(count):
    """A call to a thread, and its answer before the next one: thousands a second."""
    return one_at_a_time(futures.ThreadPoolExecutor, count)


def process_call(count):
    """The same with a process."""
    return one_at_a_time(futures.ProcessPoolExecutor, count)


CASES = [
    queue_1_1,
    simple_queue_1_1,
    simple_queue_alone,
    priority_queue_alone,
    thread_submit,
    thread_call,
    process_submit,
    process_call,
]


if __name__ == "__main__":
    by_name = {case.__name__.replace("_", "-"): case for case in CASES}
    print(by_name[sys.argv[1]](int(sys.argv[3])))
