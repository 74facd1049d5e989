"""The examples, run as a user runs them: each must show its lesson, under plain python and under the launcher.

An example that is about something only the engine has names the engine itself, and runs under plain python, too.
"""

import ast
import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import known

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
LIMIT = 120

#: What has its test elsewhere.
ELSEWHERE = {"index"}
tested = set()


def shows(name, *, needs=None):
    """The test of an example: it is given what the example printed."""
    tested.add(name)

    def decorate(check):
        @pytest.mark.parametrize("launched", [False, True], ids=["plain", "manyhands"])
        def run_and_check(runner, launched):
            if needs is not None and shutil.which(needs) is None:
                pytest.skip(f"{needs} is not on the path")
            options = ("run",) if launched else ()
            done = runner.run(EXAMPLES / f"{name}.py", manyhands=launched, options=options, limit=LIMIT)
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
            check(done.stdout)

        return run_and_check

    return decorate


def lines_after(output, beginning):
    return [line.removeprefix(beginning) for line in output.splitlines() if line.startswith(beginning)]


@shows("downloads")
def test_downloads_at_once_take_as_long_as_the_longest(output):
    each = [float(second) for second in re.search(r"downloads of \((.+?)\) s", output)[1].split(", ")]
    took = {name: float(seconds) for name, seconds in re.findall(r"^([a-z ]+): ([\d.]+) s for", output, re.MULTILINE)}
    assert took["one after another"] >= sum(each)
    assert max(each) <= took["threads"] < 1.3 * max(each)
    assert max(each) <= took["processes"] < 1.3 * max(each)
    in_processes = re.findall(r"in process (\d+)", output)[-3:]
    assert len(set(in_processes)) == 3


@shows("hosts")
def test_two_hosts_share_a_queue_and_a_file(output):
    assert output == ("20 answers, their sum is 2470; counted in the file: 200\nthe hosts ended with 0 and 0\n")


@shows("lost_update")
def test_an_update_is_lost_without_a_lock_and_none_with_it(output):
    without, counted = re.findall(r"lock: (\d+) of 100$", output, re.MULTILINE)
    assert int(without) < 100
    assert int(counted) == 100


@shows("deadlock")
def test_a_deadlock_names_threads_locks_and_places(output):
    lines = output.splitlines()
    gives_up, goes_on = ("Ann", "Bob") if "Ann gives up: " in output else ("Bob", "Ann")
    assert any(line.startswith(f"{gives_up} gives up: ") for line in lines)
    assert all(f'"{name}" waits at ' in output for name in ("Ann", "Bob"))
    assert set(re.findall(r"which \"(\w+)\" took", output)) == {"Ann", "Bob"}
    source = (EXAMPLES / "deadlock.py").read_text().splitlines()
    told = {source[int(line) - 1].strip() for line in re.findall(r"deadlock\.py:(\d+)", output)}
    assert told == known({"brush = threading.Lock()", "ladder = threading.Lock()", "with first:", "with second:"})
    assert f"{goes_on} paints" in lines
    assert lines[-1] == "both went home"


@shows("deadlock_banker")
def test_a_banker_lends_what_he_gets_back(output):
    assert output.splitlines() == [
        "Ann painted 20 rooms, Bob painted 20 rooms, Cem painted 20 rooms",
        "Eve wants the ladder while Dan has a brush: Verdict(safe=True, order=['Dan', 'Eve'], reason='safe')",
        "refused: Fay declares 2 of ladders, and there are 1 in all: declare no more than there are",
    ]


@shows("states")
def test_the_states_of_a_thread(output):
    lines = output.splitlines()
    assert lines[1] in ("while it computes: Running", "while it computes: Ready")
    assert [lines[0], *lines[2:]] == [
        "before start: New",
        "after its end: Dead",
        "while it waits: Blocked on Event",
        "after its end: Dead",
    ]


@shows("deadlock_order")
def test_one_order_of_locks_has_no_deadlock(output):
    assert output == "6000 transfers; each account has 5000 5000 5000\n"


@shows("deadlock_patience")
def test_patience_has_no_deadlock(output):
    [(walls, given_up)] = re.findall(r"^(\d+) walls painted, (\d+) attempts given up$", output)
    assert int(walls) == 100
    assert int(given_up) > 0


@shows("join_and_daemon")
def test_threads_are_joined_or_outlived(output):
    lines = output.splitlines()
    assert lines[:3] == [
        "after a join with a limit the worker is alive: True",
        "worker ends in worker's thread",
        "after a join the worker is alive: False",
    ]
    assert re.match(r"a dead thread is not started again: .*once", lines[3])
    assert lines[4:] == [
        "a call of run ends in MainThread",
        "names: MainThread, dropped",
        "the main thread has nothing more to do",
        "and this thread outlived it",
    ]


@shows("processes_with_threads")
def test_processes_run_threads(output):
    answers = re.findall(r"^order (\d+): (\d+) by (.+) of process (\d+)$", output, re.MULTILINE)
    assert [int(order) for order, *_ in answers] == list(range(12))
    assert all(int(total) == sum(range(int(order) * 1_000)) for order, total, *_ in answers)
    assert len({pid for *_, pid in answers}) == 2
    assert len({thread for _, _, thread, _ in answers}) > 1


@shows("thread_local")
def test_a_local_value_is_the_threads_own(output):
    lines = output.splitlines()
    names = ("Ann", "Bob", "Cem")
    assert sorted(lines[:3]) == [f"{name}'s thread has {name}'s letter, {name}'s bill" for name in names]
    assert lines[3:] == ["the main thread has 0 papers and no clerk"]


@shows("crawler")
def test_a_crawler_finds_every_page_once(output):
    [(pages, different, workers, seconds)] = re.findall(
        r"^(\d+) pages fetched, (\d+) different, (\d+) workers, ([\d.]+) s$", output
    )
    assert pages == different == "60"
    # One after another they would take 60 times 0.1 s.
    assert float(seconds) < 60 * 0.1
    assert int(workers) > 1


@shows("pool_callbacks")
def test_callbacks_do_not_block(output):
    [(waited, areas)] = re.findall(r"^apply: (.+) in ([\d.]+) s$", output, re.MULTILINE)
    [(called, areas_called, failed)] = re.findall(
        r"^apply_async: (.+) in ([\d.]+) s, failed: \[ValueError\((.+)\)\]$", output, re.MULTILINE
    )
    assert waited == called == "[0, 1, 4, 9]"
    assert float(areas) >= 4 * 0.25
    assert float(areas_called) < float(areas)
    assert failed == "'a length of -1'"


@shows("as_completed")
def test_futures_come_in_their_order(output):
    assert lines_after(output, "as completed: ") == [
        "coffee: coffee after 0.1 s",
        "soup: soup after 0.2 s",
        "tea: tea after 0.3 s",
        "nothing: nobody brews nothing",
    ]
    assert lines_after(output, "mapped: ") == ["tea after 0.2 s", "coffee after 0.1 s"]
    assert lines_after(output, "callback: ") == ["cancelled: True"]
    assert lines_after(output, "taken back: ") == ["the second: True, the first, which runs: False"]


@shows("outside_the_gil", needs="cc")
def test_native_code_runs_beside_python(output):
    [(native, python)] = re.findall(r"^C counted to (\d+), Python to (\d+), at the same time$", output, re.MULTILINE)
    assert int(native) > 1_000_000
    assert int(python) > 1_000
    # How many cores that were is told, and depends on what else the machine does.
    assert re.search(r"[\d.]+ cores$", output)


@shows("forked")
def test_a_fork_is_two_processes_with_a_copy_each(output):
    [(child, its_parent)] = re.findall(
        r"^child (\d+) of parent (\d+) has \['from before', 'from the child'\]$", output, re.M
    )
    [(parent, its_child)] = re.findall(
        r"^parent (\d+) of child (\d+) has \['from before'\]; the child's exit code was 7$", output, re.M
    )
    assert (child, parent) == (its_child, its_parent)


@shows("process_pool_map")
def test_a_map_over_processes(output):
    assert re.fullmatch(r"2262 primes below 20000, the last 19997, found by [12] processes\n", output)


@shows("ending_processes")
def test_processes_end_by_themselves_or_are_ended(output):
    assert output.splitlines() == [
        "after a join with a limit: alive True, exit code None",
        "after terminate: alive False, exit code -15",
        "the main process has nothing more to do",
        "a process that nobody joined ends, and the program ended after it",
    ]


@shows("pipe")
def test_two_processes_talk(output):
    assert output.splitlines() == [
        "(84, 2) is answered by 42.0",
        "(1, 0) is answered by ZeroDivisionError('division by zero')",
        "something else to be received: False",
        "the end is closed, and the other process has ended with 0",
    ]


@shows("orderly_end")
def test_a_signal_is_a_wish_and_all_is_finished(output):
    assert output.splitlines() == [
        "SIGTERM: 20 of 20 orders served, exit codes [0, 0]",
        "SIGINT: 20 of 20 orders served, exit codes [0, 0]",
    ]


@shows("which_and_how_many")
def test_what_waits_goes_to_threads_and_the_rest_is_said(output):
    lines = output.splitlines()
    assert lines[:2] == ["what waits goes to: threads, more than one: True", "an addition is too short: True"]
    assert re.fullmatch(r"no processes: the function cannot go to another process: cannot pickle '.+' object", lines[2])
    assert lines[3].startswith("compute: ")
    assert all(candidate in output for candidate in ("a plain loop", "1 thread", "1 process"))
    assert re.search(r"^take (?:a plain loop|\d+ \w+)$", output, re.MULTILINE)


@shows("meeting_points")
def test_who_waits_for_whom(output):
    lines = output.splitlines()
    assert lines[0] == "event: the gate is open: False, runners at the goal: 0"
    assert lines[1] == "barrier: 4 runners stand at the line"
    assert lines[2] == "event: the gate is open: True, runners at the goal: 4"
    assert re.fullmatch(r"semaphore: 20 bathed, at most [1-3] at once", lines[3])
    assert re.fullmatch(r"condition: 100 things in order: True, at most [12] on the shelf", lines[4])


def test_every_example_opens_with_what_it_shows():
    for path in EXAMPLES.glob("*.py"):
        opening = ast.get_docstring(ast.parse(path.read_text()))
        assert opening and len(opening.splitlines()) >= 3, path


def test_every_example_has_its_test():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested | ELSEWHERE


def test_no_example_hides_a_module():
    for path in EXAMPLES.glob("*.py"):
        assert path.stem not in sys.stdlib_module_names, f"{path} would be imported in place of the standard module"
