"""Programs that close all descriptors they do not know, as daemons do, and go on: processes and pools start as before,
and files that have taken the descriptors' numbers are left alone."""

import os

import pytest

COMMON = """
import os, signal, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def double(number):
    return 2 * number

def put(queue, number):
    queue.put(number)

def long(number):
    return bytes(number)

def close_all(reopen):
    os.closerange(3, 1024)
    if reopen:
        # Their numbers are these pipes' now: nothing may be read, written or closed there.
        for _ in range(40):
            pipes.append(os.pipe())

def check_pipes():
    for ours, theirs in pipes:
        os.write(theirs, b"own")
        assert os.read(ours, 100) == b"own"
        os.set_blocking(ours, False)
        try:
            raise AssertionError(os.read(ours, 100))
        except BlockingIOError:
            pass
        os.close(theirs)
        # Nobody else holds the other end.
        assert os.read(ours, 1) == b""
        os.close(ours)

def use(ctx):
    queue = ctx.Queue()
    process = ctx.Process(target=put, args=(queue, 5))
    process.start()
    print("process", queue.get(timeout=50))
    process.join()
    print("exit code", process.exitcode)
    with ctx.Pool(2) as pool:
        print("pool", pool.map(double, range(3)), len(pool.apply(long, (3_000_000,))))
    with ProcessPoolExecutor(2, mp_context=ctx) as executor:
        print("executor", list(executor.map(double, range(3))))

pipes = []
"""

RIGHT = "process 5\nexit code 0\npool [0, 2, 4] 3000000\nexecutor [0, 2, 4]\n"

AFTER_USE = """
if __name__ == "__main__":
    ctx = get_context(sys.argv[1])
    use(ctx)
    kept = ctx.Process(target=time.sleep, args=(600,))
    kept.start()
    pool = ctx.Pool(1)
    pool.apply(double, (1,))
    close_all(sys.argv[2] == "reopen")
    use(ctx)
    print(kept.is_alive())
    kept.kill()
    kept.join()
    print(kept.exitcode)
    print(pool.map(double, range(3)))
    pool.terminate()
    pool.join()
    del pool, kept
    import gc
    gc.collect()
    check_pipes()
"""

BEFORE_USE = """
if __name__ == "__main__":
    ctx = get_context(sys.argv[1])
    lock = ctx.Lock()
    close_all(sys.argv[2] == "reopen")
    use(ctx)
    check_pipes()
"""

DAEMON = """
if __name__ == "__main__":
    ctx = get_context(sys.argv[1])
    queue, output = ctx.Queue(), os.dup(1)
    use(ctx)
    if os.fork():
        print(queue.get(timeout=50))
        os.wait()
        use(ctx)
    else:
        os.setsid()
        close_all(sys.argv[2] == "reopen")
        use(ctx)
        queue.put("daemon")
        check_pipes()
        sys.stdout.flush()
        os._exit(0)
"""


@pytest.mark.parametrize("reopen", ["", "reopen"])
def test_after_processes_and_pools(runner, method, reopen):
    done = runner.run(runner.write(COMMON + AFTER_USE), method, reopen)
    assert done.stdout == f"{RIGHT}{RIGHT}True\n-9\n[0, 2, 4]\n", done.stderr
    assert done.stderr == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="where no other process has the memory, only the privileged may open it")
def test_before_the_first_process(runner, method):
    done = runner.run(runner.write(COMMON + BEFORE_USE), method, "reopen")
    assert (done.stdout, done.stderr) == (RIGHT, "")


def test_in_a_copy_of_the_program(runner, method):
    done = runner.run(runner.write(COMMON + DAEMON), method, "reopen")
    assert sorted(done.stdout.splitlines()) == sorted(f"{RIGHT * 3}daemon\n".splitlines()), done.stderr
    assert done.stderr == ""
