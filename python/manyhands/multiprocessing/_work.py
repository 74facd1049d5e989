"""What a pool's worker does in Python: begin, end, and exceptions on their way to the requester.

A worker is a process like any other (name, daemon, parent), whose target is the engine's loop. An exception travels
with its traceback as text, and with its own text, so that it can be reported even when it cannot be rebuilt.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import struct
import traceback

from manyhands import _ending, _engine, _pickling, _signals, _std
from manyhands._standard_error import report

from . import _cell_output, context
from ._child import sentinel_of
from .popen_fork import run_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from ._own_process import OwnObjects

process: Any = _std.module("process")
reduction: Any = _std.module("reduction")

_LENGTHS = struct.Struct("<QQ")


class Plan:
    """What all workers of a pool must know."""

    #: What the workers are called, whether they are daemons if they are of our class, whether they send whatever their
    #: calls raise, and what breaks the pool when the initializer raises it.
    kind = "PoolWorker"
    daemon = True
    sends_all = False
    breaks_it: type[BaseException] = Exception

    def __init__(
        self,
        method: str,
        parent: int,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
    ) -> None:
        self.method = method
        self.parent = parent
        maker = process.current_process()
        self.parent_name, self.parent_identity = maker.name, maker._identity
        #: The pool, and the first worker's number among the processes of the program.
        self.pool = self.first = 0
        self.initializer = initializer
        self.initargs = initargs
        #: The workers' process objects where a program has its own class for them.
        self.own: OwnObjects | None = None

    def worker(self) -> Any:
        """The process object of this worker, as its own process sees it."""
        number = int(_engine.own_name().rpartition("-")[2])
        identity = self.first + number - 1
        # As if it were made in the process that made the pool.
        here = process.current_process()
        here.name, here._identity = self.parent_name, self.parent_identity
        if self.own is not None:
            worker = self.own.worker(number, identity)
        else:
            process._process_counter = itertools.count(identity)
            worker = context._concrete_contexts[self.method].Process(target=self.work)
            self.adapt(worker)
        worker._parent_pid = self.parent
        _engine.set_own_name(worker.name)
        return worker

    def adapt(self, worker: Any) -> None:
        """Makes a worker of a process object."""
        worker.name = worker.name.replace("Process", self.kind)
        worker.daemon = self.daemon

    def work(self) -> None:
        """Runs calls until the pool ends."""
        # Ctrl-C is the requester's affair: it ends its pool, or does not. It ends the call at hand of an executor, too.
        # What this starts by exec is as ever.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _ignore)
        worker = _engine.Worker(self.pool)
        _pickling.begin_worker()
        _cell_output.begin_worker()
        if self.sends_all and signal.getsignal(signal.SIGINT) is _ignore:
            signal.signal(signal.SIGINT, functools.partial(_interrupt, worker))
        if self.initializer is not None:
            try:
                self.initializer(*self.initargs)
            except self.breaks_it as error:
                # Reported before the pool is broken, since that ends this process.
                self.report(error)
                text = "".join(traceback.format_exception_only(error)).strip()
                worker.break_pool(f"its initializer raised {text}")
                raise SystemExit(1) from None
        worker.work(self.sends_all)

    def report(self, error: BaseException) -> None:
        """The initializer raised something."""
        whole = "".join(traceback.format_exception(error))
        report(f"Process {process.current_process().name}:\n{whole.removesuffix(chr(10))}")


class ExecutorPlan(Plan):
    """Workers of an executor: processes like others, which send whatever their calls raise."""

    kind = "Process"
    daemon = False
    sends_all = True
    breaks_it = BaseException

    def adapt(self, worker: Any) -> None:
        pass

    def report(self, error: BaseException) -> None:
        import logging

        logging.getLogger("concurrent.futures").critical("Exception in initializer:", exc_info=error)


def _interrupt(worker: _engine.Worker, signum: int, frame: object) -> None:
    """Ctrl-C ends the call at hand, as in any process; a worker that waits for one goes on."""
    if worker._calls:
        raise KeyboardInterrupt


def _ignore(signum: int, frame: object) -> None:
    pass


def run_forked(plan: Plan) -> NoReturn:
    """The life of a worker that a template was forked for."""
    run_child(plan.worker(), sentinel_of(plan.parent))


def end_worker(error: BaseException) -> NoReturn:
    """Ends this process over a call that raised what is no `Exception`."""
    code = 1
    if isinstance(error, SystemExit):
        if error.code is None:
            code = 0
        elif isinstance(error.code, int):
            code = error.code
        else:
            report(error.code)
    elif not isinstance(error, KeyboardInterrupt):
        traceback.print_exception(error)
    try:
        _ending.end_within_call()
    finally:
        os._exit(code)


def failure(error: BaseException) -> bytes:
    """An exception as bytes: its traceback, its text, and itself if it can be pickled."""
    text = "".join(traceback.format_exception(error))
    shown = _repr(error)
    try:
        pickled = _pickling.dumps_answer(error)
    except Exception as reason:
        pickled = _pickling.dumps(unsendable(reason, error))
    first, second = (part.encode(errors="backslashreplace") for part in (text, shown))
    return _LENGTHS.pack(len(first), len(second)) + first + second + pickled


def rebuild(payload: bytes) -> BaseException:
    """The exception of `failure`'s bytes, with the worker's traceback as its cause."""
    first, second = _LENGTHS.unpack_from(payload)
    start = _LENGTHS.size
    text = payload[start : start + first].decode()
    shown = payload[start + first : start + first + second].decode()
    try:
        error: Any = reduction.pickle.loads(payload[start + first + second :])
        if not isinstance(error, BaseException):
            raise TypeError(f"it became {_repr(error)}, which is no exception")
    except Exception as reason:
        if _signals.raised_by_handler(reason, reason.__traceback__):
            raise
        error = _std.module("pool").MaybeEncodingError(reason, shown)
        # Its own texts are made of `repr`; the exception that could not be rebuilt has one already.
        error.value = shown
    error.__cause__ = _std.module("pool").RemoteTraceback(f'\n"""\n{text}"""')
    raised: BaseException = error
    return raised


def unsendable(reason: BaseException, value: object) -> Exception:
    """The standard library's exception for a result that cannot be sent."""
    error: Exception = _std.module("pool").MaybeEncodingError(reason, _Shown(value))
    return error


class _Shown:
    """Stands for an object whose `repr` may fail."""

    def __init__(self, value: object) -> None:
        self._text = _repr(value)

    def __repr__(self) -> str:
        return self._text


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:
        return object.__repr__(value)


def end_template() -> NoReturn:
    """A template that nobody needs any more ends without a trace of the program that it is a copy of."""
    _ending.report_to_engine()
    os._exit(0)
