"""Thread executors whose inside a program uses: the queue of calls, the count of idle threads, how threads start."""

import gc
import queue
import subprocess
import sys
import threading
import weakref

import pytest
from calls import square
from conftest import LIMIT, eventually


def gate(executor):
    """Has the executor's only thread stand at a gate; the gate, and the call."""
    begun, opened = threading.Event(), threading.Event()
    call = executor.submit(lambda: (begun.set(), opened.wait(LIMIT))[1])
    assert begun.wait(LIMIT)
    return opened, call


def test_calls_wait_in_the_queue_that_a_program_put_there(library):
    with library.ThreadPoolExecutor(1) as executor:
        executor._work_queue = queue.Queue(2)
        opened, call = gate(executor)
        calls = [executor.submit(square, number) for number in range(2)]
        assert executor._work_queue.full()
        late = threading.Thread(target=lambda: calls.append(executor.submit(square, 2)))
        late.start()
        opened.set()
        late.join(LIMIT)
        assert call.result(LIMIT) and [each.result(LIMIT) for each in calls] == [0, 1, 4]
        assert all(isinstance(each, library.Future) for each in calls)
        assert list(executor.map(square, range(3))) == [0, 1, 4]


def test_calls_are_taken_out_of_the_queue(library):
    with library.ThreadPoolExecutor(1) as executor:
        opened, call = gate(executor)
        calls = [executor.submit(square, number) for number in range(4)]
        items = [executor._work_queue.get_nowait() for _ in range(executor._work_queue.qsize())]
        assert [item.future for item in items] == calls and executor._work_queue.empty()
        executor._work_queue.put(items[2])
        opened.set()
        assert call.result(LIMIT) and calls[2].result(LIMIT) == 4
        assert not calls[0].done() and calls[1].cancel()


def test_threads_go_on_after_a_look_inside(library):
    with library.ThreadPoolExecutor(2) as executor:
        barrier = threading.Barrier(2)
        assert len(list(executor.map(lambda _: barrier.wait(LIMIT), range(2)))) == 2
        eventually(lambda: executor._idle_semaphore._value == 2)
        before = set(executor._threads)
        assert list(executor.map(square, range(3))) == [0, 1, 4]
        assert executor._threads == before and all(thread.is_alive() for thread in before)
    assert not any(thread.is_alive() for thread in before)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(square, 1)


@pytest.mark.parametrize("used_before", [True, False])
def test_an_opened_executor_that_is_gone_has_run_what_it_was_given(library, used_before):
    executor = library.ThreadPoolExecutor(2)
    calls = [executor.submit(square, number) for number in range(3 if used_before else 0)]
    assert executor._shutdown_lock.acquire(timeout=LIMIT)
    executor._shutdown_lock.release()
    calls += [executor.submit(square, number) for number in range(3)]
    threads, gone = list(executor._threads), weakref.ref(executor)
    del executor
    gc.collect()
    for thread in threads:
        thread.join(LIMIT)
    assert gone() is None and all(call.done() for call in calls)


def test_threads_start_as_a_subclass_says(library):
    class Counting(library.ThreadPoolExecutor):
        asked = 0

        def _adjust_thread_count(self):
            self.asked += 1
            super()._adjust_thread_count()

    with Counting(2) as executor:
        assert list(executor.map(square, range(10))) == [number**2 for number in range(10)]
        assert executor.asked == 10 and len(executor._threads) <= 2


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the standard worker takes other arguments")
def test_threads_of_a_subclass_run_the_standard_loop(library):
    class Daemons(library.ThreadPoolExecutor):
        def _adjust_thread_count(self):
            if self._idle_semaphore.acquire(timeout=0) or self._threads:
                return
            worker = library.thread._worker
            thread = threading.Thread(target=worker, args=(weakref.ref(self), self._work_queue, None, ()), daemon=True)
            self._threads.add(thread)
            thread.start()

    with Daemons() as executor:
        assert list(executor.map(square, range(10))) == [number**2 for number in range(10)]
    (thread,) = executor._threads
    assert thread.daemon and not thread.is_alive()


def test_an_opened_executor_whose_initializer_fails_is_broken(library):
    executor = library.ThreadPoolExecutor(1, initializer=int, initargs=("no number",))
    assert executor._idle_semaphore._value == 0
    with pytest.raises(library.thread.BrokenThreadPool):
        executor.submit(square, 1).result(LIMIT)
    executor.shutdown()


@pytest.mark.parametrize("module", ["concurrent.futures", "manyhands.futures"])
def test_the_end_of_the_program_waits_for_an_opened_executor(module):
    program = (
        f"import os\nfrom {module} import ThreadPoolExecutor\n"
        "executor = ThreadPoolExecutor(2)\n"
        "executor.submit(os.write, 1, b'before\\n').result()\n"
        "executor._shutdown_lock\n"
        "for number in range(3):\n"
        "    executor.submit(os.write, 1, b'after\\n')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT)
    assert (ran.stdout.split(), ran.stderr, ran.returncode) == (["before"] + ["after"] * 3, "", 0)


@pytest.fixture(params=["the standard module", "the executor's module"])
def place(request, library):
    """Where a program puts a class of threads."""
    return threading if request.param == "the standard module" else library.thread.threading


def test_threads_are_of_the_class_that_a_program_has_put_there(library, place, monkeypatch):
    made = []

    class Own(threading.Thread):
        def __init__(self, *arguments, **named):
            made.append((arguments, sorted(named)))
            super().__init__(*arguments, **named)

    before = place.Thread
    monkeypatch.setattr(place, "Thread", Own)
    with library.ThreadPoolExecutor(1) as executor:
        assert type(executor.submit(threading.current_thread).result(LIMIT)) is Own
    place.Thread = before
    with library.ThreadPoolExecutor(1) as executor:
        assert type(executor.submit(threading.current_thread).result(LIMIT)) is not Own
    assert made == [((), ["args", "name", "target"])]


def test_threads_are_made_by_the_method_that_their_class_has(library, monkeypatch):
    of_workers, made = library.thread.threading.Thread, []
    own = of_workers.__init__
    monkeypatch.setattr(of_workers, "__init__", lambda *given, **named: (made.append(given), own(*given, **named))[1])
    with library.ThreadPoolExecutor(1) as executor:
        thread = executor.submit(threading.current_thread).result(LIMIT)
    assert made == [(thread,)]
