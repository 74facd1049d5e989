"""A process forked from a fresh interpreter that does nothing else: the engine's zygote.

The zygote is executed at the first start, imports what `set_forkserver_preload` names, and is asked for each process.
Unlike the standard library's, the process is this one's child, with this one's working directory, environment and
signals as they are now.
"""

from __future__ import annotations

from manyhands import _engine, _std
from manyhands._bare import without_annotations

from . import forkserver, popen_spawn_posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Popen"]


def __getattr__(name: str) -> Any:
    return _std.rest(__name__, name)


def __dir__() -> list[str]:
    return _std.names(__name__)


class Popen(popen_spawn_posix.Popen):
    """A process that a zygote started."""

    method = "forkserver"
    _manyhands_begin = staticmethod(_engine.zygote_child)

    def _manyhands_code(self) -> str:
        return forkserver.code()


without_annotations(globals())
