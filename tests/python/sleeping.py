"""How the threads of this process sleep: whether the kernel is to wake them when some time is over.

That tells a thread that polls from one that waits to be woken, without any time going by in which it could be seen to
wake. The kernel shows the system call that a sleeping thread is in, with its arguments; a limit of time is among them.
"""

import math
import os
import platform
import struct
import threading
from pathlib import Path

#: The numbers of `futex`, `futex_waitv` and `ppoll`.
FUTEX, FUTEX_WAITV = {"x86_64": (202, 449), "aarch64": (98, 449)}.get(platform.machine(), (None, None))
PPOLL = {"x86_64": 271, "aarch64": 73}.get(platform.machine())
WAIT_BITSET = 9
REALTIME = 256


def can_be_seen():
    """Whether the kernel shows system calls here."""
    return FUTEX is not None and os.access("/proc/self/syscall", os.R_OK)


def ends_by_itself(thread):
    """When the sleep of a thread ends by itself, by the monotonic clock: infinity if never. `None` for a thread that is
    awake, or asleep in another way than on words of the memory."""
    try:
        call = Path(f"/proc/self/task/{thread}/syscall").read_text().split()
    except FileNotFoundError:
        return None
    if call[0] not in (str(FUTEX), str(FUTEX_WAITV)):
        return None
    operation, limit = int(call[2], 16), int(call[4], 16)
    if not limit:
        return math.inf
    if call[0] == str(FUTEX) and operation & ~128 != WAIT_BITSET:
        # A time from now on, or of the day's clock.
        return None
    return _time_at(limit)


def longest_poll(thread):
    """For how many seconds at most a thread sleeps that waits for descriptors; infinity if for ever.

    `None` for a thread that is awake or sleeps in another way.
    """
    call = Path(f"/proc/self/task/{thread}/syscall").read_text().split()
    if call[0] != str(PPOLL):
        return None
    limit = int(call[3], 16)
    return _time_at(limit) if limit else math.inf


def _time_at(address):
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        seconds, nanoseconds = struct.unpack("=qq", memory.read(16))
    return seconds + nanoseconds / 1e9


def others():
    """The other threads of this process."""
    return [int(task) for task in os.listdir("/proc/self/task") if int(task) != threading.get_native_id()]
