"""The programs that started it all, unmodified under the launcher: those that start threads; and the engine did it.

They stand in `shared/seeds` beside the project, and the tests skip where that is not. Each runs under each start
method, though it starts no process.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import METHODS, eventually, known
from seeds import SEEDS, needs_seeds, told, took_as_long_as_the_longer

pytestmark = needs_seeds


@pytest.fixture(autouse=True)
def whole_lines(monkeypatch):
    """Without it a program's threads write each line in two pieces, and these mingle."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.fixture
def run(runner, method):
    """Runs a seed that is to end well; returns its output and the statistics."""

    def run(name, code=0):
        done = runner.run("run", "--stats", "--start-method", method, SEEDS / f"{name}.py")
        errors, stats = told(done.stderr)
        assert done.returncode == code, errors
        if code == 0:
            assert errors == ""
            return done.stdout, stats
        return errors, stats

    return run


DOWNLOADS = [
    "0_thread_downloads",
    "0_thread_subclass_downloads",
    "1_thread_subclass_downloads",
    "2_thread_downloads",
    "2_thread_subclass_downloads",
]


def test_two_downloads_take_as_long_as_the_longer_one(runner):
    # All at once, since they sleep.
    running = {
        (name, method): runner.start("run", "--stats", "--start-method", method, SEEDS / f"{name}.py")
        for name in DOWNLOADS
        for method in METHODS
    }
    for name, program in running.items():
        output, errors = program.communicate(timeout=60)
        errors, stats = told(errors)
        assert (program.returncode, errors) == (0, ""), name
        took_as_long_as_the_longer(output)
        assert stats["threads started"] == 2, name


@pytest.mark.parametrize("name", ["0_account_with_lock", "1_account_with_lock", "2_account_with_lock"])
def test_an_account_with_a_lock_is_exact(run, name):
    output, stats = run(name)
    assert re.findall(r"\d+", output) == ["100"]
    assert stats["threads started"] == 100
    assert stats["lock waits"] > 0


def test_without_a_lock_updates_are_lost(run):
    output, stats = run("1_account_lost_update")
    [total] = re.findall(r"\d+", output)
    assert 0 < int(total) < 100
    assert stats["threads started"] == 100


def test_a_class_that_uses_itself_in_its_body(run):
    errors, stats = run("3_thread_subclass", code=1)
    assert errors.splitlines()[-1].startswith("NameError: name 'MyThread' is not defined")
    assert stats["threads started"] == 0


def test_five_threads(run):
    begun = time.monotonic()
    output, stats = run("3_threads")
    assert output.splitlines() == ["---test---"] * 5
    assert time.monotonic() - begun >= 1
    assert stats["threads started"] == 5


def test_a_counter_with_a_lock_is_exact(run):
    output, stats = run("3_mutex_counter")
    assert max(int(number) for number in re.findall(r"g_num=(\d+)", output)) == 200_000
    assert stats["threads started"] == 2


def test_functions_that_could_deadlock_and_are_not_called(run):
    output, stats = run("3_deadlock")
    assert output == ""
    assert stats["threads started"] == 0


#: Starts the two functions of the seed, each with a pause between its two locks that ends when both have their first.
STARTED = """
import threading
path = {path!r}
both_have_one = threading.Barrier(2)
source = open(path).read()
for line in ("num_1 += 1", "num_2 += 1"):
    assert source.count(line) == 1
    source = source.replace(line, line + "; both_have_one.wait()")
exec(compile(source, path, "exec"))
for name, function in (("the first", test1), ("the second", test2)):
    threading.Thread(target=function, name=name).start()
"""


def test_they_deadlock_when_they_are(runner, method):
    seed = SEEDS / "3_deadlock.py"
    program = runner.write(STARTED.format(path=str(seed)))
    done = runner.run("run", "--stats", "--start-method", method, program)
    errors, stats = told(done.stderr)
    assert stats["threads started"] == 2
    [message] = re.findall(r"DeadlockError: ((?:.+\n?)+)", errors)[:1]
    for thread in ("the first", "the second"):
        assert thread in message, errors
    # Both are told by where they were made, each with where it was taken and where it is wanted.
    places = {int(line) for line in re.findall(r"3_deadlock\.py:(\d+)", message)}
    lines = seed.read_text().splitlines()
    taken = {number for number, line in enumerate(lines, 1) if ".acquire()" in line}
    made = {number for number, line in enumerate(lines, 1) if "= Lock()" in line}
    assert len(taken) == 4 and len(made) == 2
    assert known(taken) <= places, errors
    assert known(made) <= places or ("mutex1" in message and "mutex2" in message), errors


@pytest.mark.parametrize(
    ("by", "method"), [(signal.SIGINT, "fork"), (signal.SIGTERM, "spawn"), (signal.SIGTERM, "forkserver")]
)
def test_producers_and_consumers_run_until_they_are_ended(runner, method, monkeypatch, by):
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    running = runner.start("run", "--stats", "--start-method", method, SEEDS / "3_producers_consumers_threads.py")
    seen = {"生成产品": False, "消费了 ": False}
    while not all(seen.values()):
        line = running.stdout.readline()
        assert line, running.stderr.read()
        for words in seen:
            seen[words] = seen[words] or words in line
    assert running.poll() is None
    running.send_signal(by)
    _, errors = running.communicate(timeout=60)
    assert running.returncode != 0 or by == signal.SIGINT
    _, stats = told(errors)
    if stats:
        assert stats["threads started"] == 7
        assert stats["messages"] >= 500


def test_each_thread_has_its_own_value(run):
    output, stats = run("3_thread_local")
    assert sorted(output.splitlines()) == ["Hello, dongGe (in Thread-A)", "Hello, 老王 (in Thread-B)"]
    assert stats["threads started"] == 2


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cores_used(pids, seconds=2.0):
    """Processor time of some processes over wall time."""
    begun, before = time.monotonic(), sum(map(processor_seconds, pids))
    time.sleep(seconds)
    return (sum(map(processor_seconds, pids)) - before) / (time.monotonic() - begun)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two threads at once need two cores")
@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not on the path")
def test_native_code_runs_beside_python(runner, method):
    source = runner.write("volatile int on = 1;\nvoid DeadLoop(void) { while (on); }\n", "deadloop.c")
    library = runner.folder / "libdeadloop.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    endless = [sys.executable, "-c", "while True: pass"]
    for _ in range(5):
        # What two processes get now is what two threads can.
        loops = [subprocess.Popen(endless) for _ in range(2)]
        could = cores_used([loop.pid for loop in loops])
        for loop in loops:
            loop.kill()
            loop.wait()
        running = runner.start("run", "--start-method", method, SEEDS / "3_gil_ctypes.py")
        eventually(lambda pid=running.pid: len(os.listdir(f"/proc/{pid}/task")) >= 2)
        used = cores_used([running.pid])
        running.terminate()
        running.communicate(timeout=60)
        assert running.returncode == -signal.SIGTERM
        if used >= 0.9 * could:
            break
    assert used >= 0.9 * could, f"{used:.2f} cores used, where two processes had {could:.2f}"


def names(output):
    return [line.rpartition(" ")[0] for line in output.splitlines()]


@pytest.mark.parametrize(("name", "suffix"), [("4_create_threads", " (action)"), ("4_thread_subclass", "")])
def test_names_of_threads(run, name, suffix):
    output, stats = run(name)
    counted = names(output)
    assert counted.count("MainThread") == 10
    times = 10 if suffix else 5
    for number in (1, 2):
        assert counted.count(f"Thread-{number}{suffix}") == times
    assert stats["threads started"] == 2


def test_run_called_directly_starts_nothing(run):
    output, stats = run("4_run_called_directly")
    assert names(output) == ["MainThread"] * 20
    assert stats["threads started"] == 0


def test_a_thread_that_is_never_started(run):
    output, stats = run("4_dead_thread")
    assert output.splitlines() == [f"MainThread {number}" for number in range(20)]
    assert stats["threads started"] == 0


def test_join(run):
    output, stats = run("4_join")
    lines = output.splitlines()
    between = lines[lines.index("MainThread 1") : lines.index("MainThread 2")]
    joined = [line for line in between if line.startswith("Joined Thread")]
    assert joined == [f"Joined Thread {number}" for number in range(10)]
    assert sum(line.startswith("New Thread") for line in lines) == 10
    assert stats["threads started"] == 2


def test_threads_that_are_made_count(run):
    output, stats = run("4_sleep")
    lines = output.splitlines()
    assert [line for line in lines if line.startswith("Thread")] == [f"Thread-3 (action) {n}" for n in range(5)]
    assert sum(line.startswith("MainThread") for line in lines) == 5
    assert stats["threads started"] == 1


def test_a_race(run):
    # It takes two threads to meet within a millisecond.
    for _ in range(10):
        output, stats = run("4_account_race")
        assert stats["threads started"] == 2
        if "Balance is : -600" in output:
            break
    assert "Balance is : -600" in output
    assert output.count("withdraw successful") == 2


def test_a_race_with_a_lock_has_one_winner(run):
    output, stats = run("4_account_rlock")
    assert output.count("withdraw successful") == 1
    assert output.count("withdraw failed! insufficient balance!") == 1
    assert "Balance is : 200" in output
    assert stats["threads started"] == 2


@pytest.mark.parametrize(
    ("name", "answers", "calls"),
    [
        ("4_thread_pool", ["45", "190"], 2),
        ("4_thread_pool_callbacks", ["45", "190"], 2),
        ("4_thread_pool_map", ["10", "45", "105"], 3),
    ],
)
def test_thread_pools(run, name, answers, calls):
    output, stats = run(name)
    lines = output.splitlines()
    told = [line for line in lines if line.isdigit()]
    assert (told if calls == 3 else sorted(told, key=int)) == answers
    workers = {line.split()[0] for line in lines if line.startswith("ThreadPoolExecutor")}
    assert workers and workers <= {f"ThreadPoolExecutor-0_{number}" for number in range(calls)}
    assert "True" in lines or name != "4_thread_pool"
    assert stats["calls"] == calls
    # A thread may have been started and another one have run its call.
    assert len(workers) <= stats["threads started"] <= calls
