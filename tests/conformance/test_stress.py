"""The stress program, for as long as `MANYHANDS_STRESS_SECONDS` says: ten minutes are the full measure."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("stress.py")
SECONDS = float(os.environ.get("MANYHANDS_STRESS_SECONDS", "5"))


def test_nothing_hangs_and_no_deadlock_is_told():
    run = subprocess.run([sys.executable, PROGRAM, str(SECONDS)], capture_output=True, text=True, timeout=SECONDS + 120)
    assert (run.returncode, run.stderr) == (0, "")
    assert " operations in " in run.stdout
