"""A short storm and a short soak. `make storm-python` and `make soak` take the full measure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def run(*command):
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_storm(method):
    assert f"{method}: " in run(FOLDER / "storm.py", "--kills=100", f"--methods={method}")


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace takes root")
def test_storm_where_numbers_come_back():
    assert "fork: " in run(FOLDER / "storm.py", "--kills=200", "--methods=fork", "--pid-max=400")


def test_soak():
    """It does not tell a leak from warming up in so short a time, but that all its loops work."""
    told = run("-m", "manyhands", "run", FOLDER / "soak.py", "--seconds=15")
    assert "turns; nothing has grown" in told
