"""A consumer of a `JoinableQueue` is killed before it calls `task_done`: `join` waits on, and names it once."""

import re

import pytest
from conftest import METHODS

PROGRAM = """
import multiprocessing, os, signal, sys, threading, time

def take(queue, count, ready, end):
    for _ in range(count):
        queue.get()
    ready.set()
    end.wait()

def work(queue):
    while queue.get() is not None:
        queue.task_done()
    queue.task_done()

def killed(queue, count):
    ready, end = multiprocessing.Event(), multiprocessing.Event()
    process = multiprocessing.Process(target=take, args=(queue, count, ready, end), name="Unlucky")
    process.start()
    ready.wait()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    print("killed", process.pid, flush=True)

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    queue = multiprocessing.JoinableQueue()
    BODY
    queue.join()
    print("joined")
"""


def run(runner, body, method="fork"):
    lines = "\n    ".join(body.strip().splitlines())
    done = runner.run(runner.write(PROGRAM.replace("BODY", lines)), method)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "joined"
    return done


@pytest.mark.parametrize("method", METHODS)
def test_join_names_a_killed_consumer(runner, method):
    done = run(
        runner,
        """
for number in range(5):
    queue.put(number)
killed(queue, 2)
worker = multiprocessing.Process(target=work, args=(queue,), daemon=True)
worker.start()
threading.Timer(4, lambda: [queue.task_done() for _ in range(2)]).start()
""",
        method,
    )
    pid = re.search(r"killed (\d+)", done.stdout)[1]
    assert done.stderr.count("manyhands:") == 1, done.stderr
    assert "waits for 2 objects" in done.stderr
    assert f"process Unlucky (pid {pid})" in done.stderr


@pytest.mark.parametrize(
    "body",
    [
        # It had reported all that it took, or another does so for it.
        "queue.put(1)\nqueue.put(2)\nkilled(queue, 0)\nqueue.get(), queue.get()\n"
        "threading.Timer(3, lambda: [queue.task_done(), queue.task_done()]).start()",
        "queue.put(1)\nkilled(queue, 1)\nqueue.task_done()\nqueue.put(2)\nqueue.get()\n"
        "threading.Timer(3, queue.task_done).start()",
        # It ended in good order: its parent may report for it, late.
        "queue.put(1)\nprocess = multiprocessing.Process(target=queue.get)\nprocess.start()\nprocess.join()\n"
        "threading.Timer(3, queue.task_done).start()",
        # Nobody took it.
        "queue.put(1)\nthreading.Timer(3, lambda: [queue.get(), queue.task_done()]).start()",
    ],
    ids=["nothing", "reported", "orderly", "waiting"],
)
def test_nothing_is_told_that_may_be_in_order(runner, body):
    assert run(runner, body).stderr == ""


OTHERWISE = """
import multiprocessing
from multiprocessing.queues import JoinableQueue, Queue

class Own(JoinableQueue):
    def __init__(self, *, ctx):
        Queue.__init__(self, 0, ctx=ctx)
        self._unfinished_tasks, self._cond = ctx.Semaphore(0), ctx.Condition()

    def __getstate__(self):
        return Queue.__getstate__(self), self._cond, self._unfinished_tasks

    def __setstate__(self, state):
        Queue.__setstate__(self, state[0])
        self._cond, self._unfinished_tasks = state[1:]

def work(queue):
    queue.get()
    queue.task_done()

if __name__ == "__main__":
    for method in "fork", "spawn":
        context = multiprocessing.get_context(method)
        queue = Own(ctx=context)
        queue.put(1)
        process = context.Process(target=work, args=(queue,))
        process.start()
        queue.join()
        process.join()
        print(method, process.exitcode)
"""


def test_a_subclass_may_begin_without_our_part(runner):
    done = runner.run(runner.write(OTHERWISE))
    assert (done.stdout, done.stderr) == ("fork 0\nspawn 0\n", "")


def test_a_later_kill_is_named_after_the_first_was_made_good(runner):
    done = run(
        runner,
        """
queue.put(1)
killed(queue, 1)
queue.task_done()
queue.put(2)
killed(queue, 1)
threading.Timer(4, queue.task_done).start()
""",
    )
    pid = re.findall(r"killed (\d+)", done.stdout)[1]
    assert "waits for 1 object whose" in done.stderr
    assert f"process Unlucky (pid {pid})" in done.stderr
