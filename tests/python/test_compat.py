"""The script behind `make compat`: what it reads, and what it makes of a run. The run itself needs the network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "compat"


@pytest.fixture
def compat(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("run", "sides"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import run
    import sides

    monkeypatch.setattr(sides, "WORK", tmp_path)
    yield run
    for name in ("run", "sides"):
        sys.modules.pop(name, None)


def test_the_lists_are_whole(compat):
    libraries = compat.read_libraries()
    assert all(library.version and library.tests for library in libraries.values())
    packages = [package for package, _ in compat.read_packages()]
    assert len(packages) >= 100 and len(set(packages)) == len(packages)


def test_a_record_tells_of_a_test_that_did_not_end(compat, tmp_path):
    record = tmp_path / "record"
    record.write_text("began\ta\npassed\ta\nbegan\tb\npassed\tb\nfailed\tb\nbegan\tc\n", "utf-8")
    found = compat.outcomes(record)
    assert found == {"a": "passed", "b": "failed", "c": "unfinished"}
    assert compat.differing({"a": "passed", "b": "failed", "c": "passed", "d": "passed"}, found) == ["c", "d"]


def test_nothing_outlives_a_run(tmp_path):
    """A process that left the group and whose parent has ended is found all the same, and a time that is over, too."""
    leaver = (
        "import os, signal\n"
        "reader, writer = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    print(os.getpid(), flush=True)\n"
        "    os.write(writer, b'.')\n"
        "    signal.pause()\n"
        "os.read(reader, 1)\n"
    )
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import sides\n"
        "sides.WORK = pathlib.Path(sys.argv[2]); sides.adopt_orphans()\n"
        "left = sides.run([sys.executable, '-c', sys.argv[3]], sides.WORK, 60)\n"
        "late = sides.run([sys.executable, '-c', 'import signal; signal.pause()'], sides.WORK, 0.01)\n"
        "print(left.code, left.output.strip(), late.code, len(sides.own_children()))\n"
    )
    command = [sys.executable, "-c", script, str(FOLDER), str(tmp_path), leaver]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    code, pid, late, children = done.stdout.split()
    assert (code, late, children) == ("0", "None", "0")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
