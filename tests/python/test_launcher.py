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


def test_the_version(runner):
    done = runner.run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"manyhands \d+\.\d+\.\d+\n", done.stdout)


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


def plainly(runner, *words):
    """A command line of the interpreter's own."""
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=runner.folder, env=runner.environment(), capture_output=True, text=True)


FLAGS = """
import sys, multiprocessing, threading
print(__name__, sys.argv, sys.flags, sys.warnoptions, sys._xoptions, sys.path[:2])
print(multiprocessing.__name__.removeprefix("manyhands."), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "options", [["-u"], ["-O", "-B"], ["-OOBW", "error"], ["-Xdev", "-X", "utf8"], ["-P"], ["-E"], ["-I"], ["-sb"]]
)
def test_options_of_the_programs_interpreter(runner, options):
    runner.write(FLAGS)
    (runner.folder / "box").mkdir()
    runner.write("", "box/__init__.py")
    runner.write(FLAGS, "box/__main__.py")
    for command in (["program.py", "-x"], ["-c", FLAGS, "-u"], *([["-m", "box"]] if "-P" not in options else [])):
        if options == ["-I"] and command[0] == "-m":
            continue
        plain = plainly(runner, *options, *command)
        ours = runner.run("run", *options, *command)
        assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


@pytest.mark.parametrize("option", ["-E", "-I"])
@pytest.mark.parametrize(
    "text",
    [FAIL, "def f(:\n", "import sys; sys.exit(7)", "raise SystemExit", "raise KeyboardInterrupt", "print(__file__)"],
)
def test_ends_of_a_program_under_options_that_forbid_the_hook(runner, option, text):
    runner.write(text)
    for command in (["program.py"], ["-c", text], ["nowhere.py"], ["-m", "nowhere"], ["."]):
        plain = plainly(runner, option, *command)
        ours = runner.run("run", option, *command)
        if command[0] == "-c" and "__file__" in text:
            continue
        assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_processes_of_a_program_under_options_that_forbid_the_hook(runner, method):
    runner.write(ALIAS.partition("    try:")[0])
    done = runner.run("run", "-E", "--start-method", method, "program.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert "manyhands.multiprocessing.pool" in done.stdout


def test_a_script_that_isolates_the_launcher(runner):
    runner.write("import sys, os, multiprocessing; print(sys.flags.ignore_environment, os.environ['PYTHONPATH'])")
    script = runner.write("from manyhands.__main__ import main; import sys; sys.exit(main())", "manyhands")
    # As an installer has it begin, with the package where an isolated interpreter finds it.
    command = [sys.executable, "-sE", script, "run", "program.py"]
    found = subprocess.run([sys.executable, "-sE", "-c", "import manyhands"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("the package is found by PYTHONPATH alone")
    done = subprocess.run(
        command, cwd=runner.folder, env=runner.environment({"PYTHONPATH": "lib"}), capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("0 lib\n", "")


WORK = """
import multiprocessing
def worked():
    return 1 + 1
print(multiprocessing.__name__, worked())
"""


@pytest.mark.parametrize(
    ("tool", "shows"),
    [
        (["-m", "cProfile"], "(worked)"),
        (["-m", "trace", "--listfuncs", "--ignore-dir=/nowhere"], "funcname: worked"),
        (
            ["-m", "pdb", "-c", "break worked", "-c", "continue", "-c", "p 'stood in ' + __name__", "-c", "q"],
            "stood in",
        ),
    ],
    ids=["profile", "trace", "pdb"],
)
def test_a_tool_that_watches_the_launcher_sees_the_program(runner, tool, shows):
    runner.write(WORK)
    if "pdb" in tool:
        # A breakpoint needs a name that the debugger can find before the program runs.
        tool = [*tool[:2], "-c", f"break {runner.folder / 'program.py'}:4", *tool[4:]]
    done = subprocess.run(
        [sys.executable, *tool, "-m", "manyhands", "run", "program.py"]
        if "trace" not in tool
        else [sys.executable, *tool, "--module", "manyhands", "run", "program.py"],
        cwd=runner.folder,
        env=runner.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert shows in done.stdout, (done.stdout, done.stderr)
    assert "manyhands.multiprocessing 2" in done.stdout or "pdb" in tool


def test_what_cannot_be_watched_is_said(runner):
    runner.write(WORK)
    command = [sys.executable, "-m", "cProfile", "-m", "manyhands", "run", "-O", "program.py"]
    done = subprocess.run(command, cwd=runner.folder, env=runner.environment(), capture_output=True, text=True)
    assert done.stdout == "manyhands.multiprocessing 2\n"
    assert done.stderr.startswith("manyhands: -O needs an interpreter of its own") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run"], "no program to run"),
        (["run", "--start-method", "thread", "x.py"], "fork, spawn, forkserver"),
        (["run", "--nonsense", "x.py"], "--nonsense"),
        (["run", "-c"], "-c"),
        (["run", "-Z", "x.py"], "unknown option -Z"),
        (["run", "-W"], "-W needs a value"),
        (["runn", "x.py"], "did you mean 'run'?"),
        (["comprae", "x.py"], "did you mean 'compare'?"),
        (["compare", "nowhere.py"], "nothing to compare: can't open file"),
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
        import multiprocessing.managing
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
    assert fourth == "No module named 'multiprocessing.managing'"


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
