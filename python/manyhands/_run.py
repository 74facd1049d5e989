"""Carries out the launcher's settings inside the interpreter that runs the program.

The settings come as text in the environment: `KEY=VALUE`, joined by commas. What happens at the end of the program (the
report of a missing main guard, `--stats`) is registered here, before the program can register anything, so that it runs
last.
"""

from __future__ import annotations

from . import _alias, _ending

#: The default start method; `None` for the standard library's choice.
start_method: str | None = None


def begin(settings: str) -> None:
    """Makes the standard names mean ours and arranges the end."""
    global start_method
    asked = dict(item.split("=", 1) for item in settings.split(",") if item)
    start_method = asked.get("method")
    stats = asked.get("stats") == "1"
    _ending.arrange(stats=stats)
    if stats:
        from . import _engine

        _engine.count_threads()
    _alias.install(asked.get("plain-for", "").split())
