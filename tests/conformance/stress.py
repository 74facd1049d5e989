"""All primitives at once, by many threads, for a while: `stress.py SECONDS`.

Every thread does random things that cannot deadlock: locks are taken in one order, who takes permits gives them back,
who waits for an event or at a barrier does so with a limit or in a round that is complete. So whatever hangs and every
`DeadlockError` is a mistake of the engine. Ends with exit code 0 and a line of counts; when nothing has moved for a
minute, with a traceback of each thread.
"""

import faulthandler
import random
import sys
import time

from manyhands import futures, queue, threading

THREADS = 8
LOCKS = 4
STILL = 60


class Ring:
    """What all threads share."""

    def __init__(self):
        self.locks = [threading.RLock() if number % 2 else threading.Lock() for number in range(LOCKS)]
        self.guarded = [0] * LOCKS
        self.permits = threading.Semaphore(3)
        self.bounded = threading.BoundedSemaphore(2)
        self.condition = threading.Condition()
        self.things = 0
        self.event = threading.Event()
        self.barrier = threading.Barrier(2)
        self.queue = queue.Queue(16)
        self.simple = queue.SimpleQueue()
        self.pool = futures.ThreadPoolExecutor(2)
        self.over = False


def nested_locks(ring, choose):
    """Takes some locks in their order; adds to what each guards."""
    chosen = sorted(choose.sample(range(LOCKS), choose.randint(1, LOCKS)))
    for number in chosen:
        ring.locks[number].acquire()
    for number in chosen:
        ring.guarded[number] += 1
    for number in chosen if choose.random() < 0.5 else reversed(chosen):
        ring.locks[number].release()
    return len(chosen)


def hurried_locks(ring, choose):
    """Takes two locks against the order, with a limit."""
    first, second = choose.sample(range(LOCKS), 2)
    with ring.locks[first]:
        if ring.locks[second].acquire(timeout=choose.choice((0, 0.0005))):
            ring.guarded[second] += 1
            ring.locks[second].release()


def permits(ring, choose):
    for semaphore in (ring.permits, ring.bounded):
        if choose.random() < 0.5:
            with semaphore:
                pass
        elif semaphore.acquire(timeout=0.001):
            semaphore.release()


def condition(ring, choose):
    """Brings a thing or takes one; who takes waits until somebody has brought it."""
    with ring.condition:
        if ring.things == 0 or choose.random() < 0.5:
            ring.things += 1
            ring.condition.notify()
        else:
            ring.things -= 1
        ring.condition.wait(timeout=choose.choice((0, 0.0005)))


def event(ring, choose):
    choose.choice((ring.event.set, ring.event.clear, lambda: ring.event.wait(0.001)))()


def barrier(ring, choose):
    try:
        ring.barrier.wait(0.002)
    except threading.BrokenBarrierError:
        ring.barrier.reset()


def queues(ring, choose):
    ring.simple.put(choose.random())
    ring.simple.get()
    try:
        ring.queue.put(choose.random(), timeout=0.001)
        ring.queue.get(timeout=0.001)
        ring.queue.task_done()
    except (queue.Full, queue.Empty):
        pass


def calls(ring, choose):
    number = choose.randrange(1000)
    assert ring.pool.submit(abs, -number).result() == number


def short_thread(ring, choose):
    thread = threading.Thread(target=nested_locks, args=(ring, random.Random(choose.random())))
    thread.start()
    thread.join()


DOINGS = [nested_locks, hurried_locks, permits, condition, event, barrier, queues, calls, short_thread]


def work(ring, seed, done, failed):
    choose = random.Random(seed)
    try:
        while not ring.over:
            doing = choose.choice(DOINGS)
            doing(ring, choose)
            done[doing.__name__] = done.get(doing.__name__, 0) + 1
    except BaseException as error:
        failed.append(error)
        raise


def main(seconds):
    seed = random.randrange(2**32)
    ring, failed = Ring(), []
    counts = [{} for _ in range(THREADS)]
    arguments = [(ring, seed + number, counts[number], failed) for number in range(THREADS)]
    threads = [threading.Thread(target=work, args=each, daemon=True) for each in arguments]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    seen, moved = [0] * THREADS, [time.monotonic()] * THREADS
    while (time.monotonic() < end or any(thread.is_alive() for thread in threads)) and not failed:
        time.sleep(0.05)
        ring.over = time.monotonic() >= end
        for number, thread in enumerate(threads):
            now = sum(counts[number].values())
            if now != seen[number] or not thread.is_alive():
                seen[number], moved[number] = now, time.monotonic()
        if time.monotonic() - min(moved) > STILL:
            faulthandler.dump_traceback(all_threads=True)
            sys.exit(f"a thread has not moved for {STILL} s; seed {seed}")
    if failed:
        sys.exit(f"{type(failed[0]).__name__}: {failed[0]}; seed {seed}")
    ring.pool.shutdown()
    total = {doing.__name__: sum(count.get(doing.__name__, 0) for count in counts) for doing in DOINGS}
    print(f"{sum(total.values())} operations in {seconds} s:", ", ".join(f"{n} {name}" for name, n in total.items()))


if __name__ == "__main__":
    main(float(sys.argv[1]))
