"""What becomes of a pool when the helpers of its program are killed, or no process can be made for a while.

The supervisor of a pool starts its workers; the reaper ends what must end with a killed program. Either may be killed.
Workers may be killed before they have taken a call, and the system may refuse to make processes: none of this costs a
pool its life as long as it answers.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import as_completed
from pathlib import Path

import pytest
from calls import pid, square
from conftest import LIMIT, alive, eventually
from sleeping import can_be_seen, ends_by_itself, others

import manyhands
from manyhands import futures

HERE = Path(__file__).parent


def parent_of(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def workers_of(pool):
    return [worker.pid for worker in pool._pool if alive(worker.pid)]


def kill(*processes):
    for process in processes:
        os.kill(process, signal.SIGKILL)
    eventually(lambda: not any(map(alive, processes)))


def wait_for(path):
    eventually(lambda: os.path.exists(path))
    return os.getpid()


def kill_supervisor_and_workers(pool, spared):
    """Kills the supervisor of a pool of four, and all workers but one."""
    workers = eventually(lambda: len(workers_of(pool)) == 4 and workers_of(pool))
    spared = spared or workers[0]
    kill(parent_of(spared), *(worker for worker in workers if worker != spared))
    return spared


def test_a_killed_supervisor_of_idle_workers_is_replaced_at_the_next_call(ctx):
    with ctx.Pool(4) as pool:
        spared = kill_supervisor_and_workers(pool, None)
        # Answered at once, by the worker that is left: nobody waits long enough to notice anything else.
        eventually(lambda: pool.apply(square, (3,)) == 9 and len(workers_of(pool)) == 4)
        assert spared in workers_of(pool)
        # Whose end is noticed by the new supervisor.
        kill(spared)
        eventually(lambda: pool.apply(square, (3,)) == 9 and len(workers_of(pool)) == 4)


def test_a_killed_supervisor_is_replaced_while_somebody_waits(ctx, tmp_path):
    with ctx.Pool(4) as pool:
        busy = [pool.apply_async(wait_for, (str(tmp_path / "go"),)) for _ in range(4)]
        eventually(lambda: pool._taskqueue.qsize() == 0 and len(workers_of(pool)) == 4)
        spared = kill_supervisor_and_workers(pool, None)
        waiting = [pool.apply_async(wait_for, (str(tmp_path / "go"),)) for _ in range(4)]
        (tmp_path / "go").touch()
        # The one that runs on answers; those that wait are run by it and by new ones.
        answers = [result.get(LIMIT) for result in waiting]
        lost = 0
        for result in busy:
            try:
                assert result.get(LIMIT) == spared
            except manyhands.WorkerDied:
                lost += 1
        assert lost == 3 and len(answers) == 4
        eventually(lambda: len(workers_of(pool)) == 4)


def test_a_killed_supervisor_of_an_executor_is_replaced_though_only_callbacks_wait(ctx, tmp_path):
    with futures.ProcessPoolExecutor(2, mp_context=ctx) as executor:
        workers = set(executor.map(pid, range(20)))
        supervisor = parent_of(next(iter(workers)))
        blocked = [executor.submit(wait_for, str(tmp_path / "go")) for _ in range(2)]
        eventually(lambda: all(future.running() for future in blocked))
        later = [executor.submit(square, number) for number in range(10)]
        called = threading.Event()
        later[-1].add_done_callback(lambda _: called.set())
        kill(supervisor, *executor._processes)
        # Of a condition of Python's own, whose waiter knows nothing of the pool.
        assert called.wait(LIMIT)
        assert sorted(future.result() for future in as_completed(later)) == [x * x for x in range(10)]
        for future in blocked:
            with pytest.raises(manyhands.WorkerDied):
                future.result()


def waits_in_get(pool, path):
    return pool.apply_async(wait_for, (path,)).get()


def waits_in_map(pool, path):
    return pool.map(wait_for, [path] * 4)


def waits_in_join(pool, path):
    result = pool.apply_async(wait_for, (path,))
    pool.close()
    pool.join()
    return result.get()


def waits_for_a_future(executor, path):
    return executor.submit(wait_for, path).result()


def waits_in_shutdown(executor, path):
    future = executor.submit(wait_for, path)
    executor.shutdown()
    return future.result()


#: How a program waits for a call, and whether it has the call run by an executor.
WAITS = {
    "get": (waits_in_get, False),
    "map": (waits_in_map, False),
    "join": (waits_in_join, False),
    "result": (waits_for_a_future, True),
    "shutdown": (waits_in_shutdown, True),
}


@contextlib.contextmanager
def somebody_waits(ctx, way, path):
    """While a thread waits for a call of a pool, in this way: the processes of the pool's workers."""
    wait, by_executor = WAITS[way]
    with futures.ProcessPoolExecutor(2, mp_context=ctx) if by_executor else ctx.Pool(2) as pool:
        if by_executor:
            set(pool.map(pid, range(20)))
        workers = eventually(lambda: len(pool._processes if by_executor else workers_of(pool)) == 2) and (
            list(pool._processes) if by_executor else workers_of(pool)
        )
        answers = []
        thread = threading.Thread(target=lambda: answers.append(wait(pool, str(path))))
        thread.start()
        yield workers
        path.touch()
        thread.join(LIMIT)
        assert answers


def children_here():
    """The processes that threads of this one have started; quicker to have than those of the whole system."""
    found = set()
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):
            found.update(map(int, Path(f"/proc/self/task/{task}/children").read_text().split()))
    return found


def first_to_wake_by_itself():
    """When the first of the other threads will wake by itself, if that is seconds away."""
    ends = [ends_by_itself(thread) for thread in others()]
    return None not in ends and min(ends) > time.monotonic() + 3 and min(ends)


@pytest.mark.skipif(not can_be_seen(), reason="the kernel shows no system calls here")
@pytest.mark.parametrize("way", WAITS)
def test_a_killed_supervisor_is_replaced_at_once_and_no_thread_polls_for_that(ctx, tmp_path, way):
    with somebody_waits(ctx, way, tmp_path / "go") as workers:
        supervisor, before = parent_of(workers[0]), children_here()
        assert supervisor in before
        # Early in a wait threads look for the dead; then they know that the wait is a long one.
        first = eventually(first_to_wake_by_itself)
        os.kill(supervisor, signal.SIGKILL)
        eventually(lambda: children_here() - before)
        # So the death has woken the thread that replaces it.
        assert time.monotonic() < first


def dies_while_it_may(folder):
    """Sets a worker up, unless nine have not died yet and the first one is there."""
    first, deaths = os.path.join(folder, "first"), os.path.join(folder, "deaths")
    try:
        os.close(os.open(first, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        if os.path.getsize(deaths) < 9:
            with open(deaths, "a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_die_before_their_first_call_do_not_break_a_pool_that_answers(ctx, tmp_path):
    deaths = tmp_path / "deaths"
    deaths.touch()
    with ctx.Pool(2, dies_while_it_may, (str(tmp_path),)) as pool:
        for number in range(1, 10):
            eventually(lambda number=number: deaths.stat().st_size >= number)
            assert pool.apply(square, (number,)) == number * number
        eventually(lambda: len(workers_of(pool)) == 2)
        assert pool.map(square, range(10)) == [x * x for x in range(10)]


REFUSED = """
import os, resource, signal, sys
sys.path.insert(0, {here!r})
from calls import square
from conftest import alive, eventually
from test_pool_supervisors import kill, parent_of, workers_of
from manyhands import multiprocessing

def limit_of(process, most):
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    resource.prlimit(process, resource.RLIMIT_NPROC, (hard if most is None else most, hard))

if __name__ == "__main__":
    method, what = sys.argv[1:]
    with multiprocessing.get_context(method).Pool(2) as pool:
        workers = eventually(lambda: len(workers_of(pool)) == 2 and workers_of(pool))
        supervisor = parent_of(workers[0])
        refusing = os.getpid() if what == "supervisor" else supervisor
        limit_of(refusing, 1)
        if method == "fork":
            # A call that is submitted after a worker's end has the template made anew.
            limit_of(os.getpid(), 1)
        kill(*({{"worker": workers[:1], "all": workers, "supervisor": [supervisor]}}[what]))
        asked = pool.apply_async(square, (5,))
        # Far more often than workers may die in a row, and far longer than it took to break.
        if what != "all":
            for _ in range(300):
                assert pool.apply(square, (3,)) == 9
        asked.wait(3)
        assert what == "all" or asked.get() == 25
        limit_of(refusing, None)
        limit_of(os.getpid(), None)
        assert asked.get(60) == 25
        eventually(lambda: pool.apply(square, (3,)) == 9 and len(workers_of(pool)) == 2)
        print("whole again", flush=True)
"""

UNPRIVILEGED = [
    "setpriv", "--reuid", "{uid}", "--clear-groups",
    # Files of the tests and of the interpreter may be root's alone; limits are to count.
    "--inh-caps", "-all,+dac_override,+dac_read_search", "--ambient-caps", "-all,+dac_override,+dac_read_search",
    "--bounding-set", "-sys_resource,-sys_admin",
]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv for another user")
@pytest.mark.parametrize("what", ["worker", "all", "supervisor"])
def test_a_time_in_which_no_process_can_be_made_is_survived_and_reported_once(runner, method, what):
    program = runner.write(REFUSED.format(here=str(HERE)))
    # A user of its own, whose processes nobody else counts.
    uid = 60_000 + os.getpid() % 5_000
    user = [part.format(uid=uid) for part in UNPRIVILEGED]
    done = subprocess.run(
        [*user, sys.executable, str(program), method, what],
        env={**runner.environment(), "TMPDIR": str(runner.folder), "HOME": str(runner.folder)},
        capture_output=True, text=True, timeout=2 * LIMIT,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "whole again\n"), done.stderr
    reports = [line for line in done.stderr.splitlines() if line.startswith("manyhands: ")]
    assert len(reports) >= 1 and len(reports) == len(set(reports)), done.stderr
    assert all("Resource temporarily unavailable" in line for line in reports), reports
    if what == "supervisor":
        begin = "manyhands: the process that starts a pool's workers was killed and cannot be replaced now: "
        assert any(line.startswith(begin) for line in reports), reports


SLEEPS = """
import os, sys, time
from manyhands import multiprocessing

def for_ever(ready):
    ready.release()
    while True:
        time.sleep(3600)

if __name__ == "__main__":
    method, what = sys.argv[1:]
    ctx = multiprocessing.get_context(method)
    ready = ctx.Semaphore(0)
    if what == "pool":
        pool = ctx.Pool(2)
        for _ in range(2):
            pool.apply_async(time.sleep, (3600,))
        while pool._taskqueue.qsize():
            time.sleep(0.01)
    else:
        daemon = ctx.Process(target=for_ever, args=(ready,), daemon=True)
        daemon.start()
        ready.acquire()
    print("ready", flush=True)
    if what == "joined":
        daemon.join()
    time.sleep(3600)
"""


def named(processes, name):
    found = []
    for process in processes:
        try:
            if Path(f"/proc/{process}/comm").read_text().strip() == name:
                found.append(process)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("method", "what"),
    # A program that has no supervisor and waits for nothing has nobody to notice.
    [
        *((method, "pool") for method in ("fork", "spawn", "forkserver")),
        ("forkserver", "daemon"),
        *((method, "joined") for method in ("fork", "spawn")),
    ],
)
def test_a_killed_reaper_is_replaced_by_whoever_notices(runner, method, what):
    runner.write(SLEEPS)
    program = subprocess.Popen(
        [sys.executable, "program.py", method, what],
        cwd=runner.folder, env=runner.environment(), stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert program.stdout.readline() == b"ready\n"
        [reaper] = eventually(lambda: named(runner.left_behind(), "mh-reaper"))
        kill(reaper)
        eventually(lambda: [other for other in named(runner.left_behind(), "mh-reaper") if other != reaper])
        program.kill()
        program.wait()
        # Daemons, busy workers, and the new reaper itself.
        eventually(lambda: not runner.left_behind())
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
        for process in runner.left_behind():
            os.kill(process, signal.SIGKILL)
