"""A worker is killed, or answers with what cannot be read: at most that one call fails, and nothing is left behind.

The comparison with a run in which nothing goes wrong allows two seconds, which is what is promised; the kills are real.
"""

import sysconfig
from pathlib import Path

import pytest

from . import side_by_side

SOURCES = Path(sysconfig.get_path("stdlib")) / "json"
OURS = side_by_side.LAUNCHERS["manyhands"]
LIMIT = 60


@pytest.fixture(scope="module")
def undisturbed():
    return side_by_side.run(OURS, "nothing", 0, SOURCES, LIMIT)


def test_nothing_goes_wrong(undisturbed):
    assert undisturbed.record is not None, undisturbed.errors
    assert undisturbed.record["failed"] == []
    assert undisturbed.left_behind == 0


@pytest.mark.parametrize(("what", "retries"), side_by_side.CASES[1:])
def test_at_most_one_call_fails(undisturbed, what, retries):
    outcome = side_by_side.run(OURS, what, retries, SOURCES, LIMIT)
    record = outcome.record
    assert record is not None, outcome.errors
    assert outcome.left_behind == 0
    assert outcome.seconds < undisturbed.seconds + 2
    if what == "idle" or retries:
        assert record["failed"] == []
    else:
        [[name, kind, message]] = record["failed"]
        assert name, "the file of the call that failed"
        if what == "busy":
            assert kind == "WorkerDied"
            assert "SIGKILL" in message
            assert str(record["victim"]) in message
            assert "count" in message
        else:
            assert "Stubborn" in kind + message
    if record["victim"] is not None:
        assert record["replaced"] == 1
