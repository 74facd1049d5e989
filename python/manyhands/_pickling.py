"""Objects as bytes: pickle first, by value where pickle cannot.

`dumps` is the plain form: pickle 5 with the reducers that the standard library registered for other
processes, large buffers kept out of the bytes. `dumps_by_value` also takes what pickle refuses: lambdas, functions of
a REPL or a notebook, classes that no other process can import; but no open files. An error is always pickle's own.
"""

from __future__ import annotations

import copyreg
import functools
import io
import os
import pickle
import sys

from . import _std

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Buffers of at least this many bytes travel outside the pickle, in shared memory.
LARGE = 1 << 16

#: Whether queues of this process are shared with interpreters that began afresh.
read_afresh = False

_forking = _std.module("reduction").ForkingPickler
_extra: dict[type, Any] = _forking._extra_reducers


def _reducers() -> dict[type, Any]:
    # Made anew each time: both tables may change, and the copy costs less than looking in two.
    return {**copyreg.dispatch_table, **_extra}


def dumps(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """Pickles for another process. Large buffers are appended to `large` when it is given."""
    file = io.BytesIO()
    callback = None if large is None else functools.partial(_keep_small, large)
    pickler = pickle.Pickler(file, 5, buffer_callback=callback)
    pickler.dispatch_table = _reducers()
    pickler.dump(obj)
    return file.getvalue()


def _keep_small(large: list[pickle.PickleBuffer], buffer: pickle.PickleBuffer) -> bool:
    """True keeps a buffer in the pickle; so does anything that is not one piece of memory."""
    try:
        if buffer.raw().nbytes < LARGE:
            return True
    except BufferError:
        return True
    large.append(buffer)
    return False


def dumps_by_value(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """As `dumps`, but functions and classes that other processes cannot import travel with their code."""
    file = io.BytesIO()
    _by_value_pickler()(file, large).dump(obj)
    return file.getvalue()


def dumps_anyhow(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """Pickles, by value if need be."""
    try:
        return dumps(obj, large)
    except (pickle.PicklingError, AttributeError, TypeError):
        if large is not None:
            large.clear()
        try:
            return dumps_by_value(obj, large)
        except Exception:
            pass
        # Not the second attempt's error: the first one names what is wrong in the words that people know.
        raise


def dumps_for_others(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """Pickles for interpreters that begin afresh: by value also what they cannot import from this main module."""
    pickled = dumps_anyhow(obj, large)
    if b"__main__" not in pickled or main_is_importable():
        return pickled
    if large is not None:
        large.clear()
    return dumps_by_value(obj, large)


def dumps_queued(obj: object, large: list[pickle.PickleBuffer] | None = None) -> bytes:
    """As `dumps`; what readers cannot import from this main module goes by value if any of them began afresh."""
    try:
        pickled = dumps(obj, large)
    except (pickle.PicklingError, AttributeError, TypeError):
        if not read_afresh or main_is_importable():
            raise
        return dumps_anyhow(obj, large)
    if not read_afresh or b"__main__" not in pickled or main_is_importable():
        return pickled
    if large is not None:
        large.clear()
    return dumps_by_value(obj, large)


def main_is_importable() -> bool:
    """Whether a fresh interpreter can import this program's main module."""
    main = sys.modules["__main__"]
    if getattr(getattr(main, "__spec__", None), "name", None) is not None:
        return True
    # A program that is read from standard input calls its file `<stdin>`.
    path = getattr(main, "__file__", None)
    return path is not None and os.path.isfile(os.path.join(_std.module("process").ORIGINAL_DIR or "", path))


@functools.cache
def _by_value_pickler() -> Callable[..., Any]:
    # Imported late: most programs never need it.
    from collections import ChainMap

    import cloudpickle

    class ByValue(cloudpickle.Pickler):  # type: ignore[misc]
        def __init__(self, file: io.BytesIO, large: list[pickle.PickleBuffer] | None) -> None:
            callback = None if large is None else functools.partial(_keep_small, large)
            # It is looked for when the pickler is made.
            self.dispatch_table = ChainMap(open_files, cloudpickle.Pickler.dispatch_table, _reducers())
            super().__init__(file, 5, buffer_callback=callback)

    as_a_copy = cloudpickle.Pickler.dispatch_table[io.TextIOWrapper]

    def refuse(file: io.TextIOWrapper) -> Any:
        # A copy of what it has left to read would be another file. The standard streams are every process's own.
        if file is sys.stdout or file is sys.stderr:
            return as_a_copy(file)
        raise TypeError(f"cannot pickle '{type(file).__module__}.{type(file).__qualname__}' object")

    open_files = {io.TextIOWrapper: refuse}
    return ByValue
