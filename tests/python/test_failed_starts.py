"""An executor whose workers could not be started, for want of descriptors, tries again at the next call."""

import pytest

FAILED_START = """
import os, resource
from concurrent.futures import ProcessPoolExecutor
import multiprocessing, sys

def square(x):
    return x * x

if __name__ == "__main__":
    if "memory" in sys.argv:
        # There is shared memory already, so that the workers themselves are what cannot be made.
        lock = multiprocessing.Lock()
    executor = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1]))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 1, hard))
    for _ in range(2):
        try:
            executor.submit(square, 1)
        except OSError as error:
            print(type(error).__name__, error.errno == 24)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print([future.result() for future in [executor.submit(square, number) for number in range(4)]])
    executor.shutdown()
    try:
        executor.submit(square, 1)
    except RuntimeError as error:
        print(error)
"""


@pytest.mark.parametrize("first", [(), ("memory",)], ids=["memory", "workers"])
def test_a_start_that_failed_is_tried_again_by_the_next_call(runner, method, first):
    told = runner.run(runner.write(FAILED_START), method, *first).stdout
    assert told.splitlines() == [*["OSError True"] * 2, "[0, 1, 4, 9]", "cannot schedule new futures after shutdown"]
