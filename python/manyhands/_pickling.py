"""Objects as bytes: pickle first, by value where pickle cannot.

`dumps` is the plain form: pickle 5 with the reducers that the standard library registered for other
processes, large buffers kept out of the bytes. `dumps_by_value` also takes what pickle refuses: lambdas, functions of
a REPL or a notebook, classes that no other process can import; but no open files. The other forms choose, by what the
reader knows by name. An error is pickle's own where pickle has one.
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle

from . import _namespaces, _std
from ._known import NOTHING, Copied, Known, afresh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Buffers of at least this many bytes travel outside the pickle, in shared memory.
LARGE = 1 << 16

#: What the process knows by name that this one, a worker, has its calls from.
requester: Known = NOTHING

#: Whether queues of this process are shared with interpreters that began afresh.
read_afresh = False

_forking = _std.module("reduction").ForkingPickler
_extra: dict[type, Any] = _forking._extra_reducers


def reducers() -> dict[type, Any]:
    """What the standard library has reducers for."""
    # Made anew each time: both tables may change, and the copy costs less than looking in two.
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
    """True keeps a buffer in the pickle; so does anything that is not one piece of memory."""
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
    """Pickles; by value if need be, and what that process does not know by name."""
    try:
        pickled = dumps(obj, large)
    except (pickle.PicklingError, AttributeError, TypeError):
        if large is not None:
            large.clear()
        try:
            return dumps_by_value(obj, large, known)
        except Exception:
            pass
        # Not the second attempt's error: the first one names what is wrong in the words that people know.
        raise
    if known.can_read(pickled):
        return pickled
    if large is not None:
        large.clear()
    return dumps_by_value(obj, large, known)


def dumps_answer(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """Pickles for the process that this one, a worker, has its calls from."""
    return dumps_known(obj, large, requester)


def dumps_for_others(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """Pickles for interpreters that begin afresh."""
    return dumps_known(obj, large, afresh())


def dumps_queued(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """As `dumps`; if any reader began afresh, by value what that one may not know by name."""
    if not read_afresh:
        return dumps(obj, large)
    known = afresh()
    try:
        pickled = dumps(obj, large)
    except (pickle.PicklingError, AttributeError, TypeError):
        # Where fresh interpreters import the program, a queue refuses what the standard library's would.
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
    """From now on this process is a worker: it is known what its answers may refer to by name."""
    global requester
    requester = Copied()
    _namespaces.begin_worker(requester.copied, requester.learn)
