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

#: The numbers of `futex` and `futex_waitv`.
FUTEX, FUTEX_WAITV = {"x86_64": (202, 449), "aarch64": (98, 449)}.get(platform.machine(), (None, None))
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
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        memory.seek(limit)
        seconds, nanoseconds = struct.unpack("=qq", memory.read(16))
    return seconds + nanoseconds / 1e9


def others():
    """The other threads of this process."""
    return [int(task) for task in os.listdir("/proc/self/task") if int(task) != threading.get_native_id()]
