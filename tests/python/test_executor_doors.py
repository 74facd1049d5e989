"""What programs put in the place of an executor's parts, or find there: its `submit`, its queue, its threads."""

import concurrent.futures
import logging
import multiprocessing.pool
import os
import sys
from unittest import mock

import pytest
from calls import square

from manyhands import futures
from manyhands.multiprocessing import pool as our_pool

LIMIT = 60
LIBRARIES = {"standard": concurrent.futures, "ours": futures}
KINDS = ("ProcessPoolExecutor", "ThreadPoolExecutor")


@pytest.fixture(params=LIBRARIES)
def library(request):
    """The standard library's module, and ours."""
    return LIBRARIES[request.param]


def add(first, second):
    return first + second


def written_down(submit, notes):
    """A `submit` that writes down how many arguments each call has."""

    def noting(*call, **named):
        notes.append(len(call))
        return submit(*call, **named)

    return noting


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["subclass", "instance", "class"])
def test_map_goes_through_the_submit_that_there_is(library, kind, where):
    notes = []
    base = getattr(library, kind)
    # A process executor's calls are of chunks.
    each, chunks = ([2] * 3, [2] * 2) if kind == "ProcessPoolExecutor" else ([3] * 3, [2] * 4)
    if where == "subclass":

        class Noting(base):
            def submit(self, *call, **named):
                notes.append(len(call))
                return super().submit(*call, **named)

        base = Noting
    with base(2) as executor:
        if where == "instance":
            executor.submit = written_down(executor.submit, notes)
        real = base.submit
        patched = mock.patch.object(base, "submit", lambda self, *call: written_down(real, notes)(self, *call))
        with patched if where == "class" else mock.MagicMock():
            assert list(executor.map(add, (1, 2, 3), (10, 20, 30))) == [11, 22, 33]
            count = 1 if where == "class" else 0
            assert notes == [arguments + count for arguments in each]
            del notes[:]
            assert list(executor.map(square, range(4), chunksize=2)) == [0, 1, 4, 9]
            assert notes == [arguments + count for arguments in chunks]


def test_callbacks_of_a_patched_submit_hear_of_a_map(library):
    """A progress bar, as tqdm's `process_map` has it."""
    heard = []
    with library.ProcessPoolExecutor(2) as executor:
        submit = executor.submit

        def heeded(*call):
            future = submit(*call)
            future.add_done_callback(heard.append)
            return future

        executor.submit = heeded
        assert list(executor.map(square, range(6), chunksize=4)) == [number**2 for number in range(6)]
    assert len(heard) == 2 and all(future.done() for future in heard)


def test_a_map_that_submit_refuses_fails_at_once(library):
    with library.ProcessPoolExecutor(1) as executor:
        executor.submit = mock.Mock(side_effect=RuntimeError("full"))
        with pytest.raises(RuntimeError, match="full"):
            executor.map(square, range(3))
    assert executor.submit.call_count == 1


@pytest.mark.parametrize("processors", [multiprocessing.pool, our_pool])
def test_as_many_workers_as_the_process_may_use(processors, monkeypatch):
    """Since Python 3.13 that is fewer than there are, where the affinity says so."""
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    if hasattr(os, "process_cpu_count"):
        monkeypatch.setattr(os, "process_cpu_count", lambda: 2)
    for kind in ("Pool", "ThreadPool"):
        with getattr(processors, kind)() as pool:
            assert pool._processes == getattr(os, "process_cpu_count", os.cpu_count)()


def leave(path):
    logging.getLogger("concurrent.futures").addHandler(logging.FileHandler(path))
    logging.getLogger("concurrent.futures").critical("begins")
    sys.exit(3)


@pytest.mark.parametrize("kind", KINDS)
def test_an_initializer_that_ends_its_worker_breaks_the_executor_at_once(library, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(logging.getLogger("concurrent.futures"), "handlers", [])
    path = tmp_path / "log"
    with (
        getattr(library, kind)(1, initializer=leave, initargs=(path,)) as executor,
        pytest.raises(library.BrokenExecutor),
    ):
        executor.submit(square, 1).result(LIMIT)
    begins, reported, *_, error = path.read_text().splitlines()
    assert (begins, reported, error) == ("begins", "Exception in initializer:", "SystemExit: 3")
