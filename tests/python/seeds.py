"""The programs that started it all: where they stand, and what a run of one came to."""

import re
from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
needs_seeds = pytest.mark.skipif(not SEEDS.is_dir(), reason=f"the notes' programs are not at {SEEDS}")

STAT = re.compile(r"^([a-z ]+): (\d+)$", re.MULTILINE)
OUTDATED = re.compile(r"^.+:\d+: DeprecationWarning: .+\n(?:  .+\n)?", re.MULTILINE)


def told(errors):
    """What a program wrote to standard error, and the statistics that the launcher wrote behind it.

    Warnings that the program uses what is outdated are the program's own affair.
    """
    errors, _, stats = errors.partition("manyhands: what the engine did\n")
    return OUTDATED.sub("", errors).strip(), {name: int(count) for name, count in STAT.findall(stats)}


def downloads(output):
    """The seconds that each download took, and the total, which alone has decimal places.

    In a notebook what a child writes may come after what its parent wrote later.
    """
    total = re.findall(r"(\d+\.\d+) seconds", output, re.IGNORECASE)
    assert len(total) == 1, output
    each = re.findall(r"(?<![\d.])(\d+) seconds", output, re.IGNORECASE)
    return [int(one) for one in each], float(total[0])


def took_as_long_as_the_longer(output, to_begin=1):
    """Checks two downloads that went on at once; they may take so many seconds to begin."""
    each, total = downloads(output)
    assert len(each) == 2, output
    # One after another they would take both together, at least; so much is left to a machine that does other things.
    assert max(each) <= total < max(each) + max(min(each), to_begin), output
