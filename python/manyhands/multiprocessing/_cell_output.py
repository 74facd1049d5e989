"""Where the output of children goes under a notebook's kernel: into the cell that caused it, as soon as a line is done.

The kernel watches its own descriptors 1 and 2, and shows what comes there in the cell that is being run. A fresh
interpreter writes there, but would keep its lines until it ends, since it sees no terminal. A forked worker of a pool
has a copy of the kernel's stream, which stays with the cell that made the pool. A forked process that runs one thing is
of that cell, so there the copy is right.
"""

from __future__ import annotations

import sys

from manyhands._bare import without_annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["begin_fresh", "begin_worker", "is_shown"]

#: Whether a process above this one is a kernel.
_below_a_kernel = False


def _kernels(stream: object) -> Any:
    """The stream, if it is a kernel's that watches a descriptor."""
    module = sys.modules.get("ipykernel.iostream")
    is_one = module is not None and isinstance(stream, module.OutStream) and getattr(stream, "_should_watch", False)
    return stream if is_one else None


def is_shown() -> bool:
    """Whether a kernel shows what the children of this process write."""
    return _below_a_kernel or _kernels(sys.stdout) is not None


def begin_fresh() -> None:
    """Called in a fresh interpreter whose output is shown: a line is written as soon as it is done."""
    global _below_a_kernel
    _below_a_kernel = True
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(line_buffering=True)


def begin_worker() -> None:
    """Called in a worker of a pool: if it is a copy of a kernel, it writes to the kernel's descriptors."""
    global _below_a_kernel
    for name in ("stdout", "stderr"):
        stream = _kernels(getattr(sys, name))
        if stream is not None and not stream._is_master_process():
            number = getattr(stream, "_original_stdstream_fd", None)
            if number is None:
                # A kernel of another make: it stays as it is.
                continue
            _below_a_kernel = True
            setattr(sys, name, open(number, "w", 1, "utf-8", "backslashreplace", closefd=False))  # noqa: SIM115


without_annotations(globals())
