"""How far `imap` and `imap_unordered` are ahead of whoever takes their results, and that all is run all the same."""

import pytest
from calls import square
from conftest import eventually

from manyhands import multiprocessing
from manyhands.multiprocessing import _streams, pool as pools

LIMIT = 60
MOST = 2 * _streams.AHEAD
STREAMS = ("imap", "imap_unordered")


class Source:
    """Numbers, which notices how far it is asked ahead of what was taken."""

    def __init__(self, count):
        self.count = count
        self.given = self.taken = self.ahead = 0

    def __iter__(self):
        for number in range(self.count):
            self.given += 1
            self.ahead = max(self.ahead, self.given - self.taken)
            yield number


def wait_for(number_and_path):
    number, path = number_and_path
    if number == 0:
        eventually(path.exists)
    return number


@pytest.fixture(params=["processes", "threads"])
def either(request):
    """A pool of two processes, and one of two threads."""
    kinds = {"processes": multiprocessing.Pool, "threads": pools.ThreadPool}
    with kinds[request.param](2) as pool:
        yield pool


@pytest.fixture
def patient(monkeypatch):
    """Nobody gives up waiting for results to be taken."""
    monkeypatch.setattr(_streams, "PATIENCE", 10 * LIMIT)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_source_is_not_asked_for_more_than_is_taken(either, stream, patient):
    source = Source(10 * MOST)
    results = getattr(either, stream)(square, source)
    # The one that is not submitted yet is asked for.
    eventually(lambda: source.given == MOST + 1)
    found = []
    for result in results:
        source.taken += 1
        found.append(result)
    assert sorted(found) == [number**2 for number in range(10 * MOST)]
    assert source.ahead <= MOST + 2


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("chunksize", [1, 3])
def test_join_has_all_run_though_nobody_takes_a_result(either, stream, chunksize, patient):
    source = Source(20 * MOST)
    results = getattr(either, stream)(square, source, chunksize)
    either.close()
    either.join()
    assert source.given == 20 * MOST
    assert sorted(results) == [number**2 for number in range(20 * MOST)]


@pytest.mark.parametrize("stream", STREAMS)
def test_all_is_run_though_nobody_takes_a_result(either, stream, monkeypatch):
    monkeypatch.setattr(_streams, "PATIENCE", 0.01)
    source = Source(20 * MOST)
    results = getattr(either, stream)(square, source)
    eventually(lambda: results._index == 20 * MOST)
    assert results._length == source.given and sum(1 for _ in results) == 20 * MOST


@pytest.mark.parametrize("stream", STREAMS)
def test_others_go_on_while_one_call_takes_long(either, stream, tmp_path, patient):
    def source():
        for number in range(5 * MOST):
            yield number, tmp_path / "go"
        (tmp_path / "go").touch()

    assert sorted(getattr(either, stream)(wait_for, source())) == list(range(5 * MOST))


@pytest.mark.parametrize("stream", STREAMS)
def test_a_collection_is_not_asked_for_more_than_is_taken(either, stream, patient):
    results = getattr(either, stream)(square, range(10 * MOST))
    eventually(lambda: results._manyhands._submitted == MOST)
    assert sorted(results) == [number**2 for number in range(10 * MOST)]


@pytest.mark.parametrize("stream", STREAMS)
def test_the_end_of_a_pool_ends_its_feeders(either, stream, patient):
    getattr(either, stream)(square, Source(10 * MOST))
    ((thread, _),) = either._manyhands.feeders._all
    either.terminate()
    either.join()
    assert not thread.is_alive()


def test_streams_are_of_the_standard_classes(either):
    assert isinstance(either.imap(square, [1]), pools.IMapIterator)
    results = either.imap_unordered(square, [])
    assert isinstance(results, pools.IMapUnorderedIterator) and next(results, None) is None
