"""Runs `program.py` under the standard library and manyhands, with the same things going wrong, and prints a table.

    python side_by_side.py [--limit SECONDS] [DIR]

Each run is a process group of its own, and is ended with all that is left of it when the limit comes. A process that
is left behind is one which carries the run's mark in its environment after the program has ended.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from observed import carrying

PROGRAM = Path(__file__).with_name("program.py")
MARK = "MANYHANDS_CRASH_RUN"
LAUNCHERS = {
    "standard library": [sys.executable],
    "manyhands": [sys.executable, "-m", "manyhands"],
}
CASES = [("nothing", 0), ("busy", 0), ("busy", 1), ("idle", 0), ("exception", 0)]


@dataclass
class Outcome:
    """What became of one run; `record` is None when the program did not come to its end."""

    seconds: float
    code: int | None
    record: dict | None
    errors: str
    left_behind: int

    def __str__(self):
        if self.code is None:
            return f"hangs (stopped after {self.seconds:.0f} s)"
        if self.record is None:
            return f"exit code {self.code}, no result"
        failed = "; ".join(f"{kind}: {message}" for _, kind, message in self.record["failed"])
        said = f"{self.record['answered']} of {self.record['files']} answered in {self.record['seconds']:.2f} s"
        return f"{said}; {failed}" if failed else said


def run(launcher, what, retries, sources, limit):
    """One run of the program; nothing of it is left when this returns."""
    mark = uuid.uuid4().hex
    begun = time.monotonic()
    process = subprocess.Popen(
        [*launcher, str(PROGRAM), what, str(retries), str(sources)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, MARK: mark},
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        for pid in carrying(MARK, mark):
            os.kill(pid, signal.SIGKILL)
        output, errors = process.communicate()
        code = None
    seconds = time.monotonic() - begun
    patience = time.monotonic() + 2
    while (left := carrying(MARK, mark)) and time.monotonic() < patience:
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    lines = output.splitlines()
    record = json.loads(lines[-1]) if code == 0 and lines else None
    return Outcome(seconds, code, record, errors, len(left))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=float, default=30)
    parser.add_argument("folder", nargs="?", default=sysconfig.get_path("stdlib"))
    options = parser.parse_args()
    print("| what goes wrong | standard library | manyhands | left behind |")
    print("|---|---|---|---|")
    for what, retries in CASES:
        outcomes = []
        for name, launcher in LAUNCHERS.items():
            if retries and name == "standard library":
                outcomes.append(None)
            else:
                outcomes.append(run(launcher, what, retries, options.folder, options.limit))
        cells = ["cannot be asked for" if outcome is None else str(outcome) for outcome in outcomes]
        left = " / ".join("-" if outcome is None else str(outcome.left_behind) for outcome in outcomes)
        label = f"{what}, retries={retries}" if retries else what
        print(f"| {label} | {' | '.join(cells)} | {left} |")


if __name__ == "__main__":
    main()
