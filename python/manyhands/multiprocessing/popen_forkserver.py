"""A process forked from a fresh interpreter that does nothing else: the engine's zygote.

The zygote is executed at the first start, imports what `set_forkserver_preload` names, and is asked for each process.
Unlike the standard library's, the process is this one's child, with this one's working directory, environment and
signals as they are now.
"""

from __future__ import annotations

import functools

from manyhands import _engine, _std
from manyhands._bare import without_annotations

from . import forkserver, popen_spawn_posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

__all__ = ["Popen"]


# What the standard module has besides.
__getattr__, __dir__ = functools.partial(_std.rest, __name__), functools.partial(_std.names, __name__)


class Popen(popen_spawn_posix.Popen):
    """A process that a zygote started."""

    method = "forkserver"
    _manyhands_begin = staticmethod(_engine.zygote_child)

    def _manyhands_code(self) -> str:
        return forkserver.code()


without_annotations(globals())
