"""The programs that started it all, unmodified under the launcher: those that start processes.

They stand in `shared/seeds` beside the project, and the tests skip where that is not. Each program runs under each
start method; the counts of `--stats` must be those of the program. Those with threads: `test_seeds_threads`.
"""

import re
import signal

import pytest
from conftest import METHODS, eventually
from seeds import SEEDS, needs_seeds, told, took_as_long_as_the_longer

pytestmark = needs_seeds


@pytest.fixture(autouse=True)
def whole_lines(monkeypatch):
    """Without it a program's children write each line in two pieces, and these mingle."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.fixture
def run(runner, method):
    """Runs a seed and returns its exit code, its output, its errors without the statistics, and these."""

    def run(name, **more):
        done = runner.run("run", "--stats", "--start-method", method, SEEDS / f"{name}.py", **more)
        return done.returncode, done.stdout, *told(done.stderr)

    return run


@pytest.mark.parametrize("name", ["1_process_downloads", "2_process_downloads"])
def test_two_downloads_take_as_long_as_the_longer_one(run, name):
    code, output, errors, stats = run(name)
    assert (code, errors) == (0, "")
    took_as_long_as_the_longer(output)
    assert len(set(re.findall(r"\[(\d+)\]", output))) == 2
    assert stats["processes started"] == 2


def test_a_subclass_tells_its_parent(run):
    code, output, errors, stats = run("4_process_subclass")
    assert (code, errors) == (0, "")
    [parent] = set(re.findall(r"^FatherProcess\((\d+)\)", output, re.MULTILINE))
    children = re.findall(r"^SubProcess\((\d+)\), FatherProcess\((\d+)\)", output, re.MULTILINE)
    assert len(children) == 20
    assert {father for _, father in children} == {parent}
    assert len({child for child, _ in children}) == 2
    assert "Task finished" in output.splitlines()
    assert stats["processes started"] == 2


def test_a_missing_argument_is_a_type_error(run):
    code, output, errors, stats = run("3_process_subclass_run")
    assert code == 1
    assert output == ""
    assert errors.splitlines()[-1].startswith("TypeError: MyNewProcess.__init__() missing 1 required")
    assert errors.count("Traceback") == 1
    assert stats["processes started"] == 0


def test_fork_tells_both_their_pids(run):
    code, output, errors, _ = run("4_fork")
    assert (code, errors) == (0, "")
    # The line stood in a buffer that the fork copied.
    [parent] = set(re.findall(r"FathreProcess\((\d+)\)", output))
    [(child, father)] = re.findall(r"with ID (\d+), FatherProcess is (\d+)", output)
    assert re.findall(r"SubProcess ID is (\d+)", output) == [child]
    # The child may look for its parent after that has ended.
    assert father == parent or int(father) == 1
    assert child != parent


def test_a_bounded_queue(run):
    code, output, errors, stats = run("3_queue_bounded")
    assert (code, output, errors) == (0, "", "")
    assert stats["messages"] == 1


def test_what_was_got_was_put_in_order(run):
    code, output, errors, stats = run("3_queue_producer_consumer")
    assert (code, errors) == (0, "")
    put = re.findall(r"Put (\w) in queue", output)
    got = re.findall(r"Get (\w) from queue\.", output)
    assert put == ["A", "B", "C"]
    assert put[: len(got)] == got
    assert stats["processes started"] == 2
    assert stats["messages"] == 3


UNGUARDED = ["3_process_forever", "3_process_pool", "3_pool_callback", "3_manager_queue"]


@pytest.mark.parametrize("name", UNGUARDED)
@pytest.mark.parametrize("method", [method for method in METHODS if method != "fork"])
def test_a_missing_main_guard_is_told_once(run, name):
    # It takes less than a second. More time is for a machine that does other things.
    code, _output, errors, _ = run(name, limit=15)
    assert code not in (0, None)
    program = f"{name}.py"
    assert errors.count("__name__ == ") == 1, errors
    assert re.search(rf"{re.escape(program)}.{{1,20}}\b\d+\b", errors), errors
    assert errors.count("Traceback") <= 1, errors
    assert len(errors.splitlines()) < 18, errors


def test_a_managers_queue(runner):
    done = runner.run("run", "--stats", "--start-method", "fork", SEEDS / "3_manager_queue.py")
    errors, stats = told(done.stderr)
    assert (done.returncode, done.stdout, errors) == (0, "", "")
    assert stats["processes started"] == 1


QUEUE_FOR_WORKERS = """
import runpy, sys
from multiprocessing import Pool
q = runpy.run_path(sys.argv[1])["q"]
def put(queue, number): queue.put(number)
with Pool(2) as pool:
    pool.starmap(put, [(q, number) for number in range(3)])
print(sorted(q.get() for _ in range(3)))
"""


def test_a_managers_queue_goes_to_workers_as_an_argument(runner):
    runner.write(QUEUE_FOR_WORKERS)
    done = runner.run("--start-method", "fork", "program.py", SEEDS / "3_manager_queue.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 1, 2]\n", "")


def test_a_pool_answers(runner):
    done = runner.run("run", "--stats", "--start-method", "fork", SEEDS / "3_process_pool.py")
    errors, stats = told(done.stderr)
    assert (done.returncode, errors) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["hello", "hello working"]
    assert stats["calls"] == 1
    assert stats["processes started"] >= 3


def test_a_callback_runs_in_the_parent(runner):
    done = runner.run("run", "--stats", "--start-method", "fork", SEEDS / "3_pool_callback.py")
    errors, stats = told(done.stderr)
    assert (done.returncode, errors) == (0, "")
    [main] = re.findall(r"Mian Process-pid=(\d+)", done.stdout)
    # Its parent is the pool's template.
    [(worker, parent)] = re.findall(r"Process pid=(\d+), ppid=(\d+)", done.stdout)
    assert main not in (worker, parent)
    assert f"---callback func -- pid = {main}" in done.stdout
    assert "---callback func--args=hahahaha" in done.stdout
    assert stats["calls"] == 1


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_process_runs_until_it_is_ended(runner, by):
    running = runner.start("run", "--stats", "--start-method", "fork", SEEDS / "3_process_forever.py")
    # The launcher, the process it started, and the reaper.
    eventually(lambda: len(runner.left_behind()) >= 3)
    running.send_signal(by)
    running.communicate(timeout=60)
    assert running.returncode == -by
