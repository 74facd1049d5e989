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

from .side_by_side import MARK, marked

PATIENCE = 30.0


class Program:
    """A program that runs under the launcher; `text` is its source."""

    def __init__(self, folder, text, *options):
        source = folder / "program.py"
        source.write_text(textwrap.dedent(text))
        self.mark = uuid.uuid4().hex
        temporary = folder / "temporary"
        temporary.mkdir()
        self.temporary = temporary
        self.process = subprocess.Popen(
            [sys.executable, "-m", "manyhands", "run", *options, str(source)],
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
        while marked(self.mark) and time.monotonic() < patience:
            time.sleep(0.01)
        return marked(self.mark)


@pytest.fixture
def start(tmp_path):
    begun = []

    def start(text, *options):
        folder = tmp_path / str(len(begun))
        folder.mkdir()
        program = Program(folder, text, *options)
        begun.append(program)
        return program

    yield start
    for program in begun:
        for pid in marked(program.mark):
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


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_in_a_map_ends_all_with_one_traceback(start, method):
    program = start(BUSY_MAP, "--start-method", method)
    assert [program.line(), program.line()] == ["busy", "busy"]
    os.killpg(program.process.pid, signal.SIGINT)
    pressed = time.monotonic()
    _, errors = program.end()
    print(f"Ctrl-C with {method}: over after {time.monotonic() - pressed:.3f} s")
    assert errors.count("Traceback") == 1, errors
    assert errors.count("KeyboardInterrupt") == 1, errors
    assert program.process.returncode == -signal.SIGINT
    assert program.left() == []


@pytest.mark.parametrize("method", METHODS)
def test_workers_end_with_a_killed_parent(start, method):
    shared_before = set(os.listdir("/dev/shm"))
    program = start(BUSY_MAP, "--start-method", method)
    assert [program.line(), program.line()] == ["busy", "busy"]
    program.process.kill()
    killed = time.monotonic()
    assert program.left() == []
    print(f"parent killed with {method}: its workers were gone after {time.monotonic() - killed:.3f} s")
    assert set(os.listdir("/dev/shm")) <= shared_before
    assert list(program.temporary.iterdir()) == []


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_runs_for_ever_ends_with_the_launcher(start, method, by):
    program = start(
        """
        import multiprocessing, time

        def forever():
            while True:
                print("there\\n", end="", flush=True)
                time.sleep(0.05)

        if __name__ == "__main__":
            multiprocessing.Process(target=forever).start()
        """,
        "--start-method",
        method,
    )
    assert program.line() == "there"
    # A terminal's Ctrl-C reaches the whole group, a `kill` the launcher alone.
    if by == signal.SIGINT:
        os.killpg(program.process.pid, by)
    else:
        program.process.terminate()
    program.end()
    assert program.process.returncode == -by
    assert program.left() == []


def test_a_large_array_is_private_to_each_process(start):
    program = start(
        """
        import multiprocessing, os
        import numpy

        def child(queue):
            array = queue.get()
            pid = os.fork()
            if pid == 0:
                array[:] = 2.0
                os._exit(0 if array.sum() == 2.0 * array.size else 1)
            _, status = os.waitpid(pid, 0)
            print("grandchild", status, "sum", array.sum() == array.size)

        if __name__ == "__main__":
            queue = multiprocessing.Queue()
            process = multiprocessing.Process(target=child, args=(queue,))
            process.start()
            array = numpy.ones(2_000_000)
            queue.put(array)
            process.join()
            print("exit code", process.exitcode, "sum", array.sum() == array.size)
        """
    )
    output, errors = program.end()
    assert output.splitlines() == ["grandchild 0 sum True", "exit code 0 sum True"], errors


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
