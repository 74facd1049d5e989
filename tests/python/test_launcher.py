"""The launcher: a program sees what it would see under plain python, except whose multiprocessing it gets.

Each program runs twice, under plain python and under manyhands, and both runs must agree to the letter: output,
tracebacks, exit code.
"""

import re
import signal
import subprocess
import sys

import pytest
from conftest import METHODS, eventually

SHOW = """
import os, sys
print(__name__, __file__, __package__, __spec__ and __spec__.name, type(__loader__).__name__)
print(sys.argv, sys.path)
print(sorted(name for name in os.environ if "MANYHANDS" in name or name.startswith("PYTHON")))
print(sys.flags, sys.excepthook is sys.__excepthook__)
import traceback
traceback.print_stack()
"""

FAIL = """
import sys
def fail():
    raise KeyError("what")
try:
    fail()
except KeyError as error:
    raise RuntimeError("both") from error
"""


def both(runner, *arguments, **more):
    plain = runner.run(*arguments, manyhands=False, **more)
    ours = runner.run(*arguments, **more)
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    return ours


def test_a_file(runner):
    runner.write(SHOW)
    assert both(runner, "program.py", "-x", "--stats", "a b").returncode == 0


def test_an_absolute_path(runner):
    both(runner, runner.write(SHOW))


def test_a_module(runner):
    runner.write(SHOW, "somewhere.py")
    both(runner, "-m", "somewhere", "1", "-c")


def test_a_package(runner):
    (runner.folder / "box").mkdir()
    runner.write("", "box/__init__.py")
    runner.write(SHOW, "box/__main__.py")
    both(runner, "-m", "box")
    both(runner, "box")


def test_code(runner):
    both(runner, "-c", "import sys; print(__name__, sys.argv, sys.path[0] == '')", "x", "-y")


def test_standard_input(runner):
    both(runner, "-", "x", input="import sys\nprint(__name__, sys.argv)\n1/0\n")


@pytest.mark.parametrize(
    "text",
    [
        FAIL,
        "def f(:\n",
        "import sys; sys.exit(7)",
        "import sys; sys.exit('words')",
        "raise SystemExit",
        "import os; os._exit(9)",
        "import atexit, sys; atexit.register(print, 'end'); sys.exit(3)",
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()\n"
        "print('early')",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "raise KeyboardInterrupt",
    ],
)
def test_ends(runner, text):
    runner.write(text)
    both(runner, "program.py")


def test_a_missing_program(runner):
    both(runner, "nowhere.py")
    both(runner, "-m", "nowhere")


def test_the_users_environment(runner):
    (runner.folder / "lib").mkdir()
    # Not by printing: the launcher is a Python program itself, so there it runs as well.
    runner.write("import sys; sys.own = 'the own one'", "lib/sitecustomize.py")
    runner.write(SHOW + "print(sys.own, sys.modules['sitecustomize'].__file__)")
    done = both(runner, "program.py", environment={"PYTHONPATH": str(runner.folder / "lib")})
    assert "the own one" in done.stdout


def test_interpreter_options(runner):
    runner.write("import sys, warnings; warnings.warn('x'); print(sys.flags, sys.warnoptions, sys._xoptions)")
    options = ["-W", "error", "-X", "dev", "-O"]
    plain = subprocess.run([sys.executable, *options, "program.py"], cwd=runner.folder, capture_output=True, text=True)
    ours = subprocess.run(
        [sys.executable, *options, "-m", "manyhands", "program.py"], cwd=runner.folder, capture_output=True, text=True
    )
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_options_that_forbid_the_hook(runner, option):
    runner.write("print('ran')")
    root = subprocess.run(
        [sys.executable, "-c", "import manyhands, os; print(os.path.dirname(os.path.dirname(manyhands.__file__)))"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    code = f"import sys; sys.path.append({root!r}); from manyhands.__main__ import main; sys.exit(main(['program.py']))"
    done = subprocess.run([sys.executable, option, "-c", code], cwd=runner.folder, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert option in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run"], "which program"),
        (["run", "--start-method", "thread", "x.py"], "fork, spawn, forkserver"),
        (["run", "--nonsense", "x.py"], "--nonsense"),
        (["run", "-c"], "-c"),
    ],
)
def test_a_wrong_command_line(runner, arguments, says):
    done = runner.run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_help(runner):
    done = runner.run("--help")
    assert done.returncode == 0
    assert "--stats" in done.stdout


ALIAS = """
import multiprocessing, sys
import multiprocessing.pool, multiprocessing.util, multiprocessing.connection
from multiprocessing import Process, Queue, context, process

def tell(queue):
    import multiprocessing, multiprocessing.pool
    queue.put([multiprocessing.__name__, multiprocessing.pool.__name__, multiprocessing.get_start_method(),
               type(multiprocessing.current_process()).__module__, __name__])

if __name__ == "__main__":
    print(multiprocessing.__name__, context.__name__, process.__name__, multiprocessing.util.__name__)
    queue = Queue()
    child = Process(target=tell, args=(queue,))
    child.start()
    print(queue.get())
    child.join()
    print(child.exitcode, type(child), isinstance(child, process.BaseProcess))
    try:
        import multiprocessing.managers
    except ModuleNotFoundError as error:
        print(error)
"""


def test_the_name_means_ours_here_and_in_children(runner, method):
    runner.write(ALIAS)
    done = runner.run("program.py", options=["--start-method", method])
    assert done.stderr == ""
    first, second, third, fourth = done.stdout.splitlines()
    assert first == (
        "manyhands.multiprocessing manyhands.multiprocessing.context multiprocessing.process multiprocessing.util"
    )
    main = "__main__" if method == "fork" else "__mp_main__"
    names = ["manyhands.multiprocessing", "manyhands.multiprocessing.pool", method, "manyhands.multiprocessing.context"]
    assert second == str([*names, main])
    assert third == "0 <class 'manyhands.multiprocessing.context.Process'> True"
    assert fourth == "No module named 'multiprocessing.managers'"


def test_a_program_without_multiprocessing_gets_none(runner):
    runner.write("import sys; print([name for name in sys.modules if 'multiprocessing' in name or 'engine' in name])")
    both(runner, "program.py")
    done = runner.run("program.py", options=["--stats"])
    assert "multiprocessing" not in done.stdout
    assert done.stderr.splitlines() == [
        "manyhands: what the engine did",
        "processes started: 0",
        "threads started: 0",
        "calls: 0",
        "messages: 0",
        "lock waits: 0",
    ]


def test_statistics_count_processes(runner, method):
    runner.write(
        "from multiprocessing import Process\n"
        "if __name__ == '__main__':\n"
        "    all = [Process(target=print, args=(i,)) for i in range(3)]\n"
        "    [p.start() for p in all]; [p.join() for p in all]\n"
    )
    done = runner.run("program.py", options=["--stats", "--start-method", method])
    assert sorted(done.stdout.replace("\n", "")) == ["0", "1", "2"]
    assert "processes started: 3\n" in done.stderr


UNGUARDED = {
    "process": """
from multiprocessing import Process
def work():
    print("worked")
child = Process(target=work)
child.start()
""",
    "joined": """
from multiprocessing import Process
def work():
    print("worked")
def begin():
    child = Process(target=work)
    child.start()
    child.join()
begin()
print("ended")
""",
    "pool": """
from multiprocessing import Pool
def work(x):
    return x
pool = Pool(3)
print(pool.map(work, [1, 2, 3]))
pool.close()
pool.join()
""",
}


@pytest.mark.parametrize("which", UNGUARDED)
def test_a_missing_guard(runner, method, which):
    path = runner.write(UNGUARDED[which])
    done = runner.run("program.py", options=["--start-method", method], limit=20)
    if method == "fork":
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert done.returncode not in (0, None)
    assert "worked" not in done.stdout
    assert done.stderr.count('if __name__ == "__main__":') == 1
    assert done.stderr.count("Traceback") <= 1
    line = {"process": 6, "joined": 7, "pool": 5}[which]
    assert re.search(rf'File "{re.escape(str(path))}", line {line}\b', done.stderr)


FOREVER = """
from multiprocessing import Process
import time
def work():
    print("working", flush=True)
    while True:
        time.sleep(1)
if __name__ == "__main__":
    Process(target=work).start()
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("method", METHODS)
def test_ended_from_outside_it_leaves_no_process(runner, method, how):
    runner.write(FOREVER)
    program = runner.start("program.py", options=["--start-method", method], start_new_session=True)
    assert program.stdout.readline() == "working\n"
    program.send_signal(how)
    program.wait(timeout=20)
    eventually(lambda: not runner.left_behind(), 10)
    program.communicate()


TYPED = """
import multiprocessing
multiprocessing.set_start_method({!r})
def double(x):
    return Word(x.text * 2)

class Word:
    def __init__(self, text): self.text = text

def echo(there, back):
    word = there.get()
    back.put((word.text, Word("new"), type(word) is Word))

with multiprocessing.Pool(1) as pool:
    print([word.text for word in pool.map(double, [Word("a"), Word("b")])], pool.apply(lambda: "by value"))

there, back = multiprocessing.Queue(), multiprocessing.SimpleQueue()
there.put(Word("sent"))
child = multiprocessing.Process(target=echo, args=(there, back)); child.start(); child.join()
text, word, same = back.get()
print(text, word.text, same, type(word) is Word, child.exitcode)
"""


def test_a_program_that_is_typed(runner, method):
    done = runner.run("-", input=TYPED.format(method))
    assert (done.stdout, done.stderr) == ("['aa', 'bb'] by value\nsent new True True 0\n", "")
