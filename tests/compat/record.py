"""A pytest plugin that writes down each test's outcome at once: a run that is ended half-way tells what it did.

The file named by COMPAT_RECORD gets a line for each test that begins and one for each that has ended. The plugin is
copied into the environment of the library under the name `compat_record`; it changes nothing in the tests.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest

RECORD = os.environ.pop("COMPAT_RECORD", "")
PID = os.getpid()


def tell(word: str, test: str) -> None:
    # Forked children of a test that run on into pytest's own code must not speak for it.
    if RECORD and os.getpid() == PID:
        with open(RECORD, "a", encoding="utf-8") as file:
            file.write(f"{word}\t{test}\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    tell("began", item.nodeid)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        tell("failed", report.nodeid)
    elif report.skipped:
        tell("skipped", report.nodeid)
    elif report.when == "call":
        tell("passed", report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        tell("failed", f"collection of {report.nodeid}")
