"""Values that processes share: an attribute is read and written with the lock held, whoever holds it before."""

import threading

import pytest
from conftest import LIMIT

from manyhands import multiprocessing


class Number:
    """Stands for a number, and says whether the lock was held when it was asked for it."""

    def __init__(self, value):
        self.value = value
        self.was_held = None

    def __index__(self):
        self.was_held = not taken_elsewhere(self.value.get_lock())
        return 7


def taken_elsewhere(lock):
    """Whether another thread gets the lock now; it gives it back."""
    got = []

    def take():
        got.append(lock.acquire(False))
        if got[0]:
            lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return got[0]


def made(kind):
    return multiprocessing.Value("i", 3, lock=getattr(multiprocessing, kind)() if isinstance(kind, str) else kind)


@pytest.fixture(params=[True, "Lock", "RLock"])
def locked(request):
    """A value with each kind of lock."""
    return made(request.param)


@pytest.fixture(params=[True, "RLock"])
def re_entrant(request):
    """A value whose lock its holder may take again."""
    return made(request.param)


@pytest.mark.parametrize("kind", [True, False, "Lock", "RLock"])
def test_it_is_read_and_written(kind):
    value = made(kind)
    assert value.value == 3
    value.value = 4
    value.value += 1
    assert value.value == 5
    for wrong in ("text", None, 1.5):
        with pytest.raises(TypeError):
            value.value = wrong
    assert kind is False or taken_elsewhere(value.get_lock()), "the lock was left taken"
    assert value.value == 5


def test_within_its_own_lock(re_entrant):
    value = re_entrant
    with value:
        value.value += 1
        assert value.value == 4
        with value.get_lock():
            value.value = 9
        assert not taken_elsewhere(value.get_lock()), "it was released too often"
        with pytest.raises(TypeError):
            value.value = "text"
        assert not taken_elsewhere(value.get_lock())
    assert taken_elsewhere(value.get_lock())
    assert value.value == 9


def test_the_lock_is_held_while_the_program_is_asked(locked):
    number = Number(locked)
    locked.value = number
    assert (locked.value, number.was_held) == (7, True)
    assert taken_elsewhere(locked.get_lock())


def test_it_stays_held_when_the_program_is_asked_within(re_entrant):
    with re_entrant:
        re_entrant.value = Number(re_entrant)
        assert not taken_elsewhere(re_entrant.get_lock())
    assert taken_elsewhere(re_entrant.get_lock())


def test_a_reader_waits_for_a_writer(locked):
    value, lock, read = locked, locked.get_lock(), []
    lock.acquire()
    reader = threading.Thread(target=lambda: read.append(value.value))
    reader.start()
    reader.join(0.05)
    assert read == []
    value.get_obj().value = 8
    lock.release()
    reader.join(LIMIT)
    assert read == [8]


def add(value, times):
    for _ in range(times):
        with value.get_lock():
            value.value += 1


def test_no_update_is_lost(ctx):
    value = ctx.Value("q", 0)
    processes = [ctx.Process(target=add, args=(value, 20_000)) for _ in range(2)]
    for process in processes:
        process.start()
    threads = [threading.Thread(target=add, args=(value, 2_000)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for one in (*processes, *threads):
        one.join()
    assert value.value == 44_000


def test_text_and_bytes_of_an_array():
    text = multiprocessing.Array("c", 8)
    with text:
        text.value = b"abc"
        assert (text.value, text.raw) == (b"abc", b"abc" + bytes(5))
        text.raw = bytes(8)
        with pytest.raises(ValueError):
            text.value = b"too long for it"
    assert taken_elsewhere(text.get_lock())
    assert text.value == b""
