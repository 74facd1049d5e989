"""What `storm.py` kills processes of: a program whose every answer is checked, turn after turn, until a file is there.

    manyhands run storm_program.py METHOD STOP-FILE

A turn uses a pool, an executor, processes, a queue and a lock. Whoever is killed costs what the documentation says: a
call fails with `BrokenProcessPool`, a process has an exit code, a message is lost with who held it. A wrong answer, a
message torn or given twice, or an error of another kind ends the program. Each turn prints a line; the last one sums
up.
"""

import concurrent.futures
import contextlib
import faulthandler
import json
import multiprocessing
import os
import queue
import signal
import sys
import warnings
import zlib
from collections import Counter
from concurrent.futures.process import BrokenProcessPool
from functools import partial

counts = Counter()


def square(number):
    return number * number


def payload(number):
    return bytes([number % 251]) * (number * 131 % 6000)


def produce(items, first, count):
    for number in range(first, first + count):
        body = payload(number)
        items.put((number, zlib.crc32(body), body))


def add(lock, path, times):
    for _ in range(times):
        with lock, open(path, "a") as file:
            file.write("x")


def excused(error):
    """Whether an error is one that a kill may cost."""
    return isinstance(error, BrokenProcessPool) or (
        # The start of a process whose helper was killed, each time it was tried.
        isinstance(error, RuntimeError) and ("in a row" in str(error) or "was killed" in str(error))
    )


def attempt(kind, function):
    """What a function returns; `None` when a kill cost it."""
    try:
        value = function()
    except Exception as error:
        if not excused(error):
            raise
        counts[f"{kind}: failed"] += 1
        return None
    counts[f"{kind}: answered"] += 1
    return value


def use_pool(ctx):
    pool = attempt("pool", lambda: ctx.Pool(3))
    if pool is None:
        return
    with pool:
        for _ in range(4):
            squares = attempt("map", lambda: pool.map(square, range(100), chunksize=5))
            assert squares in (None, [number * number for number in range(100)]), squares
            results = [attempt("apply_async", partial(pool.apply_async, square, (number,))) for number in range(20)]
            for number, result in enumerate(results):
                assert result is None or attempt("result", result.get) in (None, number * number)


def use_executor(ctx):
    with concurrent.futures.ProcessPoolExecutor(3, mp_context=ctx) as executor:
        futures = [attempt("submit", partial(executor.submit, square, 0))]
        if futures[0] is not None:
            # Its workers were started.
            futures += [attempt("submit", partial(executor.submit, square, number)) for number in range(1, 60)]
        for number, future in enumerate(futures):
            assert future is None or attempt("future", future.result) in (None, number * number)


def started(ctx, function, *arguments):
    process = ctx.Process(target=function, args=arguments)
    return process if attempt("start", lambda: process.start() or True) else None


def use_queue(ctx):
    items = ctx.Queue()
    producers = {number: started(ctx, produce, items, 1000 * number, 60) for number in range(3)}
    producers = {number: producer for number, producer in producers.items() if producer is not None}
    seen = dict.fromkeys(range(3), -1)
    while True:
        running = any(producer.is_alive() for producer in producers.values())
        try:
            number, checksum, body = items.get(timeout=0.05)
        except queue.Empty:
            if not running:
                break
            continue
        assert body == payload(number) and zlib.crc32(body) == checksum, f"message {number} is torn"
        assert number % 1000 > seen[number // 1000], f"message {number} came twice, or late"
        seen[number // 1000] = number % 1000
        counts["messages"] += 1
    for number, producer in producers.items():
        producer.join()
        assert producer.exitcode in (0, -signal.SIGKILL), producer.exitcode
        # A consumer that is killed takes messages with it; this one was not.
        if producer.exitcode == 0 and seen[number] != 59:
            codes = {number: producer.exitcode for number, producer in producers.items()}
            waiting, later = items.qsize(), None
            with contextlib.suppress(queue.Empty):
                later = items.get(timeout=5)[0]
            raise AssertionError(f"last seen {seen} of 60, exit codes {codes}, {waiting} wait, later came {later}")


def use_lock(ctx):
    path = f"{sys.argv[2]}.sum"
    lock = ctx.Lock()
    children = [child for _ in range(3) if (child := started(ctx, add, lock, path, 20)) is not None]
    for child in children:
        child.join()
        assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    # Who was killed may hold it still, as its owner: the next one is warned, and gets it.
    assert lock.acquire(timeout=60)
    lock.release()
    whole = sum(child.exitcode == 0 for child in children)
    size = os.path.getsize(path) if os.path.exists(path) else 0
    assert 20 * whole <= size <= 60, f"{size} additions, of {whole} whole children"
    if size:
        os.remove(path)


def main():
    # Told to, it shows where it stands.
    faulthandler.register(signal.SIGUSR1)
    warnings.simplefilter("ignore", RuntimeWarning)
    method, stop = sys.argv[1:]
    ctx = multiprocessing.get_context(method)
    while not os.path.exists(stop):
        for use in (use_pool, use_executor, use_queue, use_lock):
            use(ctx)
        counts["turns"] += 1
        print("turn", counts["turns"], flush=True)
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
