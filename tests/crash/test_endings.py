"""How programs end: on Ctrl-C, by a kill of the parent, in good order; and what then is left (nothing).

Programs run in a session of their own under the launcher, each with a mark in its environment by which what it left
behind is found and ended.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid

import pytest
from observed import carrying

from .side_by_side import MARK

PATIENCE = 30.0
#: What is promised, in seconds. Another program may keep the processors busy for a while, so the quickest of some runs
#: counts; what else is promised holds for each of them.
INTERRUPTED_WITHIN = 0.5
ORPHANS_GONE_WITHIN = 1.0
RUNS = 3


class Program:
    """A program that runs under the launcher; `text` is its source."""

    def __init__(self, folder, text, options, arguments):
        source = folder / "program.py"
        source.write_text(textwrap.dedent(text))
        self.mark = uuid.uuid4().hex
        temporary = folder / "temporary"
        temporary.mkdir()
        self.temporary = temporary
        self.process = subprocess.Popen(
            [sys.executable, "-m", "manyhands", "run", *options, str(source), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, MARK: self.mark, "TMPDIR": str(temporary)},
            start_new_session=True,
        )

    def line(self):
        return self.process.stdout.readline().strip()

    def end(self):
        output, errors = self.process.communicate(timeout=PATIENCE)
        return output, errors

    def left(self):
        """What still runs once all has had the time to end."""
        patience = time.monotonic() + PATIENCE
        while carrying(MARK, self.mark) and time.monotonic() < patience:
            time.sleep(0.01)
        return carrying(MARK, self.mark)


@pytest.fixture
def start(tmp_path):
    begun = []

    def start(text, *options, arguments=()):
        folder = tmp_path / str(len(begun))
        folder.mkdir()
        program = Program(folder, text, options, arguments)
        begun.append(program)
        return program

    yield start
    for program in begun:
        for pid in carrying(MARK, program.mark):
            os.kill(pid, signal.SIGKILL)
        program.process.kill()
        program.process.communicate()


METHODS = ["fork", "spawn", "forkserver"]

BUSY_MAP = """
    import multiprocessing, time

    def busy(number):
        print("busy\\n", end="", flush=True)
        time.sleep(3600)

    if __name__ == "__main__":
        with multiprocessing.Pool(2) as pool:
            pool.map(busy, range(100), 1)
"""


def quickest(run, limit):
    """Runs until it was quick enough, at most some times; the seconds that the quickest took."""
    seconds = []
    while not seconds or (min(seconds) >= limit and len(seconds) < RUNS):
        seconds.append(run())
    return min(seconds)


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_in_a_map_ends_all_with_one_traceback(start, method):
    def interrupted():
        program = start(BUSY_MAP, "--start-method", method)
        assert [program.line(), program.line()] == ["busy", "busy"]
        pressed = time.monotonic()
        os.killpg(program.process.pid, signal.SIGINT)
        _, errors = program.end()
        seconds = time.monotonic() - pressed
        assert errors.count("Traceback") == 1, errors
        assert errors.count("KeyboardInterrupt") == 1, errors
        assert program.process.returncode == -signal.SIGINT
        assert program.left() == []
        return seconds

    assert quickest(interrupted, INTERRUPTED_WITHIN) < INTERRUPTED_WITHIN


@pytest.mark.parametrize("method", METHODS)
def test_workers_end_with_a_killed_parent(start, method):
    def killed():
        shared_before = set(os.listdir("/dev/shm"))
        program = start(BUSY_MAP, "--start-method", method)
        assert [program.line(), program.line()] == ["busy", "busy"]
        begun = time.monotonic()
        program.process.kill()
        assert program.left() == []
        seconds = time.monotonic() - begun
        # Those of other programs on this machine go by themselves.
        end = time.monotonic() + PATIENCE
        while not set(os.listdir("/dev/shm")) <= shared_before:
            assert time.monotonic() < end, set(os.listdir("/dev/shm")) - shared_before
            time.sleep(0.05)
        assert list(program.temporary.iterdir()) == []
        return seconds

    assert quickest(killed, ORPHANS_GONE_WITHIN) < ORPHANS_GONE_WITHIN


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_runs_for_ever_ends_with_the_launcher(start, method, by):
    program = start(
        """
        import atexit, multiprocessing, time

        def forever():
            while True:
                print("there\\n", end="", flush=True)
                time.sleep(0.05)

        if __name__ == "__main__":
            multiprocessing.Process(target=forever).start()
            atexit.register(print, "waits\\n", end="", flush=True)
        """,
        "--start-method",
        method,
    )
    lines, seen = iter(program.line, ""), set()
    while seen != {"there", "waits"}:
        seen.add(next(lines))
    # What is raised before it waits for its child goes to whatever the interpreter does just then.
    assert becomes(program.process.pid, "S")
    # A terminal's Ctrl-C reaches the whole group, a `kill` the launcher alone.
    if by == signal.SIGINT:
        os.killpg(program.process.pid, by)
    else:
        program.process.terminate()
    program.end()
    assert program.process.returncode == -by
    assert program.left() == []


def becomes(pid, states):
    """Waits until a process is in one of these states; "" is that of one which is gone."""
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                state = stat.read().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            state = ""
        if state in states:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_ends_a_program_that_hears_of_it_after_its_child_has_ended(start, method):
    program = start(
        """
        import multiprocessing, os, time

        def forever():
            print(os.getpid(), flush=True)
            while True:
                time.sleep(60)

        if __name__ == "__main__":
            multiprocessing.Process(target=forever).start()
        """,
        "--start-method",
        method,
    )
    child = int(program.line())
    program.process.send_signal(signal.SIGSTOP)
    assert becomes(program.process.pid, "T")
    os.killpg(program.process.pid, signal.SIGINT)
    assert becomes(child, ("Z", ""))
    program.process.send_signal(signal.SIGCONT)
    program.end()
    assert program.process.returncode == -signal.SIGINT
    assert program.left() == []


ARRAY = """
    import multiprocessing, os, sys
    import numpy

    SIZE = 2_000_000

    def change_in_a_fork(array):
        "Whether the array stayed as it was here when a forked child had changed it."
        pid = os.fork()
        if pid == 0:
            array[:] = 2.0
            os._exit(0 if array.sum() == 2.0 * SIZE else 1)
        _, status = os.waitpid(pid, 0)
        return status == 0 and array.sum() == SIZE

    def child(array, queue):
        print(change_in_a_fork(queue.get() if array is None else array), flush=True)

    if __name__ == "__main__":
        array = numpy.ones(SIZE)
        if "call" in sys.argv[1]:
            with multiprocessing.Pool(1) as pool:
                if sys.argv[1] == "result of a call":
                    print(change_in_a_fork(pool.apply(numpy.ones, (SIZE,))))
                else:
                    print(pool.apply(change_in_a_fork, (array,)))
        else:
            queue = multiprocessing.Queue()
            argument = array if sys.argv[1] == "argument of a process" else None
            process = multiprocessing.Process(target=child, args=(argument, queue))
            process.start()
            if argument is None:
                queue.put(array)
            process.join()
        print(array.sum() == SIZE)
"""


@pytest.mark.parametrize("how", ["message", "argument of a process", "argument of a call", "result of a call"])
@pytest.mark.parametrize("method", METHODS)
def test_a_large_array_is_private_to_each_process(start, method, how):
    program = start(ARRAY, "--start-method", method, arguments=[how])
    output, errors = program.end()
    assert output.splitlines() == ["True", "True"], errors
    assert program.left() == []


@pytest.mark.parametrize("method", METHODS)
def test_numpy_imported_before_the_first_process_does_not_hang(start, method):
    program = start(
        """
        import multiprocessing
        import numpy

        def multiply():
            a = numpy.ones((300, 300))
            print((a @ a)[0, 0])

        if __name__ == "__main__":
            a = numpy.ones((300, 300))
            a @ a
            for _ in range(3):
                process = multiprocessing.Process(target=multiply)
                process.start()
                process.join()
        """,
        "--start-method",
        method,
    )
    output, errors = program.end()
    assert output.split() == ["300.0"] * 3, errors
    assert program.left() == []


def test_numpy_in_the_zygote_does_not_hang_its_children(start):
    """A bare clone would: it skips the fork handlers of numpy's thread pool."""
    program = start(
        """
        import multiprocessing, os, sys

        def multiply():
            import early
            a = early.numpy.ones((300, 300))
            print((a @ a)[0, 0], early.PID == os.getpid())

        if __name__ == "__main__":
            open(os.path.join(sys.path[0], "early.py"), "w").write(
                "import numpy, os\\nPID = os.getpid()\\na = numpy.ones((300, 300))\\na @ a\\n"
            )
            multiprocessing.set_forkserver_preload(["early"])
            for _ in range(3):
                process = multiprocessing.Process(target=multiply)
                process.start()
                process.join()
        """,
        "--start-method",
        "forkserver",
    )
    output, errors = program.end()
    assert output.splitlines() == ["300.0 False"] * 3, errors
    assert program.left() == []
