"""What only a process executor meets: workers that die, objects that cannot travel, start methods, nested executors."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest
from calls import Unloadable, lock_result, square, unloadable_result
from conftest import children, eventually

from manyhands import futures, multiprocessing
from manyhands.errors import BrokenProcessPool, WorkerDied

LIMIT = 60


@pytest.fixture
def executor(ctx):
    with futures.ProcessPoolExecutor(2, ctx) as made:
        yield made


def die(code):
    os._exit(code)


def kill_me():
    os.kill(os.getpid(), signal.SIGKILL)


def leave(code):
    raise SystemExit(code)


def say_and_wait(seconds):
    time.sleep(seconds)
    return os.getpid()


def fail(text):
    raise ValueError(text)


def nested(number):
    with futures.ProcessPoolExecutor(1) as inner:
        return inner.submit(square, number).result(LIMIT)


def test_a_worker_that_dies_costs_its_call_and_no_other(executor):
    before = [executor.submit(square, number) for number in range(10)]
    dying = executor.submit(die, 7)
    after = [executor.submit(square, number) for number in range(10)]
    with pytest.raises(WorkerDied, match=r"exit code 7 .*, die; the pool goes on") as caught:
        dying.result(LIMIT)
    assert isinstance(caught.value, futures.BrokenExecutor) and caught.value.exitcode == 7
    assert [future.result(LIMIT) for future in before + after] == [n * n for n in range(10)] * 2
    with pytest.raises(BrokenProcessPool, match="SIGKILL"):
        executor.submit(kill_me).result(LIMIT)
    assert executor.submit(square, 5).result(LIMIT) == 25


def test_an_idle_worker_that_dies_is_replaced(executor):
    executor.submit(square, 1).result(LIMIT)
    before = eventually(lambda: len(executor._processes) == 2 and executor._processes)
    for worker in before.values():
        worker.kill()
    assert executor.submit(square, 3).result(LIMIT) == 9
    eventually(lambda: len(executor._processes) == 2 and not set(before) & set(executor._processes))


def test_a_call_may_be_run_again(ctx, tmp_path):
    with futures.ProcessPoolExecutor(1, ctx, retries=1) as executor:
        assert executor.submit(die_once, tmp_path / "died").result(LIMIT) == "second"


def die_once(path):
    if path.exists():
        return "second"
    path.touch()
    return os._exit(1)


def test_whatever_a_call_raises_comes_here(executor):
    with pytest.raises(SystemExit) as caught:
        executor.submit(leave, 3).result(LIMIT)
    assert caught.value.code == 3
    error = executor.submit(fail, "over there").exception(LIMIT)
    assert "line" in str(error.__cause__) and "raise ValueError(text)" in str(error.__cause__)


def test_what_cannot_be_pickled_fails_its_own_future(executor):
    with pytest.raises(TypeError, match="cannot pickle"):
        executor.submit(square, threading.Lock()).result(LIMIT)
    with pytest.raises(TypeError, match="cannot pickle"):
        executor.submit(lock_result, 1).result(LIMIT)
    with pytest.raises(BrokenProcessPool, match="cannot be unpickled"):
        executor.submit(unloadable_result, 1).result(LIMIT)
    with pytest.raises(BrokenProcessPool, match="cannot be unpickled"):
        executor.submit(square, Unloadable()).result(LIMIT)
    results = executor.map(square, [1, threading.Lock(), 3])
    assert next(results) == 1
    with pytest.raises(TypeError, match="cannot pickle"):
        next(results)
    assert executor.submit(square, 6).result(LIMIT) == 36


def test_an_open_file_is_not_sent_as_a_copy(executor, tmp_path):
    with open(tmp_path / "file", "w+") as file:
        with pytest.raises(TypeError, match=r"cannot pickle '(_io\.)?TextIOWrapper'"):
            executor.submit(str, file).result(LIMIT)
        # Nor beside a function that goes by value; the error is pickle's, about the function.
        assert executor.submit(lambda given: given.name, file).exception(LIMIT) is not None


def test_what_is_registered_for_other_processes_goes_with_a_lambda_too(executor):
    class Registered:
        def __init__(self):
            self.lock = threading.Lock()

    multiprocessing.reduction.ForkingPickler.register(Registered, lambda _: (str, ("another's",)))
    assert executor.submit(lambda what: what, Registered()).result(LIMIT) == "another's"


def test_workers_may_have_workers_of_their_own(executor):
    assert executor.submit(nested, 4).result(LIMIT) == 16


def test_a_lambda_travels(executor):
    assert executor.submit(lambda number: number + 1, 1).result(LIMIT) == 2


def test_nobody_is_started_before_the_first_call(ctx):
    with futures.ProcessPoolExecutor(2, ctx) as executor:
        assert executor._processes == {}
    executor = futures.ProcessPoolExecutor(2, ctx)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(square, 1)


def test_no_thread_runs_until_somebody_is_to_be_told(executor):
    before = len(os.listdir("/proc/self/task"))
    held = [executor.submit(square, number) for number in range(100)]
    assert [future.result(LIMIT) for future in held] == [n * n for n in range(100)]
    assert futures.wait([executor.submit(square, number) for number in range(100)]).not_done == set()
    assert len(os.listdir("/proc/self/task")) == before
    told = threading.Event()
    executor.submit(square, 2).add_done_callback(lambda future: told.set())
    assert told.wait(LIMIT)


def test_no_child_is_left_of_an_executor_that_was_shut_down(ctx):
    with futures.ProcessPoolExecutor(1, ctx) as executor:
        # What serves all executors is there from now on.
        assert executor.submit(square, 2).result(LIMIT) == 4
    before = set(children())
    # The second one's workers are forked from a process that has all descriptors of the first one.
    executors = [futures.ProcessPoolExecutor(1, ctx) for _ in range(2)]
    assert [executor.submit(square, 3).result(LIMIT) for executor in executors] == [9, 9]
    executors[0].shutdown()
    assert len(set(children()) - before) <= 1
    executors[1].shutdown()
    assert not set(children()) - before


@pytest.mark.parametrize("ending", ["drop", "shut down"])
def test_an_executor_that_nobody_waits_for_ends_too(ctx, ending):
    with futures.ProcessPoolExecutor(1, ctx) as executor:
        assert executor.submit(square, 2).result(LIMIT) == 4
    before = set(children())
    executor = futures.ProcessPoolExecutor(2, ctx)
    assert executor.submit(square, 3).result(LIMIT) == 9
    late = executor.submit(say_and_wait, 0)
    if ending == "shut down":
        executor.shutdown(wait=False)
    del executor
    gc.collect()
    eventually(lambda: all(state == "Z" for pid, state in children().items() if pid not in before))
    assert late.result(LIMIT) not in before
    with futures.ProcessPoolExecutor(1, ctx) as executor:
        assert executor.submit(square, 4).result(LIMIT) == 16
    assert not set(children()) - before


def test_workers_are_replaced_after_so_many_calls():
    with futures.ProcessPoolExecutor(1, max_tasks_per_child=2) as executor:
        pids = [executor.submit(os.getpid).result(LIMIT) for _ in range(6)]
    assert pids[0] == pids[1] and pids[2] == pids[3] and len(set(pids)) == 3


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("1", TypeError)])
def test_wrong_numbers_of_calls_per_worker(value, error):
    with pytest.raises(error):
        futures.ProcessPoolExecutor(1, max_tasks_per_child=value)


def test_wrong_arguments_leave_the_executor_as_it_was(executor):
    with pytest.raises(ValueError, match="chunksize must be >= 1"):
        executor.map(square, [1], chunksize=0)
    with pytest.raises(TypeError, match="buffersize must be an integer"):
        executor.map(square, [1], buffersize="2")
    with pytest.raises(ValueError, match="buffersize must be None or > 0"):
        executor.map(square, [1], buffersize=0)
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(executor)
    assert list(executor.map(square, [2])) == [4]


@pytest.mark.parametrize("kind", [futures.ThreadPoolExecutor, futures.ProcessPoolExecutor])
def test_a_map_with_a_buffer_is_never_further_ahead(kind):
    asked = []

    def numbers():
        for number in range(100):
            asked.append(number)
            yield number

    with kind(2) as executor:
        results = executor.map(square, numbers(), buffersize=5)
        assert len(asked) == 5
        for number in range(10):
            assert next(results) == number * number
            assert len(asked) == number + 6
        assert list(results) == [n * n for n in range(10, 100)]


def test_a_future_of_a_forked_copy_says_so():
    with futures.ProcessPoolExecutor(1) as executor:
        future = executor.submit(say_and_wait, 0.2)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                future.result(LIMIT)
            except RuntimeError as error:
                os.write(writing, str(error).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        assert b"belongs to the process that submitted the call" in os.read(reading, 1000)
        os.close(reading)
        os.close(writing)
        assert future.result(LIMIT)


@pytest.mark.parametrize("kind", [futures.ThreadPoolExecutor, futures.ProcessPoolExecutor])
def test_the_results_of_a_map_keep_an_executor_that_has_inputs_to_come(kind):
    executor = kind(1)
    seen = weakref.ref(executor)
    results = executor.map(square, range(20), buffersize=2)
    del executor
    assert next(results) == 0
    gc.collect()
    assert seen() is not None
    assert list(results) == [number * number for number in range(1, 20)]
    eventually(lambda: seen() is None)


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.argv[1] == "ours":
    from manyhands.futures import ProcessPoolExecutor
else:
    from concurrent.futures import ProcessPoolExecutor

def say_and_sleep():
    print("begun", flush=True)
    # In pieces: a signal that comes right before a sleep is not seen before its end.
    for _ in range(6000):
        time.sleep(0.1)

if __name__ == "__main__":
    try:
        with ProcessPoolExecutor(1) as executor:
            executor.submit(say_and_sleep).result()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("library", ["standard", "ours"])
def test_an_interrupt_ends_the_call_at_hand(library, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(INTERRUPTED)
    program = subprocess.Popen(
        [sys.executable, path, library],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert program.stdout.readline() == "begun\n"
        os.killpg(program.pid, signal.SIGINT)
        assert program.communicate(timeout=LIMIT)[0] == "interrupted\n"
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
            program.communicate()


class Interrupting:
    """Interrupts the process that it is unpickled in, in such a way that no handler runs before the call."""

    def __init__(self, pid):
        self.pid = pid

    def __reduce__(self):
        return signal.pidfd_send_signal, (Descriptor(self.pid), signal.SIGINT)


class Descriptor:
    """Becomes a descriptor of the process."""

    def __init__(self, pid):
        self.pid = pid

    def __reduce__(self):
        return os.pidfd_open, (self.pid,)


def arrived(what):
    return what


def test_an_interrupt_before_a_call_is_not_the_calls():
    with futures.ProcessPoolExecutor(1) as executor:
        pid = executor.submit(os.getpid).result(LIMIT)
        # Not `result`: what it raised would interrupt the tests.
        assert executor.submit(arrived, Interrupting(pid)).exception(LIMIT) is None
        assert executor.submit(os.getpid).result(LIMIT) == pid


def interrupt_me():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(600)


def test_a_worker_goes_on_after_an_interrupt():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with futures.ProcessPoolExecutor(1) as executor:
            pid = executor.submit(os.getpid).result(LIMIT)
            assert isinstance(executor.submit(interrupt_me).exception(LIMIT), KeyboardInterrupt)
            assert executor.submit(os.getpid).result(LIMIT) == pid
    finally:
        signal.signal(signal.SIGINT, before)


class Nosy:
    """Looks into another future when it is unpickled, as an object of a program's own may."""

    def __reduce__(self):
        return look_into_another, ()


def look_into_another():
    return futures.Future()._waiters == []


def test_a_result_may_look_into_a_future_while_its_own_is_looked_into():
    with futures.ProcessPoolExecutor(1) as executor:
        nosy = executor.submit(Nosy)
        # The one worker has answered the first call by then, which nobody has asked about.
        assert executor.submit(square, 2).result(LIMIT) == 4
        looking = threading.Thread(target=lambda: nosy._condition, daemon=True)
        looking.start()
        looking.join(LIMIT)
        assert not looking.is_alive()
        assert nosy.result(LIMIT) is True
