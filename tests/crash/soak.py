"""Everything goes wrong again and again for a long time, and nothing may grow: memory, descriptors, processes, zombies.

    manyhands run soak.py [--seconds N] [--seed N]

A turn takes each loop once: calls of pools, executors and threads, processes, queues, locks; with calls that raise,
time out, are cancelled and are killed. A row is printed per look; at the end the looks of the last third are compared
with those of the second, and the exit code is 1 when something has grown. The first third is for warming up.
"""

import argparse
import concurrent.futures
import contextlib
import gc
import multiprocessing
import os
import queue
import random
import signal
import statistics
import sys
import threading
import time
import warnings
from pathlib import Path

METHODS = ("fork", "spawn", "forkserver")
#: What a figure may grow by between the second third and the last one: a part of it, and so much more. A forked pool
#: has a template for each worker at most, with two descriptors; how many there are depends on who was killed.
ALLOWED = {
    "RssAnon, KiB": (0.03, 1024),
    "helpers' RssAnon, KiB": (0.05, 1024),
    "shared, KiB": (0.10, 4096),
    "descriptors": (0, 8.5),
    "threads": (0, 0.5),
    "processes": (0, 4.5),
    "zombies": (0, 2.5),
    "objects": (0.02, 200),
}


# What workers run.


def square(number):
    return number * number


def fail(number):
    raise ValueError(number)


def sleep(seconds):
    time.sleep(seconds)


def kill_myself(_=None):
    os.kill(os.getpid(), signal.SIGKILL)


def many_bytes(count):
    return b"x" * count


class Stubborn:
    """What cannot be read where it arrives."""

    def __reduce__(self):
        return fail, (1,)


def stubborn(_=None):
    return Stubborn()


def put_some(queue, count):
    for number in range(count):
        queue.put((number, b"y" * (number * 37 % 3000)))


def take_for_ever(queue):
    while True:
        queue.get()


def hold_and_die(lock, semaphore):
    lock.acquire()
    semaphore.acquire()
    kill_myself()


def raised(function, *arguments):
    """The exception that a call ends with."""
    try:
        function(*arguments)
    except Exception as error:
        return error
    raise AssertionError(f"{function} gave a value")


def times_out(get):
    """Asks for the result of a call that is slower than that, unless the machine is slower still."""
    with contextlib.suppress(multiprocessing.TimeoutError, concurrent.futures.TimeoutError):
        get(timeout=0.001)


class Soak:
    """The long-lived objects, and the loops over them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.contexts = [multiprocessing.get_context(method) for method in METHODS]
        self.pools = [ctx.Pool(2) for ctx in self.contexts]
        self.executors = [concurrent.futures.ProcessPoolExecutor(2, mp_context=ctx) for ctx in self.contexts]
        self.threads = concurrent.futures.ThreadPoolExecutor(4)
        self.queue = multiprocessing.Queue()
        self.lock, self.semaphore = multiprocessing.Lock(), multiprocessing.Semaphore(2)

    def turn(self):
        for pool in self.pools:
            self.calls_of_a_pool(pool)
        for executor in self.executors:
            self.calls_of_an_executor(executor)
        self.calls_of_threads()
        ctx = self.random.choice(self.contexts)
        self.processes(ctx)
        self.queues(ctx)
        self.locks(ctx)
        self.short_lives(ctx)

    def calls_of_a_pool(self, pool):
        assert pool.map(square, range(200)) == [number * number for number in range(200)]
        assert isinstance(raised(pool.map, fail, range(10)), ValueError)
        assert list(pool.imap_unordered(square, iter([1, 1, 1]))) == [1, 1, 1]
        times_out(pool.apply_async(sleep, (0.05,)).get)
        told = []
        awaited = pool.apply_async(square, (3,), callback=told.append)
        assert awaited.get(60) == 9 and told == [9]
        assert isinstance(raised(pool.apply, stubborn), Exception)
        raised(pool.apply, kill_myself)
        size = self.random.choice([10, 5000, 300_000, 2_000_000])
        assert len(pool.apply(many_bytes, (size,))) == size

    def calls_of_an_executor(self, executor):
        assert list(executor.map(square, range(50), chunksize=7)) == [number * number for number in range(50)]
        futures = [executor.submit(fail, 1), executor.submit(kill_myself), executor.submit(sleep, 0.02)]
        futures += [executor.submit(square, number) for number in range(20)]
        for future in futures[-5:]:
            future.cancel()
        concurrent.futures.wait(futures, timeout=60)
        assert all(future.done() for future in futures)
        times_out(executor.submit(sleep, 0.05).result)

    def calls_of_threads(self):
        futures = [self.threads.submit(square if number % 3 else fail, number) for number in range(60)]
        assert sum(future.exception() is not None for future in concurrent.futures.as_completed(futures)) == 20
        threads = [threading.Thread(target=square, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        items = queue.Queue(3)
        raised(items.get, True, 0.001)

    def processes(self, ctx):
        processes = [
            ctx.Process(target=square, args=(2,)),
            ctx.Process(target=kill_myself),
            ctx.Process(target=sleep, args=(600,)),
            ctx.Process(target=sleep, args=(600,)),
        ]
        for process in processes:
            process.start()
        processes[2].terminate()
        processes[3].kill()
        for process in processes:
            process.join()
        codes = [process.exitcode for process in processes]
        assert codes == [0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGKILL], codes
        for process in processes:
            process.close()

    def queues(self, ctx):
        producers = [ctx.Process(target=put_some, args=(self.queue, 100)) for _ in range(2)]
        for producer in producers:
            producer.start()
        for _ in range(200):
            self.queue.get(timeout=60)
        raised(self.queue.get, True, 0.001)
        # Two more, whose takers are killed over what they take.
        takers = [ctx.Process(target=take_for_ever, args=(self.queue,)) for _ in range(2)]
        for taker in takers:
            taker.start()
        put_some(self.queue, 100)
        for taker in takers:
            taker.kill()
        for process in producers + takers:
            process.join()
        while True:
            try:
                self.queue.get(timeout=0.01)
            except queue.Empty:
                break

    def locks(self, ctx):
        holder = ctx.Process(target=hold_and_die, args=(self.lock, self.semaphore))
        holder.start()
        holder.join()
        # Its owner has died: the engine warns of that, and hands it over.
        assert self.lock.acquire(timeout=60)
        self.lock.release()
        self.semaphore.release()

    def short_lives(self, ctx):
        with ctx.Pool(2) as pool:
            pool.map(square, range(10))
        pool = ctx.Pool(1)
        unanswered = pool.map_async(sleep, [600] * 3)
        pool.terminate()
        pool.join()
        assert not unanswered.ready() or not unanswered.successful()
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=ctx) as executor:
            executor.submit(square, 1)
        locks = [ctx.Lock() for _ in range(50)]
        items = ctx.Queue()
        items.put(locks and b"z" * 100_000)
        del locks, items

    def end(self):
        for pool in self.pools:
            pool.close()
            pool.join()
        for executor in self.executors:
            executor.shutdown()
        self.threads.shutdown()


def number_in(path, field):
    """A number of /proc/PID/status, 0 for a process that has gone."""
    try:
        lines = Path(path).read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field + ":")), 0)


def states_of_group():
    """The processes of this one's group, with the state of each."""
    states = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _parent, group, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(group) == os.getpgrp():
            states[int(folder.name)] = state
    return states


def shared_kib():
    """How much of the arena's memory file has pages."""
    for number in os.listdir("/proc/self/fd"):
        try:
            if "memfd:manyhands" in os.readlink(f"/proc/self/fd/{number}"):
                return os.fstat(int(number)).st_blocks // 2
        except FileNotFoundError:
            # The one that listed them.
            continue
    return 0


def look():
    """What may not grow."""
    gc.collect()
    states = states_of_group()
    others = [pid for pid, state in states.items() if pid != os.getpid() and state != "Z"]
    return {
        "RssAnon, KiB": number_in("/proc/self/status", "RssAnon"),
        "helpers' RssAnon, KiB": max((number_in(f"/proc/{pid}/status", "RssAnon") for pid in others), default=0),
        "shared, KiB": shared_kib(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": number_in("/proc/self/status", "Threads"),
        "processes": len(others),
        "zombies": sum(state == "Z" for state in states.values()),
        "objects": len(gc.get_objects()),
    }


def settled():
    """A look when what ends has ended: processes that were killed a moment ago are gone, and replaced."""
    before = look()
    for _ in range(20):
        time.sleep(0.05)
        # Takes the status of those that have ended.
        multiprocessing.active_children()
        after = look()
        if after["processes"] == before["processes"] and after["zombies"] == 0:
            break
        before = after
    return after


def grown(looks):
    """What has grown from the second third of the looks to the last one, in words."""
    third = len(looks) // 3
    found = []
    for name, (part, more) in ALLOWED.items():
        before = statistics.median(one[name] for one in looks[third : 2 * third])
        after = statistics.median(one[name] for one in looks[2 * third :])
        if after > before * (1 + part) + more:
            found.append(f"{name}: {before:g} before, {after:g} now")
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=1800)
    arguments.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFF)
    given = arguments.parse_args()
    print(f"seed {given.seed}")
    # Each lock whose owner is killed is warned of.
    warnings.simplefilter("ignore", RuntimeWarning)
    # Those that fall to nobody are told from others by their group.
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    soak = Soak(given.seed)
    begun = time.monotonic()
    looks, turns = [], 0
    print("   s  turns", *(f"{name:>22}" for name in ALLOWED))
    while (passed := time.monotonic() - begun) < given.seconds or len(looks) < 12:
        soak.turn()
        turns += 1
        if passed >= len(looks) * given.seconds / 60:
            looks.append(settled())
            print(f"{passed:5.0f} {turns:5}", *(f"{looks[-1][name]:>22}" for name in ALLOWED), flush=True)
    soak.end()
    found = grown(looks)
    print(f"{turns} turns;", "grown: " + "; ".join(found) if found else "nothing has grown")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
