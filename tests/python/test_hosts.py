"""`examples/python/hosts.py` on two hosts, in the small: two networks with a cable between them, where the system lets
a user make them, or else two loopback addresses.

Two programs that have no engine in common are asked by strangers, and kept waiting by hosts that say nothing; the work
is done all the same. Which kind of hosts it was is printed past pytest's capture. The fixture ends every process.
"""

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from observed import LIMIT

PROGRAM = Path(__file__).parents[2] / "examples" / "python" / "hosts.py"

#: What strangers do, with the address of the host that serves as arguments.
HANG = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
print("connected", flush=True)
sys.stdin.read()
"""
GARBAGE = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
try:
    connection.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n" * 100)
    while connection.recv(1000):
        pass
except ConnectionError:
    pass
"""
#: A host that knows the key, takes a task and does nothing with it.
THIEF = """
import sys
from multiprocessing.managers import BaseManager
class Board(BaseManager): pass
Board.register("tasks")
board = Board((sys.argv[1], int(sys.argv[2])), b"a secret of both")
board.connect()
board.tasks().get()
print("taken", flush=True)
sys.stdin.read()
"""


class Host:
    """A place with a network address of its own, in which programs run."""

    def __init__(self, programs, address, network=None):
        self.programs = programs
        self.address = address
        #: The program in whose network namespace the others run.
        self.network = network

    def inside(self, *command):
        if self.network is None:
            return command
        return ("nsenter", "--preserve-credentials", "-U", "-n", "-t", str(self.network.pid), *command)

    def start(self, *command, **more):
        return self.programs.enter_context(started(*self.inside(*map(str, command)), **more))

    def ip(self, arguments):
        """Has `ip` change the host's network."""
        subprocess.run(self.inside("ip", *arguments.split()), check=True, capture_output=True, timeout=LIMIT)


@contextlib.contextmanager
def started(*command, **more):
    """A program in a session of its own, which ends here if it has not before."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True, **more) as program:
        try:
            yield program
        finally:
            program.kill()


def line_of(program):
    """The next line that it prints, or "" if it ends before; it is killed when that takes too long."""
    guard = threading.Timer(LIMIT, program.kill)
    guard.start()
    try:
        return program.stdout.readline()
    finally:
        guard.cancel()


def two_networks(programs):
    """Two hosts in networks of their own; an error where that cannot be."""

    def network(host, *command):
        program = host.start(*command, "cat")
        program.stdin.write("there\n")
        program.stdin.flush()
        if line_of(program) != "there\n":
            raise OSError(program.stderr.read())
        return program

    here = Host(programs, None)
    one = Host(programs, "10.77.0.1", network(here, "unshare", "--user", "--map-root-user", "--net"))
    other = Host(programs, "10.77.0.2", network(one, "unshare", "--net"))
    one.ip(f"link add cable type veth peer name cable netns {other.network.pid}")
    for host in (one, other):
        host.ip(f"address add {host.address}/24 dev cable")
        host.ip("link set cable up")
    return one, other


@pytest.fixture
def hosts(capsys):
    with contextlib.ExitStack() as programs:
        try:
            made, kind = two_networks(programs), "two network namespaces with a cable between them"
        except (OSError, subprocess.SubprocessError):
            made, kind = [Host(programs, f"127.0.0.{number}") for number in (1, 2)], "two loopback addresses"
        with capsys.disabled():
            print(f"\nhosts: {kind}")
        yield made


@pytest.mark.parametrize("launched", [False, True], ids=["plain", "manyhands"])
def test_two_hosts_do_their_work_among_strangers(hosts, runner, launched):
    one, other = hosts
    counter = runner.folder / "counter"
    counter.write_text("0")

    def program(host, role, key, *place):
        command = runner.command(PROGRAM, role, *place, counter, manyhands=launched, options=("run",))
        return host.start(*command, env=runner.environment({"HOSTS_KEY": key}))

    serving = program(one, "serve", "a secret of both", one.address, 0)
    place = line_of(serving).split()
    assert place[0] == one.address

    hanging = [other.start(sys.executable, "-c", HANG, *place) for _ in range(3)]
    assert [line_of(stranger) for stranger in hanging] == ["connected\n"] * 3
    stranger = other.start(sys.executable, "-c", GARBAGE, *place)
    assert stranger.communicate(timeout=LIMIT) == ("", "")
    assert stranger.returncode == 0
    guessing = program(other, "work", "a guess", *place)
    assert "AuthenticationError" in guessing.communicate(timeout=LIMIT)[1]
    assert guessing.returncode != 0

    thief = other.start(sys.executable, "-c", THIEF, *place)
    assert line_of(thief) == "taken\n"
    thief.kill()
    working = program(other, "work", "a secret of both", *place)
    assert working.communicate(timeout=LIMIT) == ("", "")
    assert working.returncode == 0
    assert line_of(serving) == "20 answers, their sum is 2470; counted in the file: 200\n"
    assert [stranger.poll() for stranger in hanging] == [None] * 3, "they hung all the time"
    assert serving.wait(LIMIT) == 0


def test_without_the_tools_there_are_no_networks(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with contextlib.ExitStack() as programs, pytest.raises(OSError, match="unshare"):
        two_networks(programs)
