"""What goes on between the threads of one process: locks, queues, thread pools; and the executor over processes.

The subject's modules are handed in by `peers`, whose cases these are.
"""

import time


def add_one(number):
    return number + 1


def lock_cases(threading):
    """A lock that nobody else wants: nanoseconds to take it and give it back."""

    def explicitly(lock, count):
        begun = time.perf_counter()
        for _ in range(count):
            lock.acquire()
            lock.release()
        return (time.perf_counter() - begun) / count * 1e9

    def by_with(lock, count):
        begun = time.perf_counter()
        for _ in range(count):
            with lock:
                pass
        return (time.perf_counter() - begun) / count * 1e9

    return {
        "thread-lock": lambda count: explicitly(threading.Lock(), count),
        "thread-lock-with": lambda count: by_with(threading.Lock(), count),
        "thread-rlock": lambda count: explicitly(threading.RLock(), count),
        "thread-rlock-with": lambda count: by_with(threading.RLock(), count),
    }


def queue_cases(threading, queue):
    """Objects through a queue: thousands a second."""

    def to_another_thread(made, count):
        def consume():
            for _ in range(count):
                made.get()

        consumer = threading.Thread(target=consume)
        begun = time.perf_counter()
        consumer.start()
        for number in range(count):
            made.put(number)
        consumer.join()
        return count / (time.perf_counter() - begun) / 1e3

    def to_oneself(made, count):
        begun = time.perf_counter()
        for number in range(count):
            made.put(number)
            made.get()
        return count / (time.perf_counter() - begun) / 1e3

    return {
        "thread-queue": lambda count: to_another_thread(queue.Queue(), count),
        "thread-queue-bounded": lambda count: to_another_thread(queue.Queue(100), count),
        "thread-queue-alone": lambda count: to_oneself(queue.Queue(), count),
        "simple-queue": lambda count: to_another_thread(queue.SimpleQueue(), count),
        "simple-queue-alone": lambda count: to_oneself(queue.SimpleQueue(), count),
    }


def executor_cases(futures):
    """Calls through an executor: thousands a second when many are on their way, microseconds when one is."""

    def many(executor, count):
        with executor as pool:
            pool.submit(add_one, 0).result()
            begun = time.perf_counter()
            calls = [pool.submit(add_one, number) for number in range(count)]
            answers = [call.result() for call in calls]
            seconds = time.perf_counter() - begun
        assert answers == list(range(1, count + 1))
        return count / seconds / 1e3

    def one_at_a_time(executor, count):
        with executor as pool:
            pool.submit(add_one, 0).result()
            begun = time.perf_counter()
            for number in range(count):
                pool.submit(add_one, number).result()
            return (time.perf_counter() - begun) / count * 1e6

    return {
        "thread-pool": lambda count: many(futures.ThreadPoolExecutor(2), count),
        "thread-pool-one": lambda count: one_at_a_time(futures.ThreadPoolExecutor(2), count),
        "process-executor": lambda count: many(futures.ProcessPoolExecutor(2), count),
        "process-executor-one": lambda count: one_at_a_time(futures.ProcessPoolExecutor(2), count),
    }
