"""Programs whose threads are greenlets: what gevent's and eventlet's monkey patching makes of them.

Such a library puts threads, locks and queues of its own into the standard modules, so that a greenlet that waits lets
others run. A wait in the engine would stop them all. So before the library patches, ours stand aside: the standard
modules get their own names back, as if we had never been there. Objects of ours that exist already turn themselves into
standard ones (`standing_aside`). Patching that does not touch threads, such as that of sockets alone, changes nothing.
"""

from __future__ import annotations

import functools
import sys

from . import _overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

#: Whether the threads of this program are greenlets.
in_force = False

#: What to call then, once.
_listening: list[Callable[[], object]] = []


def standing_aside(act: Callable[[], object]) -> None:
    """Calls `act` when the threads of the program become greenlets; at once if they are already."""
    if in_force:
        act()
    else:
        _listening.append(act)


def stand_aside() -> None:
    """Gives the standard names back; from now on the program uses nothing of ours."""
    global in_force
    if in_force:
        return
    in_force = True
    _overlay.lift()
    while _listening:
        _listening.pop(0)()


def _watch_gevent(events: Any) -> None:
    def will_patch(event: Any) -> None:
        if isinstance(event, events.GeventWillPatchModuleEvent) and event.module_name in _PATCHED:
            stand_aside()

    events.subscribers.append(will_patch)


_PATCHED = ("thread", "_thread", "threading", "queue")


def _watch_eventlet(patcher: Any) -> None:
    patch = patcher.monkey_patch

    @functools.wraps(patch)
    def monkey_patch(**on: Any) -> Any:
        chosen = [name for name, wanted in on.items() if wanted]
        if on.get("thread", on.get("all", not chosen)):
            stand_aside()
        return patch(**on)

    patcher.monkey_patch = monkey_patch


#: The modules that patch, or that announce it, and the function to call when they have been imported.
WATCHED: dict[str, Callable[[ModuleType], object]] = {
    "gevent.events": _watch_gevent,
    "eventlet.patcher": _watch_eventlet,
}


def are_greenlets() -> bool:
    """Whether a library has patched already."""
    gevent: Any = sys.modules.get("gevent.monkey")
    eventlet: Any = sys.modules.get("eventlet.patcher")
    return (gevent is not None and gevent.is_module_patched("threading")) or (
        eventlet is not None and eventlet.is_monkey_patched("thread")
    )
