"""Memory for values and arrays that processes share: the standard library's, in files that never have a name."""

from __future__ import annotations

import os

from manyhands import _bare, _passed_on, _std

from . import util

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

standard: Any = _std.standing_on_ours("heap")


class Arena(standard.Arena):  # type: ignore[misc]
    """A piece of memory that processes share."""

    def __init__(self, size: int, fd: int = -1) -> None:
        if fd == -1:
            try:
                fd = os.memfd_create(f"pym-{os.getpid()}", os.MFD_CLOEXEC)
            except OSError:
                # The kernel does not offer it: then the file has a name for a moment.
                pass
            else:
                util.Finalize(self, os.close, (fd,))
                os.ftruncate(fd, size)
        super().__init__(size, fd)


standard.Arena = Arena
standard.reduction.register(Arena, standard.reduce_arena)
_bare.without_annotations(globals())
_passed_on.pass_on(__name__, standard)
