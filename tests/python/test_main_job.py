"""The main job, `examples/python/index.py`: its totals are those of a count made one file after the other.

The sequential count here shares no code with the example. Each test runs the example as a program, since that is what
a user does with it: under plain python, under manyhands in every start method, and its twin `examples/rust/index.rs`,
which must come to the same numbers.
"""

import resource
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "examples/python/index.py"
LETTERS = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
LIMIT = 120

RUNNERS = {
    "plain": [sys.executable],
    "fork": [sys.executable, "-m", "manyhands", "--start-method", "fork"],
    "spawn": [sys.executable, "-m", "manyhands", "--start-method", "spawn"],
    "forkserver": [sys.executable, "-m", "manyhands", "--start-method", "forkserver"],
}


def words_of(text):
    """Cuts at every byte that is no letter; a slow and plain reading of what a word is."""
    return bytes(byte if byte in LETTERS else 0x20 for byte in text).lower().split()


def sequential_count(folder):
    found = [path for path in folder.rglob("*.py") if path.is_file()]
    sources = [path for path in found if "site-packages" not in path.parts]
    texts = [path.read_bytes() for path in sources]
    words = Counter(word for text in texts for word in words_of(text))
    commonest = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:20]
    lines = [f"{times:9} {word.decode()}" for word, times in commonest]
    size = sum(map(len, texts))
    lines.append(f"{len(texts)} files, {size} bytes, {words.total()} words, {len(words)} different")
    lines.append(f"running total {words.total()}")
    return lines


@pytest.fixture
def sources(tmp_path):
    """A small tree with what a walk can trip over: sub-folders, an empty file, bytes that are no text, other files."""
    for number in range(60):
        folder = tmp_path / f"package_{number % 7}" / "inner"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"module_{number}.py").write_text(f"def word_{'x' * (number % 25)}(Self):\n    return 'it is'\n")
    (tmp_path / "empty.py").write_bytes(b"")
    (tmp_path / "bytes.py").write_bytes(bytes(range(256)) * 3)
    (tmp_path / "notes.txt").write_text("not counted")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "other.py").write_text("not counted either")
    return tmp_path


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_totals_are_those_of_a_sequential_count(runner, sources):
    run = subprocess.run([*RUNNERS[runner], INDEX, sources], capture_output=True, text=True, timeout=LIMIT)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == sequential_count(sources)


def in_one_gigabyte():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


@pytest.mark.parametrize("runner", [runner for runner in RUNNERS if runner != "plain"])
def test_one_gigabyte_of_address_space_is_enough_for_all_of_the_standard_library(runner):
    runs = {
        name: subprocess.run(
            [*RUNNERS[name], INDEX], capture_output=True, text=True, timeout=LIMIT, preexec_fn=in_one_gigabyte
        )
        for name in ("plain", runner)
    }
    assert runs[runner].returncode == 0, runs[runner].stderr
    assert runs[runner].stdout == runs["plain"].stdout


@pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust's build tool is not on the path")
def test_the_example_in_rust_comes_to_the_same_numbers(sources):
    command = ["cargo", "run", "--quiet", "--locked", "-p", "manyhands", "--example", "index", "--", sources]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == sequential_count(sources)
