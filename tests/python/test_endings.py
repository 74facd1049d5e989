"""How children and workers end: what they have registered runs as in that version's standard library, and who waits for
whom."""

import atexit
import os
import sys
import threading
import weakref

import pytest

from manyhands import multiprocessing
from manyhands.futures import ProcessPoolExecutor
from manyhands.multiprocessing import util


def note(path, word):
    with open(path, "a") as file:
        file.write(word + "\n")


def words(path):
    """What was noted, with the folders apart."""
    lines = path.read_text().split("\n")[:-1]
    path.write_text("")
    folders = [line for line in lines if line.startswith("/")]
    return sorted(set(lines) - set(folders)), folders


def expected(method):
    """Finalizers run at the end of every child; what is registered with the interpreter where that ends as such."""
    ends_fully = method == "spawn" or sys.version_info >= (3, 13)
    return sorted(["finalizer", "thread", *(["atexit", "weak"] if ends_fully else [])])


class Kept:
    pass


_kept = Kept()


def arrange(path, gate=None, method=None, how=None):
    """Arranges all that is to happen at this process's end."""
    atexit.register(note, path, "atexit")
    util.Finalize(None, note, (path, "finalizer"), exitpriority=3)
    weakref.finalize(_kept, note, path, "weak")
    note(path, util.get_temp_dir())
    threading.Thread(target=note_in_thread, args=(path,)).start()
    if gate is not None:
        multiprocessing.get_context(method).Process(target=note_when, args=(path, gate)).start()
    if how is not None:
        sys.exit(how)


def note_in_thread(path):
    note(path, "thread")


def note_when(path, gate):
    gate.wait()
    note(path, "grandchild")


def nothing(_):
    pass


def leave(code):
    sys.exit(code)


@pytest.fixture
def path(tmp_path):
    """The file in which everything is noted."""
    return tmp_path / "notes"


def gone(folders):
    return folders and not any(map(os.path.exists, folders))


@pytest.mark.parametrize("how", [None, 3])
def test_a_process(ctx, method, path, how):
    gate = ctx.Event()
    process = ctx.Process(target=arrange, args=(path, gate, method, how))
    process.start()
    process.join(0.01)
    assert process.is_alive()
    gate.set()
    process.join()
    noted, folders = words(path)
    assert (noted, process.exitcode) == (sorted([*expected(method), "grandchild"]), how or 0)
    assert gone(folders)


def test_workers_of_a_pool(ctx, method, path):
    pool = ctx.Pool(2, arrange, (path,))
    pool.map(nothing, range(4))
    pool.close()
    pool.join()
    noted, folders = words(path)
    assert noted == expected(method)
    assert gone(folders) and len(folders) == 2


def test_workers_that_make_room(ctx, method, path):
    with ctx.Pool(1, arrange, (path,), maxtasksperchild=1) as pool:
        pool.apply(nothing, (1,))
        pool.apply(nothing, (2,))
        # The first worker had ended before the second began.
        noted, folders = words(path)
    assert set(expected(method)) <= set(noted)
    assert not os.path.exists(folders[0])


def test_workers_of_an_executor(ctx, method, path):
    gate = ctx.Event()
    with ProcessPoolExecutor(1, ctx, arrange, (path, gate, method)) as executor:
        executor.submit(nothing, 1).result()
        gate.set()
    noted, folders = words(path)
    assert noted == sorted([*expected(method), "grandchild"])
    assert gone(folders)


def test_a_worker_that_a_call_ends(ctx, method, path):
    with ctx.Pool(1, arrange, (path,)) as pool:
        with pytest.raises(RuntimeError):
            pool.apply(leave, (4,))
        noted, folders = words(path)
    assert set(noted) >= set(expected(method))
    assert not os.path.exists(folders[0])


def test_what_the_parent_has_registered_is_not_the_childs(runner, method):
    program = runner.write(f"""
import atexit, os, weakref
from multiprocessing import get_context, util
from concurrent.futures import ProcessPoolExecutor

class Kept:
    pass

kept = Kept()

def at_the_end():
    weakref.finalize(kept, print, "weak", flush=True)
    atexit.register(print, "child", flush=True)

if __name__ == "__main__":
    atexit.register(print, "parent", flush=True)
    util.Finalize(None, print, ("finalizer",), dict(flush=True), exitpriority=1)
    ctx = get_context({method!r})
    with ProcessPoolExecutor(1, mp_context=ctx) as executor:
        executor.submit(abs, 1).result()
    process = ctx.Process(target=at_the_end)
    process.start()
    process.join()
    print("ended", process.exitcode)
""")
    ours, plain = runner.run(program), runner.run(program, manyhands=False)
    assert (ours.stdout, ours.stderr) == (plain.stdout, plain.stderr)
