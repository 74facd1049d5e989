"""A program to which orphans fall: the first process of a container, or one that has asked for them.

It sees no children but those that it would have under the standard library, so a loop that waits for all of them ends,
and nothing is left unreaped, whatever helper of the engine is killed.
"""

import shutil
import subprocess
import sys

import pytest
from conftest import LIMIT

PROGRAM = """
import ctypes, os, signal, sys, time
from manyhands import multiprocessing

SUBREAPER = 36

def square(x):
    return x * x

def processes():
    '''Name, state and parent of each process that is below this one, or of this namespace.'''
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                line = file.read()
        except OSError:
            continue
        state, parent = line.rpartition(")")[2].split()[:2]
        found[int(entry)] = (line[line.index("(") + 1 : line.rindex(")")], state, int(parent))
    return found

def children():
    return {pid: (name, state) for pid, (name, state, parent) in processes().items() if parent == os.getpid()}

def eventually(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, (condition, processes())
        time.sleep(0.005)

def reaper():
    found = [pid for pid, (name, state) in children().items() if name == "mh-reaper" and state != "Z"]
    return found[0] if len(found) == 1 else None

def wait_for_all():
    '''What a first process does: takes the status of every child until there is none.'''
    taken = []
    while True:
        try:
            taken.append(os.wait()[0])
        except ChildProcessError:
            return taken

def end_helpers(method, what):
    '''Those of the standard library's making too: its tracker, its fork server. They are the only children left.'''
    left = [pid for pid, (name, _) in children().items() if name != "mh-reaper"]
    assert not left or method != "fork", children()
    # What they have not reaped yet would fall to this process.
    eventually(lambda: not any(parent in left for _, _, parent in processes().values()))
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    taken = wait_for_all()
    # One that a helper has made in the place of a killed one has fallen to this process; it ends when it is the last.
    fallen = set(taken) - set(left)
    assert len(fallen) <= (what in ("unnoticed", "reaper")), (taken, left)
    assert set(left) <= set(taken), (taken, left)
    if what == "unnoticed":
        # The killed one was hidden, and nobody but the engine can reap it: at its next start.
        ctx = multiprocessing.get_context("fork")
        eventually(lambda: use(ctx) or not any(line[1] == "Z" for line in children().values()))
    zombies = [line for line in children().items() if line[1][1] == "Z"]
    assert not zombies, zombies

def use(ctx):
    process = ctx.Process(target=square, args=(3,))
    process.start()
    process.join()
    assert process.exitcode == 0
    with ctx.Pool(2) as pool:
        assert pool.map(square, range(4)) == [0, 1, 4, 9]
        pool.close()
        pool.join()

def main(method, how, what):
    if how == "subreaper":
        assert ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0) == 0
    else:
        assert os.getpid() == 1
    ctx = multiprocessing.get_context(method)
    use(ctx)
    eventually(reaper)
    if what == "reaper":
        # Killed while something is started through a supervisor, or by this process, and while nothing is.
        for _ in range(3):
            killed = reaper()
            os.kill(killed, signal.SIGKILL)
            use(ctx)
            eventually(lambda: reaper() not in (None, killed))
            # Reaped as the program goes on.
            eventually(lambda: use(ctx) or killed not in children())
    elif what == "unnoticed":
        # By this process, which does nothing from here on; a helper makes another one.
        killed = reaper()
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: reaper() not in (None, killed))
    elif what == "supervisor":
        with ctx.Pool(3) as pool:
            pool.map(square, range(10), 1)
            workers = [worker.pid for worker in pool._pool]
            supervisor = processes()[workers[0]][2]
            os.kill(supervisor, signal.SIGKILL)
            # The workers are this process's children by now.
            eventually(lambda: set(workers) <= set(children()))
            before = set(children())
            # The supervisor that takes the place knows them.
            eventually(lambda: pool.apply(square, (3,)) == 9 and set(children()) - before)
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            eventually(lambda: pool.apply(square, (3,)) == 9 and len(pool._pool) == 3)
            pool.close()
            pool.join()
        use(ctx)
    end_helpers(method, what)
    # Once more, with new helpers.
    if method == "fork":
        use(ctx)
        end_helpers(method, what)
    print("no child left", flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)
"""

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def has_namespaces():
    return shutil.which("unshare") and not subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode


@pytest.mark.parametrize("what", ["nothing", "reaper", "unnoticed", "supervisor"])
@pytest.mark.parametrize("how", ["first", "subreaper"])
def test_it_sees_its_own_children_only_and_none_is_left(runner, method, how, what):
    if what == "unnoticed" and method == "fork":
        pytest.skip("there is no helper that could notice")
    if how == "first" and not has_namespaces():
        pytest.skip("needs the right to make a pid namespace (root, and a kernel that has them)")
    program = runner.write(PROGRAM)
    done = subprocess.run(
        [*(NAMESPACE if how == "first" else []), sys.executable, str(program), method, how, what],
        cwd=runner.folder, env=runner.environment(), capture_output=True, text=True, timeout=2 * LIMIT,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "no child left\n", "")
