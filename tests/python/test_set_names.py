"""Names of the standard implementation that a subclass of a queue or a pool sets, before and after it begins."""

import pytest
from uses import LIMIT, OURS, PLAIN


@pytest.fixture(params=[PLAIN, OURS], ids=["standard", "ours"])
def library(request):
    """The standard library, and ours."""
    return request.param


def test_a_queue_between_processes(library):
    class Own(library.kind("multiprocessing.queues.Queue")):
        def __init__(self, maxsize, *, ctx):
            self._closed, self._maxsize = True, 7
            super().__init__(maxsize, ctx=ctx)
            self.begun_with = self._maxsize, self._closed
            self._closed, self._maxsize = False, maxsize + 1

    queue = Own(3, ctx=library.ctx)
    queue.put("item")
    assert queue.get(timeout=LIMIT) == "item"
    assert queue.begun_with == (3, False) and (queue._maxsize, queue._closed) == (4, False)
    queue._closed = True
    with pytest.raises(ValueError, match="is closed"):
        queue.put("item")
    queue._closed = False
    queue.close()
    assert queue._closed
    assert library.kind("multiprocessing.queues.Queue")(ctx=library.ctx)._maxsize == 2**31 - 1


def test_the_workers_of_a_pool(library):
    class Own(library.kind("multiprocessing.pool.Pool")):
        def __init__(self):
            self._pool = "before"
            super().__init__(2, context=library.ctx)
            self._pool = self.workers = list(self._pool)

    pool = Own()
    assert pool._pool is pool.workers and len(pool.workers) == 2
    assert pool.apply(abs, (-1,)) == 1
    pool.terminate()
    pool.join()
