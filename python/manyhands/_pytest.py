"""A pytest plugin: where pytest runs on the engine, so do the workers that pytest-xdist starts.

They are interpreters of their own, started in a way of their own, so the launcher does not reach them. What it was
asked for goes to each in its environment and is put in force when the worker loads its plugins. Does nothing otherwise.
"""

from __future__ import annotations

import os
import sys

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAME = "MANYHANDS_PYTEST_WORKER"


# A hook that is there only where pytest-xdist is.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """pytest-xdist is about to start its workers."""
    settings = _settings()
    if settings is not None:
        for spec in specs:
            spec.env[_NAME] = settings


def _settings() -> str | None:
    """What the launcher was asked for; `None` where the names mean the standard library."""
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
