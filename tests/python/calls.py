"""What tests have a pool's workers call: here, so that workers of every start method can import it."""

import os
import signal
import sys
import threading
import time

from manyhands import multiprocessing


def titled(kind):
    """A subclass whose constructor takes other arguments."""

    class Titled(kind):
        def __init__(self, title, *, loud):
            super().__init__()
            self.title = title, loud

    return Titled


def square(x):
    return x * x


def add(a, b=10, *more, c=0):
    return a + b + sum(more) + c


def identity(x):
    return x


def fail(x):
    raise KeyError(x)


def sleep_and_give(seconds, x):
    time.sleep(seconds)
    return x


def pid(_=None):
    return os.getpid()


def names(_):
    time.sleep(0.01)
    this = multiprocessing.current_process()
    return this.name, this.daemon, multiprocessing.parent_process().pid


def set_up(value, lock):
    global settings
    settings = (value, lock)


def use_set_up(x):
    value, lock = settings
    with lock:
        return value + x


def broken_set_up():
    raise RuntimeError("cannot set up")


def die(how):
    if how == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        sys.exit(5)
    os._exit(6)


def die_once(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "second time"
    return os.kill(os.getpid(), signal.SIGKILL)


def lambda_result(x):
    return lambda: x


def lock_result(x):
    return threading.Lock()


class Unloadable:
    """Pickles, and cannot be unpickled."""

    def __reduce__(self):
        return int, ("no number",)


def unloadable_result(x):
    return Unloadable()


class Stubborn(Exception):
    """Pickles, and cannot be unpickled: its constructor wants more than an exception remembers."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_stubborn(x):
    raise Stubborn(x, "more")


class WithLock(Exception):
    def __init__(self):
        super().__init__("holds a lock")
        self.lock = threading.Lock()


def raise_with_lock(x):
    raise WithLock


def half(x):
    return x // 2 if x % 2 == 0 else x / 2


def fail_at_three(x):
    if x == 3:
        raise KeyError(x)
    return x


def tell_and_fail_at_three(x):
    settings[1].put(x)
    return fail_at_three(x)


def sleep_and_give_pair(pair):
    return sleep_and_give(*pair)
