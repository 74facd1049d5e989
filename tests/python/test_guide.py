"""The programs of the guide, run as a reader runs them: each prints what stands below it."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PROGRAM = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)

CASES = [
    pytest.param(program, output, id=f"{chapter.stem}-{number}")
    for chapter in sorted(GUIDE.glob("*.md"))
    for number, (program, output) in enumerate(PROGRAM.findall(chapter.read_text()), 1)
]


@pytest.mark.parametrize(("program", "output"), CASES)
def test_a_program_prints_what_the_guide_says(runner, program, output):
    done = runner.run(runner.write(program), manyhands=False)
    assert (done.stdout, done.stderr, done.returncode) == (output, "", 0)


def test_every_program_of_the_guide_is_run():
    blocks = sum(chapter.read_text().count("```python\n") for chapter in GUIDE.glob("*.md"))
    assert len(CASES) == blocks
    assert blocks >= 8
