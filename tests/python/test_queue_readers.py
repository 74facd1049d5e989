"""Queues that are waited for as connections are: by `connection.wait`, by selectors, by event loops.

A queue has no descriptor until a program asks for one, and then a thread that keeps it right.
"""

import asyncio
import gc
import os
import pickle
import queue
import select
import selectors
import signal
import socket
import threading
from pathlib import Path

import pytest
from conftest import LIMIT, METHODS, eventually

from manyhands import multiprocessing
from manyhands.multiprocessing import connection

#: Long enough for a thread that would wake for nothing to do so.
SOON = 0.05


def put_all(shared, items, begin):
    begin.wait()
    for item in items:
        shared.put(item)


def take(shared, there):
    shared.get()
    there.set()


def is_readable(reader, timeout=0.0):
    """What the system says of the descriptor."""
    return bool(select.select([reader], [], [], timeout)[0])


def threads():
    return len(os.listdir("/proc/self/task"))


@pytest.fixture(params=["Queue", "JoinableQueue", "SimpleQueue"])
def kind(request):
    return request.param


def test_wait_takes_queues_beside_everything_else(ctx, kind):
    shared, other = getattr(ctx, kind)(), ctx.Queue()
    near, far = ctx.Pipe()
    this, that = socket.socketpair()
    begin, end = ctx.Event(), ctx.Event()
    process = ctx.Process(target=put_all, args=(shared, ["one", "two"], begin))
    waiting = ctx.Process(target=end.wait)
    process.start()
    waiting.start()
    everything = [near, shared, this, other._reader, waiting.sentinel]
    assert connection.wait(everything, 0) == connection.wait(everything, SOON) == []
    begin.set()
    assert connection.wait(everything, LIMIT) == [shared]
    process.join()
    assert connection.wait(everything) == [shared]
    assert [shared.get(), shared.get()] == ["one", "two"]
    assert connection.wait(everything, SOON) == []
    far.send(1)
    that.send(b"1")
    other.put("three")
    assert connection.wait(everything, LIMIT) == [near, this, other._reader]
    assert (near.recv(), this.recv(1), other._reader.recv()) == (1, b"1", "three")
    end.set()
    assert connection.wait(everything, LIMIT) == [waiting.sentinel]
    waiting.join()
    for one in (near, far, this, that):
        one.close()


def test_wait_for_queues_alone(ctx, kind):
    first, second = getattr(ctx, kind)(), getattr(ctx, kind)()
    begin = ctx.Event()
    process = ctx.Process(target=put_all, args=(second, range(3), begin))
    process.start()
    before = threads()
    assert connection.wait([first, second], SOON) == []
    begin.set()
    assert connection.wait([first, second]) == [second]
    assert connection.wait([second._reader, first], LIMIT) == [second._reader]
    assert threads() == before, "no thread is needed for that"
    process.join()
    assert [second.get() for _ in range(3)] == [0, 1, 2]


def test_what_another_process_took_is_not_there(ctx):
    """A descriptor would still be readable: only a look at the queue tells."""
    shared, there = ctx.Queue(), ctx.Event()
    shared._reader.fileno()
    near, far = ctx.Pipe()
    shared.put(1)
    assert connection.wait([shared, near], LIMIT) == [shared]
    process = ctx.Process(target=take, args=(shared, there))
    process.start()
    there.wait()
    process.join()
    assert connection.wait([shared, near], SOON) == []
    assert not is_readable(shared._reader), "asking for the descriptor looks again"
    near.close()
    far.close()


def test_the_end_of_a_process_makes_no_queue_ready(ctx):
    """Sweeping after the dead touches all queues."""
    shared, end = ctx.Queue(), ctx.Event()
    process = ctx.Process(target=end.wait)
    process.start()
    os.kill(process.pid, signal.SIGKILL)
    assert connection.wait([shared, process.sentinel], LIMIT) == [process.sentinel]
    process.join()
    assert connection.wait([shared], SOON) == []


def test_a_signal_handler_ends_the_wait(kind):
    shared = getattr(multiprocessing, kind)()
    near, far = multiprocessing.Pipe()

    def interrupt(*_):
        raise ZeroDivisionError

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        for waited in ([shared], [shared, near]):
            main = threading.main_thread().ident
            timer = threading.Timer(SOON, signal.pthread_kill, (main, signal.SIGUSR1))
            timer.start()
            with pytest.raises(ZeroDivisionError):
                connection.wait(waited, LIMIT)
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    near.close()
    far.close()


def test_a_signal_handler_puts_what_is_waited_for(kind):
    """So a wait at a queue that nobody else has may end after all."""
    shared = getattr(multiprocessing, kind)()
    before = signal.signal(signal.SIGALRM, lambda *_: shared.put("from the handler"))
    try:
        signal.setitimer(signal.ITIMER_REAL, SOON)
        assert connection.wait([shared]) == [shared]
    finally:
        signal.signal(signal.SIGALRM, before)
    assert shared.get() == "from the handler"


def test_a_selector_sees_the_queue(ctx, kind):
    shared, begin = getattr(ctx, kind)(), ctx.Event()
    for made in (selectors.DefaultSelector, selectors.PollSelector, selectors.SelectSelector):
        begin.clear()
        process = ctx.Process(target=put_all, args=(shared, range(100), begin))
        process.start()
        with made() as selector:
            selector.register(shared._reader, selectors.EVENT_READ, "the queue")
            assert selector.select(SOON) == []
            begin.set()
            taken = []
            while len(taken) < 100:
                assert [key.data for key, _ in selector.select(LIMIT)] == ["the queue"]
                taken.append(shared.get())
            assert selector.select(SOON) == []
        process.join()
        assert taken == list(range(100))


def test_an_event_loop_reads_the_queue(ctx):
    shared, begin = ctx.Queue(), ctx.Event()

    async def read_all():
        loop = asyncio.get_running_loop()
        taken, done = [], loop.create_future()

        def read():
            try:
                while True:
                    taken.append(shared.get_nowait())
            except queue.Empty:
                if len(taken) == 2_000:
                    done.set_result(None)

        loop.add_reader(shared._reader, read)
        begin.set()
        await asyncio.wait_for(done, LIMIT)
        loop.remove_reader(shared._reader)
        return taken

    process = ctx.Process(target=put_all, args=(shared, range(2_000), begin))
    process.start()
    assert asyncio.run(read_all()) == list(range(2_000))
    process.join()


def test_a_descriptor_falls_silent_when_another_process_took_what_was_there(ctx):
    """By the looks of a careful program, or else by itself."""
    shared, there = ctx.Queue(), ctx.Event()
    number = shared._reader.fileno()
    for look in (shared.empty, shared.qsize, shared._reader.poll, lambda: connection.wait([shared], 0), None):
        there.clear()
        shared.put(1)
        assert is_readable(number, LIMIT)
        process = ctx.Process(target=take, args=(shared, there))
        process.start()
        there.wait()
        process.join()
        if look is None:
            eventually(lambda: not is_readable(number))
        else:
            look()
            assert not is_readable(number), look


def test_a_sole_taker_hears_no_bell_for_what_it_took():
    shared = multiprocessing.Queue()
    number = shared._reader.fileno()
    for _ in range(3_000):
        shared.put(1)
        shared.get()
        assert not is_readable(number)


def test_a_signal_that_the_program_blocks_comes_to_no_thread_of_ours():
    shared = multiprocessing.Queue()
    shared._reader.fileno()
    eventually(lambda: "mh-readiness" in names_of_threads())
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signal.sigtimedwait([signal.SIGUSR1], LIMIT).si_signo == signal.SIGUSR1
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def names_of_threads():
    return {Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in os.listdir("/proc/self/task")}


FORKS = """
import os, sys
from manyhands import multiprocessing

shared = multiprocessing.Queue()
numbers = []
for _ in range(5):
    shared._reader.fileno()
    numbers.append(len(os.listdir("/proc/self/fd")))
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        os._exit(0)
print(numbers)
"""


def test_generations_of_forks_keep_no_descriptors(runner):
    done = runner.run(runner.write(FORKS), manyhands=False)
    assert done.returncode == 0, done.stderr
    numbers = eval(done.stdout)
    # The child of the first may have one more for itself.
    assert max(numbers[1:]) == min(numbers[1:]), numbers


def read_in_child(shared, answer):
    answer.put(is_readable(shared._reader, SOON))
    answer.put((shared._reader.poll(LIMIT), is_readable(shared._reader, LIMIT)))
    answer.put((shared.get(), is_readable(shared._reader)))


def test_each_process_has_a_descriptor_of_its_own(ctx):
    """Also a fork's child, which has a copy of its parent's and no thread behind it."""
    shared, answer = ctx.Queue(), ctx.Queue()
    assert not is_readable(shared._reader)
    process = ctx.Process(target=read_in_child, args=(shared, answer))
    process.start()
    assert answer.get(timeout=LIMIT) is False
    shared.put("something")
    assert answer.get(timeout=LIMIT) == (True, True)
    assert answer.get(timeout=LIMIT) == ("something", False)
    process.join()
    assert not is_readable(shared._reader)
    shared.put("more")
    assert is_readable(shared._reader, LIMIT)
    assert shared.get() == "more"


def use_reader(reader, answer):
    with reader:
        answer.put((reader.poll(LIMIT), pickle.loads(reader.recv_bytes()), reader.closed))
    answer.put(reader.closed)


def test_a_reader_goes_to_a_child(ctx, kind):
    shared, answer = getattr(ctx, kind)(), ctx.Queue()
    process = ctx.Process(target=use_reader, args=(shared._reader, answer))
    process.start()
    shared.put({"a": [1]})
    assert answer.get(timeout=LIMIT) == (True, {"a": [1]}, False)
    assert answer.get(timeout=LIMIT) is True
    process.join()
    assert not shared._reader.closed


def keep_reader(shared, answer):
    answer.put(shared._reader is shared._reader and shared._reader.poll(LIMIT))


def test_a_queue_travels_whose_reader_was_asked_for(ctx, kind):
    shared, answer = getattr(ctx, kind)(), ctx.Queue()
    assert shared._reader is shared._reader
    shared.put(1)
    process = ctx.Process(target=keep_reader, args=(shared, answer))
    process.start()
    assert answer.get(timeout=LIMIT) is True
    process.join()


def test_it_tells_what_a_connection_tells():
    shared, plain = multiprocessing.Queue(), multiprocessing.Pipe(False)[0]
    reader = shared._reader
    assert (reader.readable, reader.writable, reader.closed) == (plain.readable, plain.writable, plain.closed)
    for one in (reader, plain):
        one.close()
        assert one.closed
        one.close()
    closed = {}
    for one in (reader, plain):
        for name, call in (
            ("fileno", one.fileno),
            ("poll", one.poll),
            ("recv", one.recv),
            ("wait", lambda one=one: connection.wait([one], 0)),
        ):
            with pytest.raises(OSError, match="handle is closed") as raised:
                call()
            closed.setdefault(name, set()).add(str(raised.value))
    assert {name: len(texts) for name, texts in closed.items()} == dict.fromkeys(("fileno", "poll", "recv", "wait"), 1)
    with pytest.raises(OSError, match="handle is closed"):
        shared.get()
    shared.put("what nobody takes")
    with pytest.raises(TypeError):
        connection.wait([shared], "soon")
    open_one = multiprocessing.Queue()
    assert open_one._poll() is False
    with pytest.raises(KeyError, match="already registered"):
        connection.wait([open_one, open_one], 0)


def test_the_thread_goes_with_the_queue():
    gc.collect()
    before = threads()
    queues = [multiprocessing.Queue() for _ in range(3)]
    numbers = {one._reader.fileno() for one in queues}
    assert len(numbers) == 3 and threads() == before + 3
    queues[0].put(1)
    queues[0].close()
    assert threads() == before + 2
    queues[1]._reader.close()
    assert threads() == before + 1
    del queues[2]
    gc.collect()
    assert threads() == before
    near, far = multiprocessing.Pipe()
    assert connection.wait([multiprocessing.Queue(), near], SOON) == []
    assert threads() == before, "a wait leaves none behind"
    near.close()
    far.close()


DEADLOCK = """
import multiprocessing, threading

shared = multiprocessing.Queue()
shared._reader.fileno()
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

def cross(one, other):
    one.acquire()
    both.wait()
    other.acquire()
    other.release()
    one.release()

threads = [threading.Thread(target=cross, args=locks) for locks in ((first, second), (second, first))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_its_thread_is_no_hope_for_those_that_are_stuck(runner):
    done = runner.run(runner.write(DEADLOCK))
    assert "DeadlockError" in done.stderr, done.stderr


def fork_quietly():
    import warnings

    warnings.simplefilter("error")
    shared = multiprocessing.get_context("fork").Queue()
    near, far = multiprocessing.Pipe()
    connection.wait([shared, near], SOON)
    process = multiprocessing.get_context("fork").Process(target=shared.put, args=(1,))
    process.start()
    process.join()
    assert shared.get() == 1
    near.close()
    far.close()


def test_a_fork_after_a_wait_has_one_thread():
    """Python 3.12 and newer warn of a fork with several."""
    process = multiprocessing.get_context("spawn").Process(target=fork_quietly)
    process.start()
    process.join()
    assert process.exitcode == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_producer_keeps_no_message_from_the_wait(method):
    ctx = multiprocessing.get_context(method)
    shared, begin = ctx.Queue(), ctx.Event()
    near, far = ctx.Pipe()
    begin.set()
    for _ in range(5):
        process = ctx.Process(target=put_all, args=(shared, range(1_000_000), begin))
        process.start()
        for _ in range(50):
            assert connection.wait([shared, near], LIMIT) == [shared]
            shared.get(timeout=LIMIT)
        process.kill()
        process.join()
        while connection.wait([shared, near], 0) == [shared]:
            shared.get(timeout=LIMIT)
        assert shared.empty()
    near.close()
    far.close()
