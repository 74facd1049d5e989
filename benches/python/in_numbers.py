"""Very many things at once: objects that processes share, calls and messages under way, threads that wait.

The subject's modules are handed in by `peers`, whose cases these are. What is told is the price of one of them.
"""

import random
import threading as standard
import time

# Room for as many threads as there are waiters.
STACK = 256 << 10


# What the standard library has in each object. A semaphore takes one of the maps that the kernel lets a process have.
SEMAPHORES = {"Lock": 1, "Event": 5}
MAPS = 65_530
OTHER_MAPS = 5_000


def add_one(number):
    return number + 1


def object_cases(multiprocessing):
    """Objects beside those there are: microseconds for each. Of the standard library's there can be fewer."""

    def fitting(kind, count):
        make = getattr(multiprocessing, kind)
        is_standard = multiprocessing.__name__ == "multiprocessing"
        return make, min(count, (MAPS - OTHER_MAPS) // SEMAPHORES[kind]) if is_standard else count

    def made(kind, count):
        make, count = fitting(kind, count)
        begun = time.perf_counter()
        kept = [make() for _ in range(count)]
        seconds = time.perf_counter() - begun
        assert len(kept) == count
        return seconds / count * 1e6

    def made_again(kind, count):
        make, count = fitting(kind, count)
        kept = [make() for _ in range(count)]
        left = random.Random(1).sample(kept, count // 2)
        del kept
        begun = time.perf_counter()
        left += [make() for _ in range(count - len(left))]
        return (time.perf_counter() - begun) / (count - count // 2) * 1e6

    def start_beside(count):
        make, count = fitting("Lock", count)
        kept = [make() for _ in range(count)]
        context = multiprocessing.get_context("forkserver")
        times = []
        for _ in range(6):
            begun = time.perf_counter()
            with context.Pool(2) as pool:
                pool.apply(add_one, (0,))
            times.append(time.perf_counter() - begun)
        assert len(kept) == count
        # The first one makes the server.
        return sorted(times[1:])[2] * 1e3

    return {
        "many-locks": lambda count: made("Lock", count),
        "many-locks-again": lambda count: made_again("Lock", count),
        "many-events": lambda count: made("Event", count),
        "pool-beside-locks": start_beside,
    }


def call_cases(multiprocessing, futures):
    """Calls, and messages, that are all under way before the first is waited for: microseconds for each."""

    def calls(executor, count):
        with executor as pool:
            pool.submit(add_one, 0).result()
            begun = time.perf_counter()
            calls = [pool.submit(add_one, number) for number in range(count)]
            futures.wait(calls)
            seconds = time.perf_counter() - begun
        assert sum(call.result() for call in calls) == count * (count + 1) // 2
        return seconds / count * 1e6

    def messages(count):
        queue = multiprocessing.Queue()
        begun = time.perf_counter()
        for number in range(count):
            queue.put(number)
        total = sum(queue.get() for _ in range(count))
        seconds = time.perf_counter() - begun
        assert total == count * (count - 1) // 2
        return seconds / count * 1e6

    return {
        "many-calls": lambda count: calls(futures.ProcessPoolExecutor(2), count),
        "many-thread-calls": lambda count: calls(futures.ThreadPoolExecutor(2), count),
        "many-messages": messages,
    }


def herd_cases(threading, multiprocessing):
    """Threads that all wait, and are woken by one: microseconds for each, until the last has gone on."""

    def woken(wait, wake, waiters, count):
        size = standard.stack_size(STACK)
        threads = [threading.Thread(target=wait) for _ in range(count)]
        for thread in threads:
            thread.start()
        standard.stack_size(size)
        while waiters() < count:
            time.sleep(0.01)
        # Counted before they sleep; now they do, or are about to.
        time.sleep(0.2)
        begun = time.perf_counter()
        wake()
        for thread in threads:
            thread.join()
        return (time.perf_counter() - begun) / count * 1e6

    def event(made, count):
        come = []

        def wait():
            come.append(None)
            made.wait()

        return woken(wait, made.set, lambda: len(come), count)

    def condition(made, count):
        come = []

        def wait():
            with made:
                come.append(None)
                made.wait()

        def wake():
            with made:
                made.notify_all()

        return woken(wait, wake, lambda: len(come), count)

    return {
        "event-herd": lambda count: event(threading.Event(), count),
        "shared-event-herd": lambda count: event(multiprocessing.Event(), count),
        "condition-herd": lambda count: condition(threading.Condition(), count),
    }
