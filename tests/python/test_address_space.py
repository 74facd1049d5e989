"""Programs whose processes may map little: `ulimit -v`, RLIMIT_AS and RLIMIT_DATA, set before the start, in an
initializer, in a process or in the parent. Modest work goes on; what is too much is a MemoryError, and the next call
works."""

import subprocess

import pytest

COMMON = """
import os, resource, sys
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

MIB = 1 << 20

def limit(mib, which=resource.RLIMIT_AS):
    resource.setrlimit(which, (mib * MIB, mib * MIB))

def length(content):
    return len(content)

def fill(size):
    try:
        return len(bytearray(size))
    except MemoryError:
        return "MemoryError"

def make(size):
    return bytes(size)

def checksum(content):
    return content[:3] == b"abc" and len(content)
"""

IN_INITIALIZER = """
def main(ctx, mib, which):
    with ctx.Pool(1, limit, (mib, which)) as pool:
        print(pool.map(fill, [1000, 300_000, 60_000_000, 9 << 30]))
        print(len(pool.apply(bytes, (20_000_000,))), pool.apply(length, (bytearray(20_000_000),)))
        print(sum(map(len, pool.imap_unordered(make, [3_000_000] * 40))))
        try:
            pool.apply(make, (8 << 30,))
        except MemoryError:
            print("MemoryError")
        print(pool.map(abs, range(-3, 0)))
    with ProcessPoolExecutor(1, ctx, limit, (mib, which)) as executor:
        print(list(executor.map(fill, [1000, 60_000_000, 9 << 30])))
        print(len(executor.submit(make, 20_000_000).result()))

if __name__ == "__main__":
    main(multiprocessing.get_context(sys.argv[1]), int(sys.argv[2]), getattr(resource, sys.argv[3]))
"""

WORKS = """\
[1000, 300000, 60000000, 'MemoryError']
20000000 20000000
120000000
MemoryError
[3, 2, 1]
[1000, 60000000, 'MemoryError']
20000000
"""


@pytest.mark.parametrize(
    ("mib", "which"), [(2048, "RLIMIT_AS"), (512, "RLIMIT_AS"), (2048, "RLIMIT_DATA"), (256, "RLIMIT_DATA")]
)
def test_in_an_initializer(runner, method, mib, which):
    done = runner.run(runner.write(COMMON + IN_INITIALIZER), method, mib, which)
    assert (done.stdout, done.stderr) == (WORKS, "")


MANY = """
if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    with ctx.Pool(1, limit, (512,)) as pool:
        # All that wait are more than the worker may have mapped, but each one is not.
        sizes = [20_000_000 + 100_000 * number for number in range(30)]
        results = [pool.apply_async(checksum, (b"abc" + bytes(size),)) for size in sizes]
        print([result.get() for result in results] == [size + 3 for size in sizes])
        print(sum(pool.map(checksum, [b"abc" + bytes(300_000)] * 1500, chunksize=1)))
"""


def test_far_more_waits_than_a_worker_may_map(runner, method):
    done = runner.run(runner.write(COMMON + MANY), method)
    assert (done.stdout, done.stderr) == ("True\n450004500\n", "")


TOO_LARGE = """
if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    with ctx.Pool(1, limit, (512,)) as pool:
        pool.apply(abs, (-1,))
        large = b"abc" + bytes(500_000_000)
        for _ in range(2):
            try:
                print(pool.apply(checksum, (large,)))
            except MemoryError:
                print("MemoryError")
            print(pool.apply(checksum, (large[:9_000_000],)))
    del large
    with ProcessPoolExecutor(1, ctx, limit, (512,)) as executor:
        executor.submit(abs, -1).result()
        large = b"abc" + bytes(500_000_000)
        print(type(executor.submit(checksum, large).exception()).__name__)
        print(executor.submit(checksum, large[:9_000_000]).result())
"""


def test_arguments_that_a_worker_cannot_map(runner, method):
    done = runner.run(runner.write(COMMON + TOO_LARGE), method)
    assert done.stdout == "MemoryError\n9000000\n" * 3, done.stderr
    assert done.stderr == ""


ANSWERS = """
def tell(work):
    try:
        print(work())
    except MemoryError as error:
        print("MemoryError:", "no address space is left in this process" in str(error))

if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    large = 600_000_000
    with ctx.Pool(1) as pool, ProcessPoolExecutor(1, ctx) as executor:
        print(pool.apply(abs, (-1,)), executor.submit(abs, -1).result())
        limit(600)
        tell(lambda: len(pool.apply(make, (large,))))
        tell(lambda: len(pool.map(make, [10, large, 20], 1)))
        tell(lambda: list(map(len, pool.imap(make, [large, 10]))))
        tell(lambda: list(map(len, pool.imap_unordered(make, [large, 10]))))
        told = []
        tell(lambda: len(pool.apply_async(make, (large,), {}, told.append, told.append).get()))
        print([type(word).__name__ for word in told])
        tell(lambda: len(executor.submit(make, large).result()))
        tell(lambda: list(map(len, executor.map(make, [10, large]))))
        print(len(pool.apply(make, (20_000_000,))), len(executor.submit(make, 20_000_000).result()))
"""

ANSWERED = """\
1 1
MemoryError: True
MemoryError: True
MemoryError: True
MemoryError: True
MemoryError: True
['MemoryError']
MemoryError: True
MemoryError: True
20000000 20000000
"""


def test_answers_that_the_program_cannot_map(runner, method):
    done = runner.run(runner.write(COMMON + ANSWERS), method)
    assert (done.stdout, done.stderr) == (ANSWERED, "")


IN_PROCESS = """
def work(calls, answers):
    limit(512)
    while True:
        try:
            call = calls.get()
        except MemoryError:
            answers.put("MemoryError")
            # Its turn comes again when there is somebody who has room.
            answers.put(None)
            return
        answers.put(call and (call[0], checksum(call[1])))
        if call is None:
            return

if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    calls, answers = ctx.Queue(), ctx.Queue()
    sizes = [10, 1000, 100_000, 9_000_000, 30_000_000] * 2
    for number, size in enumerate(sizes):
        calls.put((number, b"abc" + bytes(size)))
    calls.put(None)
    process = ctx.Process(target=work, args=(calls, answers))
    process.start()
    print(list(iter(answers.get, None)) == [(number, size + 3) for number, size in enumerate(sizes)])
    process.join()
    print(process.exitcode)
    calls.put((1, b"abc" + bytes(500_000_000)))
    calls.put(None)
    process = ctx.Process(target=work, args=(calls, answers))
    process.start()
    print(list(iter(answers.get, None)))
    process.join()
    print(process.exitcode, checksum(calls.get()[1]), calls.get())
"""


def test_in_a_process_with_queues(runner, method):
    done = runner.run(runner.write(COMMON + IN_PROCESS), method)
    # What it could not take is there for the next one.
    assert done.stdout == "True\n0\n['MemoryError']\n0 500000003 None\n", done.stderr
    assert done.stderr == ""


IN_PARENT = """
def put(queue, size):
    queue.put(bytes(size))

if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    if sys.argv[2] == "after use":
        with ctx.Pool(1) as pool:
            print(sum(map(len, pool.map(make, [70_000_000, 10_000_000, 150_000_000]))))
    limit(1024)
    with ctx.Pool(2) as pool:
        print(pool.map(fill, [1000, 60_000_000, 9 << 30]))
        print(len(pool.apply(make, (20_000_000,))), pool.apply(length, (bytearray(20_000_000),)))
    queue = ctx.Queue()
    process = ctx.Process(target=put, args=(queue, 20_000_000))
    process.start()
    print(len(queue.get()))
    process.join()
    print(process.exitcode)
    with ctx.Manager() as manager:
        shared = manager.list(range(3))
        print(list(shared))
"""

IN_PARENT_RIGHT = "[1000, 60000000, 'MemoryError']\n20000000 20000000\n20000000\n0\n[0, 1, 2]\n"


@pytest.mark.parametrize("when", ["at first", "after use"])
def test_in_the_parent(runner, method, when):
    done = runner.run(runner.write(COMMON + IN_PARENT), method, when)
    before = "230000000\n" if when == "after use" else ""
    assert (done.stdout, done.stderr) == (before + IN_PARENT_RIGHT, "")


def test_before_the_start(runner, method):
    done = run_limited(runner, "-v 1048576", runner.write(COMMON + IN_PARENT), method, "at first")
    assert (done.stdout, done.stderr) == (IN_PARENT_RIGHT, "")


THREADS = """
import queue, threading

if __name__ == "__main__":
    limit(640)
    items, lock, sums = queue.Queue(4), threading.Lock(), []

    def take():
        total = 0
        for item in iter(items.get, None):
            total += item
        with lock:
            sums.append(total)

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1000):
        items.put(number)
    for _ in threads:
        items.put(None)
    for thread in threads:
        thread.join()
    print(sum(sums), fill(60_000_000), fill(9 << 30))
    shared = multiprocessing.Lock(), multiprocessing.Event(), multiprocessing.Value("i", 3)
    print(shared[0].acquire(), shared[1].is_set(), shared[2].value)
"""


def test_in_a_program_of_threads(runner):
    done = runner.run(runner.write(COMMON + THREADS))
    assert (done.stdout, done.stderr) == ("499500 60000000 MemoryError\nTrue False 3\n", "")


NUMPY = """
import numpy

def double(array):
    return array * 2

if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    with ctx.Pool(1, limit, (2048,)) as pool:
        for size in (10, 1_000_000, 9_000_000):
            array = numpy.arange(size, dtype="int64")
            print((pool.apply(double, (array,)) == array * 2).all())
        try:
            pool.apply(double, (numpy.zeros(150_000_000, "int64"),))
        except MemoryError:
            print("MemoryError")
        print(pool.apply(double, (numpy.arange(3),)))
"""


def test_with_arrays(runner, method):
    pytest.importorskip("numpy")
    program = runner.write(COMMON + NUMPY)
    # Its threads take address space that has nothing to do with us.
    done = runner.run(program, method, environment={"OPENBLAS_NUM_THREADS": "1"})
    assert (done.stdout, done.stderr) == ("True\nTrue\nTrue\nMemoryError\n[0 2 4]\n", "")


CLOSED = """
if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    queue = ctx.Queue()
    os.closerange(3, 1024)
    limit(int(sys.argv[2]))
    # Each has memory of its own, far apart, of which nobody has a descriptor.
    contents = [b"abc" + bytes(size) for size in (200, 100_000, 3_000_000, 40_000_000, 70_000_000, 5000)]
    for content in contents:
        queue.put(content)
    print([queue.get() == content for content in contents])
    print(sum(checksum(queue.get()) for _ in range(40) if queue.put(contents[3]) is None) // 40)
"""


@pytest.mark.parametrize("mib", [1024, 1 << 20])
def test_where_the_descriptor_was_closed(runner, mib):
    done = runner.run(runner.write(COMMON + CLOSED), "fork", mib)
    assert (done.stdout, done.stderr) == (f"{[True] * 6}\n40000003\n", "")


FILE_SIZE = """
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(fill, [1000, 60_000_000]), len(pool.apply(make, (5_000_000,))))
"""


def run_limited(runner, limit, *arguments):
    """Runs a program under what `ulimit` is told; the unit of -f is half a KiB, of -s and -v one."""
    return subprocess.run(
        ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *runner.command(*arguments)],
        cwd=runner.folder,
        env=runner.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_where_files_may_not_be_long(runner, method):
    done = run_limited(runner, "-f 1000000", runner.write(COMMON + FILE_SIZE), method)
    assert (done.stdout, done.stderr) == ("[1000, 60000000] 5000000\n", "")


ALL_KINDS = """
def put(queue, size):
    queue.put(b"abc" + bytes(size))

def tell(name, work):
    try:
        print(name, work())
    except (OSError, MemoryError) as error:
        print(name, type(error).__name__, "RLIMIT_FSIZE" in str(error) or "out of shared memory" in str(error))

def process(ctx):
    made = ctx.Process(target=abs, args=(1,))
    made.start()
    made.join()
    return made.exitcode

def pipe(ctx):
    one, other = ctx.Pipe()
    one.send(1)
    return other.recv()

def lock(ctx):
    with ctx.Lock():
        return 1

def queue(ctx):
    made = ctx.Queue()
    made.put(bytes(100_000))
    return len(made.get())

def pool(ctx):
    with ctx.Pool(2) as made:
        return sum(made.map(abs, range(10))), len(made.apply(bytes, (100_000,)))

def large(ctx):
    with ctx.Pool(1) as made:
        return len(made.apply(bytes, (3_000_000,)))

def value(ctx):
    return ctx.Value("i", 3).value

def manager(ctx):
    with ctx.Manager() as made:
        return list(made.list([1]))

if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    for work in (process, pipe, lock, queue, pool, large, value, manager):
        tell(work.__name__, lambda: work(ctx))
"""

ALL_WORK = """\
process 0
pipe 1
lock 1
queue 100000
pool (45, 100000)
large 3000000
value 3
manager [1]
"""


@pytest.mark.parametrize("limit", ["-v 250000", "-s 256", "-l 0", "-f 400000"])
def test_all_kinds_under_a_tight_limit(runner, method, limit):
    done = run_limited(runner, limit, runner.write(COMMON + ALL_KINDS), method)
    assert (done.stdout, done.stderr) == (ALL_WORK, "")


def test_files_too_short_for_large_blocks(runner, method):
    done = run_limited(runner, "-f 131072", runner.write(COMMON + ALL_KINDS), method)
    assert (done.stdout, done.stderr) == (ALL_WORK.replace("large 3000000", "large MemoryError True"), "")


def test_files_too_short_for_anything_shared(runner):
    done = run_limited(runner, "-f 2048", runner.write(COMMON + ALL_KINDS), "fork")
    names = ("process", "pipe", "lock", "queue", "pool", "large", "value", "manager")
    right = ["pipe 1" if name == "pipe" else f"{name} OSError True" for name in names]
    assert (done.stdout.splitlines(), done.stderr) == (right, "")


LONG = """
def put(queue, size):
    queue.put(bytes(size))

def send(connection, size):
    connection.send(bytes(size))

if __name__ == "__main__":
    ctx = multiprocessing.get_context(sys.argv[1])
    queue, (one, other) = ctx.Queue(), ctx.Pipe()
    for target, end, take in ((put, queue, queue.get), (send, one, other.recv)):
        process = ctx.Process(target=target, args=(end, 300_000_000))
        process.start()
        print(len(take()))
        process.join()
    with ctx.Pool(2) as pool:
        print(len(pool.apply(make, (300_000_000,))), pool.apply(length, (make(300_000_000),)))
"""


def test_long_messages_under_a_limit_of_two_gigabytes(runner, method):
    done = run_limited(runner, "-v 2097152", runner.write(COMMON + LONG), method)
    assert (done.stdout, done.stderr) == ("300000000\n300000000\n300000000 300000000\n", "")


MAPPED = """
import multiprocessing, os, re

def mapped(_=None):
    with open("/proc/self/status") as status:
        return int(re.search(r"VmPeak:\\s+(\\d+)", status.read())[1]) >> 10

if __name__ == "__main__":
    ctx = multiprocessing.get_context(os.environ["METHOD"])
    queue, lock = ctx.Queue(), ctx.Lock()
    for number in range(1000):
        with lock:
            queue.put(bytes(number))
            queue.get()
    with ctx.Pool(4) as pool:
        pool.map(abs, range(10_000))
        print(max(pool.map(mapped, range(8), 1)))
    print(mapped())
"""


def test_the_arena_does_not_take_much(runner, method):
    program = runner.write(MAPPED)
    took = {}
    for ours in (False, True):
        done = runner.run(program, manyhands=ours, environment={"METHOD": method})
        assert done.stderr == ""
        took[ours] = list(map(int, done.stdout.split()))
    # In a worker, and in the program, in MiB.
    assert all(ours - plain < 64 for plain, ours in zip(took[False], took[True], strict=True)), took


def test_who_uses_nothing_maps_nothing(runner):
    program = runner.write("print(open('/proc/self/statm').read().split()[0])")
    plain, ours = (int(runner.run(program, manyhands=ours).stdout) * 4 >> 10 for ours in (False, True))
    assert ours - plain < 16, (plain, ours)
