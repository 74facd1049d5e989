"""Objects as bytes: with pickle where possible, by value where pickle refuses.

`dumps` is the plain form: pickle 5 with the reducers that the standard library registers for other processes, and with
large buffers kept out of the bytes. `dumps_by_value` also takes what pickle refuses: lambdas, functions of a REPL or a
notebook, and classes that no other process can import; but no open files. The other forms choose between these, by what
the reader knows by name. If pickle itself has an error, that is the error raised.
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
from _thread import _local

from . import _namespaces, _std
from ._known import NOTHING, Copied, Known, afresh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

#: Buffers of at least this many bytes travel outside the pickle, in shared memory.
LARGE = 1 << 16

#: In a worker: what the process that sends the calls knows by name.
requester: Known = NOTHING

#: Whether queues of this process are shared with interpreters that began afresh.
read_afresh = False

_forking = _std.module("reduction").ForkingPickler
_extra: dict[type, Any] = _forking._extra_reducers


class _Carried(_local):
    """In a thread that pickles a message: how to give back what the message keeps alive in managers' servers. `None`
    where the message keeps nothing."""

    returns: list[Callable[[], object]] | None = None


carried = _Carried()

#: Whether there may be proxies of objects in managers' servers.
has_proxies = False


def carrying(dumps: Callable[..., T], *arguments: Any) -> T:
    """Calls what pickles a message, which then keeps alive what the proxies in it are of, until it is unpickled."""
    if not has_proxies:
        return dumps(*arguments)
    # A signal handler may send another message in the midst of this one.
    before = carried.returns
    returns: list[Callable[[], object]] = []
    carried.returns = returns
    try:
        return dumps(*arguments)
    except BaseException:
        for give_back in returns:
            give_back()
        raise
    finally:
        carried.returns = before


def reducers() -> dict[type, Any]:
    """The reducers that the standard library has."""
    # Made anew each time, since both tables may change. The copy costs less than looking in two tables.
    return {**copyreg.dispatch_table, **_extra}


def dumps(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """Pickles for another process. Large buffers are appended to `large` when it is given."""
    file = io.BytesIO()
    callback = None if large is None else functools.partial(keep_small, large)
    pickler = pickle.Pickler(file, 5, buffer_callback=callback)
    pickler.dispatch_table = reducers()
    pickler.dump(obj)
    return file.getvalue()


def keep_small(large: list[pickle.PickleBuffer], buffer: pickle.PickleBuffer) -> bool:
    """True keeps a buffer in the pickle: a small one, or one that is not in one piece of memory."""
    try:
        if buffer.raw().nbytes < LARGE:
            return True
    except BufferError:
        return True
    large.append(buffer)
    return False


def dumps_by_value(obj: object, large: list[pickle.PickleBuffer] | None = None, known: Known = NOTHING) -> bytes:
    """As `dumps`, but functions and classes that the other side does not know by name travel with their code."""
    # Imported late: most programs never need it.
    from . import _by_value

    return _by_value.dumps(obj, large, known)


def dumps_known(obj: object, large: list[pickle.PickleBuffer] | None, known: Known) -> bytes:
    """Pickles for a process of which `known` says what it knows by name; by value if need be."""
    try:
        pickled = dumps(obj, large)
    except (pickle.PicklingError, AttributeError, TypeError):
        if large is not None:
            large.clear()
        try:
            return dumps_by_value(obj, large, known)
        except Exception:
            pass
        # The first error, not that of the second attempt: it has the text that people know.
        raise
    if known.can_read(pickled):
        return pickled
    if large is not None:
        large.clear()
    return dumps_by_value(obj, large, known)


def dumps_answer(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """In a worker: pickles for the process that sends the calls."""
    return carrying(dumps_known, obj, large, requester)


def dumps_for_others(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """Pickles for interpreters that begin afresh, as `spawn` starts them."""
    return dumps_known(obj, large, afresh())


def dumps_queued(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """As `dumps`. If a reader may have begun afresh, what it may not know by name goes by value."""
    if not read_afresh:
        return dumps(obj, large)
    known = afresh()
    try:
        pickled = dumps(obj, large)
    except (pickle.PicklingError, AttributeError, TypeError):
        # Where fresh interpreters import the program, a queue refuses what the standard library's refuses.
        if known is not NOTHING and not _namespaces.programs():
            raise
        if large is not None:
            large.clear()
        return dumps_known(obj, large, known)
    if known.can_read(pickled):
        return pickled
    if large is not None:
        large.clear()
    return dumps_by_value(obj, large, known)


def begin_worker() -> None:
    """Makes this process a worker, and notes which names its answers may refer to."""
    global requester
    requester = Copied()
    _namespaces.begin_worker(requester.copied, requester.learn)
