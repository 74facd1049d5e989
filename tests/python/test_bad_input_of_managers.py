"""Bad input to managers, shared values and shared memory: each an error at once, of the standard library's type.

One program does all of it and prints what was raised, under plain python and under the launcher. The types are
compared, and ours must name the object: the manager, the type, the memory. Where the text of ours is to be the standard
library's, the object's class is added if the program does not catch the error.
"""

import ast
import os
import signal
import socket
import threading

import pytest
from conftest import LIMIT, eventually

from manyhands import multiprocessing
from manyhands.multiprocessing import managers

CAUSES = """
import multiprocessing, sys, time
from multiprocessing import managers, shared_memory

class Remote(managers.BaseManager): pass
Remote.register("nowhere")

class Kept:
    def up(self): return 1

class Keeping(managers.SyncManager): pass
Keeping.register("Kept", Kept)

def tell(what, act):
    begun = time.monotonic()
    try:
        found = None, repr(act())
    except BaseException as error:
        found = type(error).__name__, str(error)
    print((what, *found, time.monotonic() - begun))

"""

WRONG = (
    CAUSES
    + """
if __name__ == "__main__":
    manager = Keeping(authkey=b"right")
    manager.start()
    print(repr(manager.address))
    kept = manager.dict(a=1)
    tell("key", lambda: Remote(manager.address, b"wrong").connect())
    tell("key of a proxy", lambda: managers.DictProxy(kept._token, "pickle", authkey=b"wrong"))
    tell("nonexistent", lambda: manager.nonexistent())
    tell("create", lambda: manager._create("nonexistent"))
    remote = Remote(manager.address, b"right")
    remote.connect()
    tell("nowhere", lambda: remote.nowhere())
    tell("method", lambda: manager.Kept()._callmethod("down"))
    tell("no server", lambda: Remote("/nowhere/at-all", b"right").connect())
    tell("attribute", lambda: manager.Namespace().gone)
    tell("memory", lambda: shared_memory.SharedMemory(name="does-not-exist"))
    tell("list", lambda: shared_memory.ShareableList(name="does-not-exist"))
    array, raw = multiprocessing.Array("i", 3), multiprocessing.RawArray("i", 3)
    memory = shared_memory.ShareableList([1, 2])
    for number in (3, -4):
        tell("array", lambda: array[number])
        tell("array", lambda: array.__setitem__(number, 1))
        tell("raw array", lambda: raw[number])
    tell("shareable list", lambda: memory[2])
    memory.shm.close()
    memory.shm.unlink()
    tell("initializer", lambda: Keeping().start(int, ("no number",)))
    manager.shutdown()
"""
)

GONE = (
    CAUSES
    + """
if __name__ == "__main__":
    multiprocessing.set_start_method({method!r})
    manager = Keeping(authkey=b"right")
    manager.start()
    print(repr(manager.address))
    table, numbers, kept, space = manager.dict(a=1), manager.list([1]), manager.Kept(), manager.Namespace()
    value, array, workers = manager.Value("i", 1), manager.Array("i", [1]), manager.Pool(1)
    queue, lock, again, event = manager.Queue(), manager.Lock(), manager.RLock(), manager.Event()
    condition, barrier, permits = manager.Condition(), manager.Barrier(2), manager.Semaphore()
    table["a"]
    if {how!r} == "shutdown":
        manager.shutdown()
    else:
        manager._process.kill()
        manager._process.join()
    for what, act in dict(
        table=lambda: table["a"], update=lambda: table.update(a=1), length=lambda: len(table),
        value=lambda: table._getvalue(), numbers=lambda: numbers.append(1), kept=lambda: kept.up(),
        read=lambda: space.x, write=lambda: setattr(space, "x", 1), number=lambda: value.value,
        set_number=lambda: setattr(value, "value", 2), element=lambda: array[0], call=lambda: workers.apply(abs, (1,)),
        put=lambda: queue.put(1), get=lambda: queue.get(), size=lambda: queue.qsize(), join=lambda: queue.join(),
        acquire=lambda: lock.acquire(), release=lambda: lock.release(), again=lambda: again.acquire(),
        set=lambda: event.set(), wait=lambda: event.wait(), condition=lambda: condition.acquire(),
        notify=lambda: condition.notify(), barrier=lambda: barrier.wait(), waiting=lambda: barrier.n_waiting,
        permits=lambda: permits.acquire(), connect=lambda: Keeping(manager._address, b"right").connect(),
    ).items():
        tell(what, act)
    if {how!r} == "kill":
        tell("new", lambda: manager.dict())
        tell("new queue", lambda: manager.Queue())
    tell("repr", lambda: repr(table).partition(" at ")[0])
"""
)

#: What says, for each mistake, which object it is about. Of indices, the text is the standard library's.
NAMES = {
    "key": "{address}",
    "key of a proxy": "{address}",
    "nonexistent": "nonexistent",
    "create": "nonexistent",
    "nowhere": "nowhere",
    "method": "Kept",
    "no server": "/nowhere/at-all",
    "attribute": "'Namespace' object has no attribute 'gone'",
    "memory": "does-not-exist",
    "list": "does-not-exist",
    "initializer": "the server 'Keeping-2' ended before it could serve",
    "array": "invalid index",
    "raw array": "invalid index",
    "shareable list": "index out of range",
}


#: What the server says whose initializer failed.
NO_NUMBER = "invalid literal for int() with base 10: 'no number'\n"


def told(runner, manyhands):
    """The address that a program prints first, and what it says of each mistake."""
    done = runner.run("program.py", manyhands=manyhands)
    # A plain interpreter's resource tracker warns of what a killed server has left.
    assert not manyhands or done.stderr == "" or done.stderr.endswith("ValueError: " + NO_NUMBER)
    address, *lines = done.stdout.splitlines()
    return address, [ast.literal_eval(line) for line in lines]


def test_mistakes_have_the_standard_types_and_name_what_they_are_about(runner):
    runner.write(WRONG)
    _, plain = told(runner, manyhands=False)
    address, ours = told(runner, manyhands=True)
    assert [(what, kind) for what, kind, *_ in ours] == [(what, kind) for what, kind, *_ in plain]
    for what, kind, text, seconds in ours:
        assert kind is not None and NAMES[what].format(address=address) in text, (what, kind, text)
        assert seconds < LIMIT / 4, what
    assert {what for what, *_ in ours} == set(NAMES)


@pytest.mark.parametrize("how", ["shutdown", "kill"])
def test_every_call_to_a_server_that_is_gone_is_an_error_that_names_it(runner, method, how):
    runner.write(GONE.format(method=method, how=how))
    _, plain = told(runner, manyhands=False)
    address, ours = told(runner, manyhands=True)
    assert len(ours) > 25 and [what for what, *_ in ours] == [what for what, *_ in plain]
    connection = {"EOFError", "BrokenPipeError", "ConnectionResetError", "ConnectionRefusedError", "FileNotFoundError"}
    for (what, kind, text, seconds), (_, plain_kind, *_) in zip(ours, plain, strict=True):
        if what == "repr":
            assert kind is None and text == "\"<DictProxy object, typeid 'dict'\""
            continue
        # Which of them it is depends in the standard library on how far its server's end has got.
        assert kind in connection and plain_kind in connection, (what, kind, plain_kind)
        assert address in text or "the manager of this" in text, (what, text)
        assert seconds < LIMIT / 4, what


UNCAUGHT = """
import multiprocessing, threading
array = multiprocessing.Array("i", 3)
if __name__ == "__main__":
    thread = threading.Thread(target=lambda: array[3])
    thread.start()
    thread.join()
    array[5] = 1
"""


def test_an_index_out_of_range_names_the_array(runner):
    runner.write(UNCAUGHT)
    done = runner.run("program.py")
    assert "IndexError: invalid index\nrefused by SynchronizedArray\n" in done.stderr
    assert done.stderr.endswith("IndexError: invalid index\nmanyhands: refused by SynchronizedArray\n")


def test_an_index_out_of_range_of_a_shared_array():
    pytest.importorskip("numpy")
    from manyhands import shared_array

    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3"):
        shared_array(3)[3]


@pytest.fixture
def serving():
    """A manager that is reached through the network, as other programs reach it."""
    with managers.SyncManager(address=("127.0.0.1", 0)) as manager:
        yield manager


def works(manager):
    """Whether new clients and old ones are served: this process has a line, and a new thread makes its own."""
    answers = []

    def ask():
        other = managers.SyncManager(address=manager.address, authkey=bytes(manager._authkey))
        other.connect()
        answers.append(other.dict(a=1)["a"])

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(LIMIT)
    return answers == [1] and manager.list([2])[0] == 2


#: A message of this length, four bytes; a frame that ends too early; a pickle that is none; a challenge's answer.
GARBAGE = [
    b"\xff" * 100,
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x05abc",
    b"\0\0\0\x05abcde",
    b"\0" * 1000,
    b"GET / HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_a_client_that_sends_garbage_disturbs_nobody(serving, garbage):
    with socket.create_connection(serving.address, timeout=LIMIT) as babbling:
        babbling.sendall(garbage)
        assert works(serving)
    assert works(serving)


def test_a_client_that_hangs_in_the_challenge_does_not_hold_up_others(serving):
    with socket.create_connection(serving.address, timeout=LIMIT) as silent:
        # The server waits for the answer.
        assert b"#CHALLENGE#" in silent.recv(1000)
        assert works(serving)
        assert works(serving)


def test_a_stopped_client_does_not_hold_up_others(serving):
    started, table = multiprocessing.Event(), serving.dict()
    client = multiprocessing.Process(target=write_on, args=(table, started))
    client.start()
    assert started.wait(LIMIT)
    os.kill(client.pid, signal.SIGSTOP)
    try:
        assert works(serving)
        table["mine"] = 1
        assert table["mine"] == 1
    finally:
        client.kill()
        client.join()


def write_on(table, started):
    started.set()
    while True:
        table.update(theirs=1)


COLLECTED = """
import gc
from multiprocessing import Manager
if __name__ == "__main__":
    with Manager() as manager:
        for allocations in range(1, 150):
            gc.collect()
            gc.disable()
            cycle = [manager.list()]
            cycle.append(cycle)
            del cycle
            gc.set_threshold(allocations)
            gc.enable()
            try:
                assert manager.list([allocations])[0] == allocations
            finally:
                gc.set_threshold(700)
    print("all answered")
"""


def test_a_proxy_that_is_collected_in_the_midst_of_a_question_leaves_it_its_line(runner):
    runner.write(COLLECTED)
    done = runner.run("program.py")
    assert (done.stdout, done.stderr) == ("all answered\n", "")


def test_a_line_that_is_lent_is_closed_when_it_is_given_back(serving):
    kept = serving.list([1])
    assert kept[0] == 1
    line = kept._tls.connection
    question = kept._Client(kept._token.address, authkey=kept._authkey)
    line.close()
    assert managers.dispatch(question, None, "dummy") is None
    question.close()
    eventually(lambda: line.conn.closed)
    del kept._tls.connection
    assert kept[0] == 1
