"""Type checkers on programs that use the package: nothing wrong where all is right, and each wrong call found.

The programs stand in tests/typing. A wrong call is one that the checkers find in a program on the standard library.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parents[1] / "typing"


def mypy(path):
    pytest.importorskip("mypy")
    return [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null", path]


def pyright(path):
    pytest.importorskip("pyright")
    return [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, path]


@pytest.fixture(params=[mypy, pyright])
def lines_with_errors(request, tmp_path):
    """Which lines of a program a checker objects to."""

    def check(name):
        # Away from the project and its settings.
        path = tmp_path / name
        path.write_text((PROGRAMS / name).read_text())
        done = subprocess.run(request.param(str(path)), cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode in (0, 1), (done.stdout, done.stderr)
        return {int(line) for line in re.findall(rf"{name}:(\d+).*error", done.stdout)}

    return check


def test_a_right_program(lines_with_errors):
    assert lines_with_errors("program.py") == set()


def test_the_right_program_runs():
    done = subprocess.run([sys.executable, PROGRAMS / "program.py"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "child"


def test_wrong_calls(lines_with_errors):
    lines = (PROGRAMS / "wrong_calls.py").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) > 40
    assert lines_with_errors("wrong_calls.py") == wrong
