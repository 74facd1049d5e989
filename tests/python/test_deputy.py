"""A number that something wrote into the shared memory is nobody's to send signals to."""

import ctypes
import subprocess

from conftest import eventually

from manyhands import multiprocessing

#: Where the table of processes stands in the arena, how long an entry is, and how many there are (`docs/memory.md`).
TABLE, ENTRY, ENTRIES = 4096, 448, 1024


def slot_word_of(pid):
    """The word of that process's slot, as it stands in this process's memory."""
    with open("/proc/self/maps") as maps:
        lines = [line for line in maps if "/memfd:manyhands-" in line and " 00000000 " in line]
    base = int(lines[0].partition("-")[0], 16)
    for index in range(1, ENTRIES):
        word = ctypes.c_uint64.from_address(base + TABLE + index * ENTRY)
        if word.value & 0xF == 2 and word.value >> 18 & 0x3FFFFF == pid:
            return word
    raise AssertionError(f"process {pid} has no slot")


def numbers(pool):
    return [worker.pid for worker in pool._pool]


def show_by_a_wrong_number(pool, wrong):
    """Writes over the number of the pool's one worker. False when that has noticed before anybody else could."""
    [pid] = eventually(lambda: numbers(pool))
    word = slot_word_of(pid)
    word.value = word.value & ~(0x3FFFFF << 18) | wrong << 18
    shown = pool._pool
    if [worker.pid for worker in shown] != [wrong]:
        return False
    shown[0].terminate()
    shown[0].kill()
    assert shown[0].exitcode is not None
    # It goes on with another worker.
    eventually(lambda: numbers(pool) and not set(numbers(pool)) & {pid, wrong})
    assert pool.apply(abs, (-7,)) == 7
    return True


def test_a_worker_that_is_shown_by_a_wrong_number_is_not_signalled():
    with subprocess.Popen(["sleep", "1000000"]) as bystander:
        try:
            for _ in range(20):
                with multiprocessing.get_context("fork").Pool(1) as pool:
                    if show_by_a_wrong_number(pool, bystander.pid):
                        break
            else:
                raise AssertionError("each worker had noticed before")
            assert bystander.poll() is None
        finally:
            bystander.kill()
