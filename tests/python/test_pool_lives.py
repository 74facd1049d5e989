"""Workers and pools under each start method: how they begin and end, and what a death costs."""

import gc
import multiprocessing as standard_multiprocessing
import os
import signal
import threading
import time
import warnings
import weakref

import pytest
from calls import broken_set_up, die, die_once, names, pid, set_up, sleep_and_give, square, use_set_up
from conftest import LIMIT, alive, children, eventually

import manyhands
from manyhands import multiprocessing


def test_workers_are_named_daemons(pool, ctx):
    seen = set(pool.map(names, range(40), 1))
    prefix = ctx.Process.__name__.replace("Process", "PoolWorker-")
    assert all(name.startswith(prefix) and daemon and parent == os.getpid() for name, daemon, parent in seen)
    assert {child.pid for child in ctx.active_children()} >= {child.pid for child in pool._pool}
    assert len(pool._pool) == 2


def test_set_up(ctx):
    with ctx.Pool(2, set_up, (100, ctx.Lock())) as pool:
        assert pool.map(use_set_up, range(10)) == list(range(100, 110))


def mark(path):
    with open(path, "ab") as file:
        file.write(b"x")


def test_each_worker_is_set_up_though_the_pool_is_closed_at_once(ctx, tmp_path):
    for number in range(3):
        path = tmp_path / str(number)
        pool = ctx.Pool(3, mark, (path,))
        pool.close()
        pool.join()
        assert path.read_bytes() == b"xxx"


def test_workers_that_have_only_just_been_made_end_with_their_pool(ctx, tmp_path):
    for _ in range(3):
        with ctx.Pool(3, time.sleep, (60,)) as pool:
            pass
        pool.join()


def test_a_set_up_that_fails_breaks_the_pool(ctx, capfd):
    with ctx.Pool(2, broken_set_up) as pool:
        with pytest.raises(manyhands.BrokenProcessPool, match="cannot set up"):
            pool.apply(square, (1,))
        with pytest.raises(manyhands.BrokenProcessPool, match="cannot set up"):
            pool.map(square, [1])
    assert "RuntimeError: cannot set up" in capfd.readouterr().err


def test_tasks_per_child(ctx):
    with ctx.Pool(1, maxtasksperchild=2) as pool:
        pids = [pool.apply(pid) for _ in range(6)]
    assert len(set(pids)) == 3
    assert pids == sorted(pids, key=pids.index)


weather = "unknown"


def see(_=None):
    return weather, os.getpid()


@pytest.fixture
def forking(monkeypatch):
    monkeypatch.setattr("test_pool_lives.weather", "unknown")
    return multiprocessing.get_context("fork")


def test_a_forked_worker_that_replaces_another_sees_the_program_as_it_is_by_then(forking, monkeypatch):
    with forking.Pool(1, maxtasksperchild=2) as pool:
        assert pool.apply(see)[0] == "unknown"
        monkeypatch.setattr("test_pool_lives.weather", "fair")
        assert pool.apply(see)[0] == "unknown"
        assert pool.apply(see)[0] == "fair"
    with forking.Pool(2, maxtasksperchild=1) as pool:
        monkeypatch.setattr("test_pool_lives.weather", "foul")
        # Two have begun before.
        assert [seen for seen, _ in pool.map(see, range(6), 1)].count("foul") >= 4
        pool.close()
        pool.join()
    assert not forking.active_children()


def kill_worker_of(pool):
    worker = pool.apply(see)[1]
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: not alive(worker))


def test_a_forked_worker_that_replaces_a_killed_one_sees_the_program_of_a_later_call(forking, monkeypatch):
    with forking.Pool(1) as pool:
        for now in ("fair", "foul", "fair"):
            monkeypatch.setattr("test_pool_lives.weather", now)
            kill_worker_of(pool)
            # Run by one that has replaced it, so its end has been counted when the next call is submitted.
            pool.apply(see)
            kill_worker_of(pool)
            assert pool.apply(see)[0] == now


def test_many_threads_have_forked_workers_replaced(forking):
    seen = []
    with forking.Pool(2, maxtasksperchild=1) as pool:

        def ask():
            seen.extend(pool.apply(see)[1] for _ in range(6))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pool.close()
        pool.join()
    assert len(set(seen)) == len(seen) == 18


def test_templates_end_with_the_last_worker_of_their_own():
    before = children().keys()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for _ in range(6):
            kill_worker_of(pool)
            pool.map(square, range(4))

        def templates():
            return [child for child, state in children().items() if child not in before and state != "Z"]

        # Each that there is has a worker, or is the one that starts the next.
        eventually(lambda: len(templates()) <= 3, 10)


def test_endings(ctx):
    pool = ctx.Pool(2)
    workers = [worker.pid for worker in eventually(lambda: len(pool._pool) == 2 and pool._pool)]
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    slow = [pool.apply_async(sleep_and_give, (0.1, number)) for number in range(4)]
    pool.close()
    for attempt in (
        lambda: pool.apply_async(square, (1,)),
        lambda: pool.map(square, [1]),
        lambda: pool.imap(square, [1]),
    ):
        with pytest.raises(ValueError, match=r"^Pool not running$"):
            attempt()
    pool.join()
    assert [result.get(0) for result in slow] == [0, 1, 2, 3]
    assert not any(alive(worker) for worker in workers)
    pool.terminate()
    pool.join()

    pool = ctx.Pool(2)
    result = pool.apply_async(sleep_and_give, (3600, 0))
    eventually(lambda: len(pool._pool) == 2)
    begun = time.monotonic()
    pool.terminate()
    pool.join()
    assert time.monotonic() - begun < 5
    with pytest.raises(RuntimeError, match="terminated"):
        result.get(timeout=30)


def test_close_lets_a_stream_go_on(ctx):
    pool = ctx.Pool(2)

    def elements():
        for number in range(5):
            time.sleep(0.05)
            yield number

    stream = pool.imap(square, elements())
    pool.close()
    with pytest.raises(ValueError, match=r"^Pool not running$"):
        pool.apply_async(square, (1,))
    assert list(stream) == [0, 1, 4, 9, 16]
    pool.join()


def workers_of(pool):
    return [worker.pid for worker in eventually(lambda: len(pool._pool) == 2 and pool._pool)]


def test_a_forgotten_pool_ends(ctx):
    pool = ctx.Pool(2)
    workers = workers_of(pool)
    told = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del pool
        gc.collect()
        told = [str(warning.message) for warning in caught]
        # Each warning holds the pool that it is about.
        caught.clear()
    assert any("unclosed running multiprocessing pool" in text for text in told)
    eventually(lambda: not any(alive(worker) for worker in workers), 10)


def test_a_result_keeps_its_pool(ctx):
    result = ctx.Pool(1).apply_async(sleep_and_give, (0.2, "there"))
    gc.collect()
    assert result.get(timeout=30) == "there"


def wait_and_square(path, number):
    eventually(path.exists)
    return square(number)


@pytest.mark.filterwarnings("ignore:unclosed running multiprocessing pool")
@pytest.mark.parametrize("library", [standard_multiprocessing, multiprocessing])
@pytest.mark.parametrize("way", ["apply_async", "starmap_async"])
def test_a_callback_keeps_its_pool(library, way, tmp_path):
    """A pool that nobody refers to runs the calls that it was given, and ends when their callbacks have run."""
    answers, called = [], threading.Event()
    pool, gone = library.get_context("fork").Pool(2), tmp_path / "gone"
    given = {"callback": lambda answer: (answers.append(answer), called.set()), "error_callback": answers.append}
    if way == "apply_async":
        pool.apply_async(wait_and_square, (gone, 3), **given)
    else:
        pool.starmap_async(wait_and_square, [(gone, 3), (gone, 4)], 1, **given)
    workers, forgotten = workers_of(pool), weakref.ref(pool)
    del pool
    gc.collect()
    gone.touch()
    assert called.wait(LIMIT) and answers == [9 if way == "apply_async" else [9, 16]]
    eventually(lambda: gc.collect() >= 0 and forgotten() is None and not any(map(alive, workers)))


@pytest.mark.parametrize(
    ("how", "code", "says"), [("signal", -9, "SIGKILL"), ("exit", 5, "exit code 5"), ("_exit", 6, "exit code 6")]
)
def test_a_worker_that_dies_costs_its_call(pool, how, code, says):
    good = [pool.apply_async(sleep_and_give, (0.05, number)) for number in range(4)]
    result = pool.apply_async(die, (how,))
    more = [pool.apply_async(square, (number,)) for number in range(10)]
    with pytest.raises(manyhands.WorkerDied) as caught:
        result.get(timeout=30)
    died = caught.value
    assert isinstance(died, manyhands.BrokenProcessPool)
    assert (died.exitcode, died.call) == (code, "die")
    assert says in str(died)
    assert str(died.pid) in str(died)
    assert died.worker in str(died)
    assert "call 5, die" in str(died)
    assert [one.get(timeout=30) for one in good] == [0, 1, 2, 3]
    assert [one.get(timeout=30) for one in more] == [x * x for x in range(10)]
    eventually(lambda: len({worker.pid for worker in pool._pool} - {died.pid}) == 2)
    eventually(lambda: died.pid not in {worker.pid for worker in pool._pool})


def test_retries(ctx, tmp_path):
    with ctx.Pool(2, retries=1) as pool:
        assert pool.apply(die_once, (str(tmp_path / "mark"),)) == "second time"
        with pytest.raises(manyhands.WorkerDied):
            pool.apply(die, ("signal",))
        assert pool.apply(square, (3,)) == 9


def test_an_idle_workers_death_is_noticed_by_nobody(pool):
    workers = eventually(lambda: len(pool._pool) == 2 and pool._pool)
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
        assert pool.map(square, range(100)) == [x * x for x in range(100)]
    eventually(lambda: len(pool._pool) == 2)


def test_a_supervisor_that_is_not_needed_any_more_was_not_killed():
    """It has ended while a callback runs, which somebody waits for who looks after it."""
    go = threading.Event()
    before = set(children())
    pool = multiprocessing.get_context("fork").Pool(1)
    result = pool.apply_async(square, (3,), callback=lambda _: go.wait())
    pool.close()
    try:
        eventually(lambda: all(state == "Z" for pid, state in children().items() if pid not in before))
        # Longer than one looks after it.
        result.wait(1)
        assert not result.ready() and pool._manyhands.phase == "closed"
    finally:
        go.set()
    pool.join()
    assert result.get() == 9
    assert not set(children()) - before


@pytest.mark.parametrize(
    "how", ["", "pool.close()", "pool.close(); pool.join()", "pool.terminate()", "import os; os._exit(0)"]
)
def test_nothing_is_left_behind(runner, method, how):
    runner.write(
        "import multiprocessing, time\n"
        "if __name__ == '__main__':\n"
        "    pool = multiprocessing.Pool(2)\n"
        "    print(pool.map(abs, [-1]), flush=True)\n" + f"    {how or 'pass'}\n"
    )
    done = runner.run("program.py", options=["--start-method", method])
    assert (done.returncode, done.stdout) == (0, "[1]\n")


def make_a_pool():
    with multiprocessing.Pool(1):
        pass


def test_daemons_make_no_pools(pool):
    with pytest.raises(AssertionError, match="daemonic processes are not allowed to have children"):
        pool.apply(make_a_pool)
