"""Connections: whole messages of any size over pipes and sockets, from and to plain interpreters, and bad ends."""

import array
import multiprocessing as standard
import os
import resource
import signal
import struct
import threading
from pathlib import Path

import pytest
from conftest import LIMIT, eventually

from manyhands import multiprocessing
from manyhands.multiprocessing import connection

SIZES = [0, 1, 100, 16_384, 16_385, 65_536, 1 << 20, 5_000_000]


@pytest.fixture(params=[True, False], ids=["socket", "pipe"])
def ends(request):
    """Both ends of a pipe, as the standard library makes them: first the one to receive at."""
    taker, giver = multiprocessing.Pipe(request.param)
    yield taker, giver
    taker.close()
    giver.close()


@pytest.mark.parametrize("size", SIZES)
def test_messages_of_any_size_arrive_whole(ends, size):
    taker, giver = ends
    message = os.urandom(size)
    sender = threading.Thread(target=lambda: [giver.send_bytes(message) for _ in range(3)])
    sender.start()
    into = bytearray(size + 7)
    assert taker.recv_bytes() == message
    assert taker.recv_bytes_into(into, 7) == size and into[7:] == message
    assert taker.recv_bytes(size) == message
    sender.join()


def test_any_buffer_may_be_sent(ends):
    taker, giver = ends
    numbers = array.array("i", [1, -2, 3])
    for sent, offset, size in (
        (numbers, 0, None),
        (memoryview(b"abcdef").cast("c"), 2, 3),
        (bytearray(b"xyz"), 1, None),
    ):
        giver.send_bytes(sent, offset, size)
        whole = memoryview(sent).tobytes()
        assert taker.recv_bytes() == whole[offset : None if size is None else offset + size]
    giver.send([numbers, None])
    assert taker.recv() == [numbers, None]
    with pytest.raises(ValueError, match="negative"):
        giver.send_bytes(b"abc", -1)
    giver.send_bytes(b"too long")
    with pytest.raises(OSError, match="bad message length"):
        taker.recv_bytes(3)


def test_bytes_with_gaps_are_refused_as_ever(ends):
    taker, giver = ends
    for gaps in (memoryview(b"abcdefgh")[::2], memoryview(bytearray(64))[::-1]):
        with pytest.raises(TypeError):
            giver.send_bytes(gaps)
    giver.send_bytes(memoryview(bytes(3)).cast("b"))
    assert taker.recv_bytes() == bytes(3)


INTERRUPTED = """
import os, signal, sys
from manyhands import multiprocessing

taker, giver = multiprocessing.Pipe(sys.argv[1] == "socket")
print("begins", flush=True)
try:
    giver.send_bytes(bytes(10_000_000))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("kind", ["socket", "pipe"])
def test_one_ctrl_c_ends_a_send_to_nobody(runner, kind):
    running = runner.start(runner.write(INTERRUPTED), kind, manyhands=False)
    assert running.stdout.readline() == "begins\n"
    # In the midst of the message: it sleeps until there is room for more.
    eventually(lambda: sleeps(running.pid))
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=LIMIT) == ("interrupted\n", "")


def sleeps(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_a_long_head_claims_no_memory():
    """As the first bytes of a stranger may be one."""
    taker, giver = multiprocessing.Pipe(False)
    os.write(giver.fileno(), struct.pack("!i", 0x7FFFFFFF) + b"few")
    giver.close()
    before = peak()
    with pytest.raises(OSError, match="end of file"):
        taker.recv_bytes()
    assert peak() - before < 200_000
    taker.close()
    taker, giver = multiprocessing.Pipe(False)
    os.write(giver.fileno(), struct.pack("!iQ", -1, 2**63))
    with pytest.raises(OverflowError):
        taker.recv_bytes()
    for end in (taker, giver):
        end.close()


def peak():
    """The most memory that this process had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("size", [64 << 20, (64 << 20) + 1, 200_000_003])
def test_very_large_messages_arrive_whole(size):
    taker, giver = multiprocessing.Pipe(False)
    message = os.urandom(1 << 20) * (size >> 20) + bytes(size & 0xFFFFF)
    sender = threading.Thread(target=giver.send_bytes, args=(message,))
    sender.start()
    assert taker.recv_bytes() == message
    sender.join()
    for end in (taker, giver):
        end.close()


def test_a_limit_may_be_any_number(ends):
    taker, giver = ends
    for limit in (3, 3.5, True + 2, None):
        giver.send_bytes(b"abc")
        assert taker.recv_bytes(limit) == b"abc"
    giver.send_bytes(b"abc")
    with pytest.raises(TypeError):
        taker.recv_bytes("3")


def test_ends_that_close(ends):
    taker, giver = ends
    giver.send_bytes(b"last")
    os.write(giver.fileno(), struct.pack("!i", 100) + b"half a message")
    giver.close()
    assert taker.recv_bytes() == b"last"
    with pytest.raises(OSError, match="end of file during message"):
        taker.recv_bytes()
    with pytest.raises(EOFError):
        taker.recv_bytes()
    with pytest.raises(OSError, match="handle is closed"):
        giver.send_bytes(b"")
    taker, giver = multiprocessing.Pipe(False)
    taker.close()
    with pytest.raises(BrokenPipeError):
        giver.send_bytes(bytes(1 << 20))


class Interrupt(Exception):
    """What the handler raises."""


def test_a_signal_handler_runs_while_a_message_is_waited_for(ends):
    taker, giver = ends

    def answer(signum, frame):
        giver.send("from the handler")

    before = signal.signal(signal.SIGALRM, answer)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert taker.recv() == "from the handler"

        def interrupt(signum, frame):
            raise Interrupt

        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Interrupt):
            taker.recv()
    finally:
        signal.signal(signal.SIGALRM, before)


def echo(address, key):
    with connection.Client(address, authkey=key) as client:
        while True:
            try:
                client.send_bytes(client.recv_bytes())
            except EOFError:
                return


PLAIN = """
import sys
from multiprocessing.connection import Client
with Client(eval(sys.argv[1]), authkey=b"key") as client:
    for size in (0, 100, 1 << 20):
        client.send_bytes(bytes(size))
        assert client.recv() == size
"""


@pytest.fixture(params=["AF_UNIX", "AF_INET"])
def address(request, tmp_path):
    """Where a listener may listen."""
    return str(tmp_path / "socket") if request.param == "AF_UNIX" else ("127.0.0.1", 0)


def test_a_plain_interpreter_at_the_other_side(runner, address):
    runner.write(PLAIN)
    with connection.Listener(address, authkey=b"key") as listener:
        plain = runner.start("program.py", repr(listener.address), manyhands=False)
        with listener.accept() as server:
            for _ in range(3):
                server.send(len(server.recv_bytes()))
        assert plain.communicate(timeout=LIMIT) == ("", "") and plain.returncode == 0


def test_a_wrong_key_is_refused_and_others_are_served(ctx, address):
    with connection.Listener(address, authkey=b"key") as listener:
        wrong = []

        def guess():
            try:
                connection.Client(listener.address, authkey=b"guess")
            except Exception as error:
                wrong.append(error)

        guesser = threading.Thread(target=guess)
        guesser.start()
        with pytest.raises(standard.AuthenticationError, match="digest"):
            listener.accept()
        guesser.join()
        assert isinstance(wrong[0], standard.AuthenticationError)
        child = ctx.Process(target=echo, args=(listener.address, b"key"))
        child.start()
        with listener.accept() as server:
            server.send_bytes(b"right")
            assert server.recv_bytes() == b"right"
        child.join()
        assert child.exitcode == 0


def test_a_killed_other_side_is_the_end_of_the_file(ctx):
    ours, theirs = ctx.Pipe()
    child = ctx.Process(target=hold, args=(theirs,))
    child.start()
    theirs.close()
    assert ours.recv() == "there"
    child.kill()
    with pytest.raises((EOFError, ConnectionResetError)):
        ours.recv()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        ours.send_bytes(bytes(1 << 20))
    child.join()


def hold(end):
    end.send("there")
    signal.pause()


def test_several_are_waited_for_at_once(ctx):
    pipes = [ctx.Pipe(False) for _ in range(3)]
    child = ctx.Process(target=pipes[1][1].send, args=("second",))
    child.start()
    ready = connection.wait([taker for taker, _ in pipes] + [child.sentinel], LIMIT)
    assert set(ready) <= {pipes[1][0], child.sentinel} and ready
    assert pipes[1][0].recv() == "second"
    child.join()
    assert connection.wait([child.sentinel], 0) == [child.sentinel]
