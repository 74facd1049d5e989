"""Arrays in memory that processes share: they travel by name, and go with the last that has one."""

import gc
import os
import pickle
import signal

import pytest
from conftest import eventually

import manyhands

numpy = pytest.importorskip("numpy")


def double(array):
    array *= 2
    return array


def whole(array):
    return array.shape, array.dtype.str, float(array.sum())


def test_what_is_written_anywhere_is_seen_everywhere(ctx):
    array = manyhands.shared_array((3, 4), "i4")
    assert not array.any() and array.flags.writeable
    array[:] = numpy.arange(12).reshape(3, 4)
    child = ctx.Process(target=double, args=(array,))
    child.start()
    child.join()
    assert child.exitcode == 0 and array[2, 3] == 22
    with ctx.Pool(2) as pool:
        back = pool.apply(double, (array,))
        assert back[2, 3] == array[2, 3] == 44
        back[0, 0] = 7
        assert array[0, 0] == 7
        assert pool.map(whole, [array, array.T, array[1:, ::2]]) == [
            ((3, 4), "<i4", 271.0),
            ((4, 3), "<i4", 271.0),
            ((2, 2), "<i4", 112.0),
        ]


def test_views_travel_as_views_and_copies_as_copies():
    array = manyhands.shared_array(10)
    view, copy, sum_ = array[3:], array.copy(), array + 1
    again = pickle.loads(pickle.dumps(view))
    again[0] = 5
    assert array[3] == 5
    for own in (copy, sum_, pickle.loads(pickle.dumps(copy)), pickle.loads(pickle.dumps(sum_))):
        own[3] = 9
        assert array[3] == 5
    assert type(pickle.loads(pickle.dumps(copy))) is numpy.ndarray


def give(queue, seen):
    queue.put(manyhands.shared_array(1000, "u1") + numpy.uint8(0))
    array = manyhands.shared_array(1000, "u1")
    array[:] = 3
    queue.put(array)
    del array
    gc.collect()
    seen.wait()


def test_a_message_keeps_the_memory_alive(ctx):
    queue, seen = ctx.Queue(), ctx.Event()
    child = ctx.Process(target=give, args=(queue, seen))
    child.start()
    assert not queue.get().any()
    array = queue.get()
    seen.set()
    child.join()
    assert array.sum() == 3000
    with ctx.Pool(1) as pool:
        results = [pool.apply_async(whole, (manyhands.shared_array(5),)) for _ in range(20)]
        assert [result.get() for result in results] == [((5,), "<f8", 0.0)] * 20
        made = pool.apply_async(manyhands.shared_array, (7,))
        made.wait()
        pool.apply(gc.collect)
        assert made.get().shape == (7,)


def hold(array, held):
    array[0] = 1
    held.set()
    signal.pause()


def memory_in_use():
    """Bytes of shared memory that this program has pages for."""
    with open(f"/proc/{os.getpid()}/maps") as maps:
        name = next(line.split()[5] for line in maps if "memfd:manyhands" in line)
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("/" + name.strip("/")):
                return os.stat(f"/proc/self/fd/{descriptor}").st_blocks * 512
        except OSError:
            pass
    raise AssertionError("the program has no shared memory")


def test_a_killed_holder_leaves_nothing(ctx):
    held = ctx.Event()
    array = manyhands.shared_array(32 << 20, "u1")
    array[:] = 1
    child = ctx.Process(target=hold, args=(array, held))
    child.start()
    held.wait()
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL and array.sum() == 32 << 20
    del array
    # The same memory again, and not more of it.
    before = memory_in_use()
    for _ in range(20):
        again = manyhands.shared_array(32 << 20, "u1")
        assert not again.any()
        again[:] = 1
        del again
    eventually(lambda: memory_in_use() <= before + (64 << 20))


def test_what_cannot_be_shared():
    with pytest.raises(TypeError, match="objects exist in one process only"):
        manyhands.shared_array(3, object)
    with pytest.raises(ValueError, match="negative dimensions"):
        manyhands.shared_array((2, -1))
    with pytest.raises(IndexError):
        manyhands.shared_array(3)[3]
    assert manyhands.shared_array(0).size == 0
    gone = pickle.dumps(manyhands.shared_array(3))
    gc.collect()
    with pytest.raises(ValueError, match="shared memory"):
        pickle.loads(gone)


def test_numpy_is_imported_only_when_it_is_needed(runner):
    runner.write("import sys, manyhands.multiprocessing\nprint('numpy' in sys.modules)\n")
    assert runner.run("program.py", manyhands=False).stdout == "False\n"


def test_large_arrays_go_at_once(ctx):
    array = manyhands.shared_array(100 << 20, "u1")
    assert len(pickle.dumps(array)) < 500
    with ctx.Pool(1) as pool:
        assert pool.apply(whole, (array,))[2] == 0.0
