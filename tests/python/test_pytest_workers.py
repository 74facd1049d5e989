"""Tests that run on the engine, in the workers of pytest-xdist."""

import sys

import pytest

pytest.importorskip("xdist")

TESTS = """
import multiprocessing
import os
import threading

import pytest

def double(number):
    return number * 2

@pytest.mark.parametrize("number", range(4))
def test_where(number):
    assert os.environ["PYTEST_XDIST_WORKER"]
    assert multiprocessing.__name__ == "manyhands.multiprocessing"
    assert any(base.__module__.startswith("manyhands") for base in threading.Event.__mro__)
    assert multiprocessing.get_start_method() == os.environ["EXPECTED_METHOD"]
    with multiprocessing.Pool(1) as pool:
        assert pool.map(double, [number]) == [number * 2]
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_they_run_on_the_engine(runner, method):
    runner.write(TESTS, "test_inner.py")
    inner = ["-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "test_inner.py"]
    done = runner.run(*inner, options=["run", "--start-method", method], environment={"EXPECTED_METHOD": method})
    assert "4 passed" in done.stdout, (done.stdout, done.stderr)


def test_elsewhere_they_have_the_standard_library(runner):
    runner.write(
        "def test_plain():\n    import threading\n    assert threading.__name__ == 'threading'\n", "test_inner.py"
    )
    done = runner.run("-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", "test_inner.py", manyhands=False)
    assert "1 passed" in done.stdout, (done.stdout, done.stderr)
    assert sys.modules["threading"].__name__ == "threading"


def test_pytest_is_content_with_what_the_launcher_has_loaded(runner):
    runner.write(
        "import pytest\n\ndef test_marked():\n    pytest.register_assert_rewrite('manyhands')\n", "test_inner.py"
    )
    strict = ["-W", "error::pytest.PytestAssertRewriteWarning"]
    done = runner.run("-m", "pytest", "-q", *strict, "-p", "no:cacheprovider", "test_inner.py")
    assert "1 passed" in done.stdout, (done.stdout, done.stderr)
