"""A pytest plugin: if pytest runs on the engine, the workers of pytest-xdist do, too.

They are separate interpreters, which pytest-xdist starts in its own way, so the launcher does not reach them. The
launcher's settings go to each worker in its environment, and are applied when the worker loads its plugins. If pytest
does not run on the engine, the plugin does nothing.
"""

from __future__ import annotations

import os
import sys

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAME = "MANYHANDS_PYTEST_WORKER"


# This hook exists only if pytest-xdist is installed.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """Called when pytest-xdist is about to start its workers."""
    settings = _settings()
    if settings is not None:
        for spec in specs:
            spec.env[_NAME] = settings


def _settings() -> str | None:
    """The launcher's settings; `None` where the names mean the standard library."""
    std: Any = sys.modules.get("manyhands._std")
    if std is None or not std.aliased:
        return None
    run: Any = sys.modules.get("manyhands._run")
    method = getattr(run, "start_method", None)
    return f"method={method}" if method else "aliased=1"


def _begin() -> None:
    settings = os.environ.pop(_NAME, None)
    if settings is not None:
        from . import _run

        _run.begin(settings)


_begin()
