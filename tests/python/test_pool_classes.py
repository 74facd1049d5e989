"""Workers of a process class that a program has written: a context's own, or one that a pool's `Process` makes."""

import os
from multiprocessing.process import BaseProcess

import pytest
from calls import square
from conftest import METHODS, eventually

from manyhands import futures, multiprocessing
from manyhands.multiprocessing import pool as pools

LIMIT = 60


class Noting:
    """Writes down in a file what its methods are called for. Made with a number, and no daemon."""

    made = 0
    path = None

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        Noting.made += 1
        self.label = f"label {Noting.made}"
        # Of the instance, so that it travels.
        self.path = Noting.path

    @property
    def daemon(self):
        return False

    @daemon.setter
    def daemon(self, value):
        self.asked = value

    def start(self):
        self.note("start")
        super().start()
        self.started = True

    def run(self):
        self.note("run")
        super().run()
        self.note("ran")

    def _bootstrap(self, *arguments, **named):
        self.note("boot")
        return super()._bootstrap(*arguments, **named)

    def note(self, word):
        with open(self.path, "a") as file:
            file.write(f"{word}\n")


def contexts():
    """For each start method a context with such a class, which a fresh interpreter finds by its name."""
    for method in METHODS:
        base = multiprocessing.get_context(method)
        of_process = type(f"Noting_{method}", (Noting, base.Process), {"__module__": __name__})
        globals()[of_process.__name__] = of_process
        yield method, type("Context", (type(base),), {"Process": of_process})()


CONTEXTS = dict(contexts())


@pytest.fixture
def own(method):
    """The context of each start method in turn, with a process class of its own."""
    return CONTEXTS[method]


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """What the processes have written down."""
    path = tmp_path / "notes"
    path.touch()
    monkeypatch.setattr(Noting, "path", path)
    return lambda: sorted(path.read_text().split())


def look(_=None):
    this = multiprocessing.current_process()
    return type(this).__name__, this.daemon, this.label


def in_a_pool_of_its_own(count):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(square, range(count))


def test_a_pool_of_a_context_with_its_own_class(own, method, notes):
    with pools.Pool(2, context=own) as pool:
        kind, daemon, label = pool.apply(look)
        assert kind == f"Noting_{method}" and not daemon and label.startswith("label ")
        workers = pool._pool
        assert {type(worker) for worker in workers} == {own.Process}
        assert all(worker.started and worker.asked and worker.is_alive() for worker in workers)
        assert {worker.name.rpartition("-")[0] for worker in workers} == {f"Noting_{method}"}
        assert set(workers) <= set(multiprocessing.active_children())
        pool.close()
        pool.join()
    assert notes() == ["boot"] * 2 + ["ran"] * 2 + ["run"] * 2 + ["start"] * 2


def test_an_executor_of_a_context_with_its_own_class(own, method, notes):
    with futures.ProcessPoolExecutor(1, own) as executor:
        assert executor.submit(look).result(LIMIT)[0] == f"Noting_{method}"
        (worker,) = executor._processes.values()
        assert type(worker) is own.Process and worker.started and not hasattr(worker, "asked")
    assert notes() == ["boot", "ran", "run", "start"]


def test_workers_that_are_no_daemons_have_pools_of_their_own(own, notes):
    with pools.Pool(1, context=own) as pool:
        assert pool.map(in_a_pool_of_its_own, [3]) == [[0, 1, 4]]


def test_a_worker_that_takes_another_s_place_is_of_the_same_class(own, method, notes):
    with pools.Pool(1, maxtasksperchild=1, context=own) as pool:
        assert [pool.apply(look)[:2] for _ in range(3)] == [(f"Noting_{method}", False)] * 3
        pids = {worker.pid for worker in pool._pool}
        assert pool.apply(look)
        eventually(lambda: {worker.pid for worker in pool._pool} - pids)


def test_a_pool_makes_the_processes_of_its_workers(ctx):
    class Labelled(pools.Pool):
        def Process(self, *arguments, **named):
            made = super().Process(*arguments, **named)
            made.label = f"made for {self._processes}"
            return made

    with Labelled(2, context=ctx) as pool:
        assert pool.apply(look) == (ctx.Process.__name__, True, "made for 2")
        assert pool.apply(os.getpid) in {worker.pid for worker in pool._pool}


def test_a_class_that_cannot_be_made_fails_the_pool(ctx):
    class Failing(type(ctx)):
        def Process(self, *arguments, **named):
            raise LookupError("no process today")

    with pytest.raises(LookupError, match="no process today"):
        pools.Pool(1, context=Failing())


def test_a_start_that_starts_nothing_is_refused(ctx):
    class Idle(ctx.Process):
        def start(self):
            pass

    context = type("Context", (type(ctx),), {"Process": Idle})()
    with pytest.raises(RuntimeError, match=r"Idle\.start did not start the process"):
        pools.Pool(1, context=context)


def test_the_workers_of_the_default_class_are_what_they_were(pool, ctx):
    assert {type(worker).__name__ for worker in pool._pool} == {ctx.Process.__name__}
    assert all(isinstance(worker, ctx.Process) for worker in pool._pool)
    assert all(worker.daemon for worker in pool._pool)
    with futures.ProcessPoolExecutor(1, ctx) as executor:
        executor.submit(square, 1).result(LIMIT)
        assert not any(worker.daemon for worker in executor._processes.values())


@pytest.fixture
def replaced(monkeypatch):
    """What the methods are called for that a program has put in the place of those of all process classes."""
    calls = []

    def noting(name, method):
        def note(this, *given, **named):
            method(this, *given, **named)
            calls.append((name, type(this).__name__))

        return note

    for name in ("__init__", "start"):
        monkeypatch.setattr(BaseProcess, name, noting(name, getattr(BaseProcess, name)))
    return calls


def test_workers_are_made_and_started_by_the_methods_that_processes_have(ctx, replaced, monkeypatch):
    each = [("__init__", ctx.Process.__name__), ("start", ctx.Process.__name__)]
    with pools.Pool(2, context=ctx) as pool:
        assert pool.map(square, range(3)) == [0, 1, 4]
        assert all(worker.is_alive() for worker in pool._pool)
    assert replaced == each * 2
    del replaced[:]
    with futures.ProcessPoolExecutor(1, ctx) as executor:
        assert executor.submit(square, 3).result(LIMIT) == 9
    assert replaced == each
    monkeypatch.undo()
    with pools.Pool(1, context=ctx) as pool:
        assert pool.apply(square, (4,)) == 16
    assert replaced == each
