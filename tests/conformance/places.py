"""Where a primitive is used: between threads or between processes, the standard library's or ours.

A test says what a primitive does; a `Place` says how workers are started there, how they tell what they saw, and which
exception stands for which mistake. All four places are to pass the same tests.
"""

import multiprocessing as standard_multiprocessing
import queue as standard_queue
import threading as standard_threading
import time
import traceback

import pytest
from observed import LIMIT

from manyhands import multiprocessing as our_multiprocessing, queue as our_queue, threading as our_threading


def sleeps(native_id):
    """Whether a thread of any process sleeps, as the kernel says."""
    with open(f"/proc/{native_id}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


class Worker:
    """One function that runs beside the test, in a thread or a process."""

    def __init__(self, place, function, arguments):
        self.place = place
        self.told = place.queue()
        self.work = place.start(self._run, (function, arguments))

    def _run(self, function, arguments):
        self.told.put(("began", standard_threading.get_native_id()))
        try:
            self.told.put(("gave", function(*arguments)))
        except Exception as error:
            traceback.clear_frames(error.__traceback__)
            self.told.put(("raised", type(error)))

    def began(self):
        """Returns when the worker has begun; its native thread id."""
        word, native_id = self.told.get()
        assert word == "began"
        return native_id

    def end(self):
        """What the function gave, or the class of what it raised. Comes after `began`."""
        self.work.join(LIMIT)
        assert not self.work.is_alive(), "the worker did not end"
        return self.told.get()[1]


class Place:
    """The primitives of one library, for threads or for processes."""

    def __init__(self, name, library, queue, error, not_owner):
        self.name = name
        self.library = library
        self.queue = queue
        #: What releasing too often raises; what somebody gets who acts on what is not his.
        self.error = error
        self.not_owner = not_owner

    def __getattr__(self, primitive):
        try:
            return getattr(self.library, primitive)
        except AttributeError:
            pytest.skip(f"{self.name}: {primitive} is missing, by name")

    @property
    def is_processes(self):
        return hasattr(self.library, "Process")

    def start(self, function, arguments):
        kind = self.library.Process if self.is_processes else self.library.Thread
        made = kind(target=function, args=arguments, daemon=True)
        made.start()
        return made

    def run(self, function, *arguments):
        """Starts a worker; `end()` of what is returned gives what the function gave."""
        worker = Worker(self, function, arguments)
        worker.began()
        return worker

    def run_until_it_waits(self, function, *arguments):
        """Starts a worker and returns once it sleeps, which it is to do in the function's wait."""
        worker = Worker(self, function, arguments)
        native_id = worker.began()
        seen = 0
        end = time.monotonic() + LIMIT
        while seen < 20:
            seen = seen + 1 if sleeps(native_id) else 0
            time.sleep(0.001)
            assert time.monotonic() < end, "the worker did not come to wait"
        return worker


def processes(module):
    return module.get_context("fork")


PLACES = [
    Place("standard threads", standard_threading, standard_queue.SimpleQueue, RuntimeError, RuntimeError),
    Place("our threads", our_threading, our_queue.SimpleQueue, RuntimeError, RuntimeError),
    Place(
        "standard processes",
        processes(standard_multiprocessing),
        processes(standard_multiprocessing).SimpleQueue,
        ValueError,
        AssertionError,
    ),
    Place(
        "our processes",
        processes(our_multiprocessing),
        processes(our_multiprocessing).SimpleQueue,
        ValueError,
        AssertionError,
    ),
]
