"""Packages built on the insides of the standard `multiprocessing` get that; the program beside them gets ours."""

import pytest
from conftest import needs

PACKAGE = {
    "__init__.py": "from .inner import Counted, in_a_process, late, Many\n",
    "inner.py": """
import multiprocessing
import multiprocessing.pool
import multiprocessing.connection as connection
from multiprocessing import current_process, get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import SemLock

class Counted(Queue):
    def __init__(self, method=None):
        super().__init__(ctx=multiprocessing.get_context(method))

    def fileno(self):
        return self._reader.fileno()

    def __getstate__(self):
        return super().__getstate__()

class Many(multiprocessing.pool.Pool):
    def _setup_queues(self):
        self.made = True
        super()._setup_queues()

def put(queue, lock, number):
    with lock:
        queue.put((number, current_process().name, multiprocessing.get_start_method()))

def in_a_process(method):
    context = get_context(method)
    queue, lock = Counted(method), context.Lock()
    assert isinstance(lock, SemLock) and isinstance(queue, Queue)
    child = context.Process(target=put, args=(queue, lock, 5), name="Emma")
    child.start()
    ready = connection.wait([queue._reader], 60)
    found = queue.get()
    child.join()
    return len(ready), found, child.exitcode

def late():
    import pickle
    import multiprocessing.heap
    from multiprocessing import managers, queues
    from multiprocessing.queues import SimpleQueue
    error = pickle.loads(pickle.dumps(multiprocessing.TimeoutError("late")))
    return [
        multiprocessing.heap.__name__, managers.__name__, queues.__name__, SimpleQueue.__module__,
        multiprocessing.process.__name__, type(error) is multiprocessing.TimeoutError,
    ]
""",
}
PROGRAM = """
import multiprocessing, sys
import multiprocessing.queues
import insides

def square(number):
    return number * number

def names(_):
    return [name for name in insides.late() if "queues" in str(name)]

if __name__ == "__main__":
    method = sys.argv[1]
    multiprocessing.set_start_method(method)
    print(type(multiprocessing.Queue()).__module__, issubclass(insides.Counted, multiprocessing.queues.Queue))
    print(insides.in_a_process(method), insides.in_a_process(None))
    print(insides.late())
    with insides.Many(2) as pool:
        print(pool.made, pool.map(square, range(4)), len(multiprocessing.active_children()))
    with multiprocessing.Pool(1) as pool:
        print(pool.map(square, range(4)), pool.map(names, [0]))
"""
RIGHT = """\
manyhands.multiprocessing.queues False
(1, (5, 'Emma', METHOD), 0) (1, (5, 'Emma', METHOD), 0)
['manyhands._plain.heap', 'manyhands._plain.managers', 'manyhands._plain.queues', 'manyhands._plain.queues', \
'multiprocessing.process', True]
True [0, 1, 4, 9] 2
[0, 1, 4, 9] [['manyhands._plain.queues', 'manyhands._plain.queues']]
"""


@pytest.fixture
def program(runner):
    (runner.folder / "insides").mkdir()
    for name, text in PACKAGE.items():
        runner.write(text, f"insides/{name}")
    runner.write(PROGRAM)
    return runner


def test_a_package_that_is_named(program, method):
    done = program.run("program.py", method, options=["--plain-for", "insides"])
    assert done.stderr == ""
    assert done.stdout == RIGHT.replace("METHOD", repr(method))


def test_a_package_that_the_project_names(program):
    (program.folder / "pyproject.toml").write_text('[tool.manyhands]\nplain-for = ["insides"]\n')
    below = program.folder / "below"
    below.mkdir()
    program.write("import insides; print(insides.late()[2])", "below/other.py")
    done = program.run("below/other.py", environment={"PYTHONPATH": str(program.folder)})
    assert (done.stdout, done.stderr) == ("manyhands._plain.queues\n", "")
    done = program.run("-c", "import insides; print(insides.late()[2])")
    assert (done.stdout, done.stderr) == ("manyhands._plain.queues\n", "")


def test_a_module_of_a_package(program):
    program.write("import multiprocessing.queues as queues", "insides/outer.py")
    program.write("import insides.inner, insides.outer; print(insides.late()[2], insides.outer.queues.__name__)")
    done = program.run("program.py", options=["--plain-for=insides.inner"])
    assert done.stdout == "manyhands._plain.queues manyhands.multiprocessing.queues\n"


def test_without_it_the_package_has_ours(program):
    program.write("import insides; print(insides.late()[2])")
    assert program.run("program.py").stdout == "manyhands.multiprocessing.queues\n"


def test_its_modules_look_as_ever(program):
    program.write(
        "import importlib.machinery, importlib.resources, inspect, insides.inner as inner\n"
        "print(isinstance(inner.__loader__, importlib.machinery.SourceFileLoader), inner.__spec__.name)\n"
        "print(type(inner.__spec__.loader).__name__, inspect.getsource(inner.late).splitlines()[0])\n"
        "print(importlib.resources.files('insides').joinpath('inner.py').is_file())\n"
    )
    done = program.run("program.py", options=["--plain-for", "insides"])
    assert done.stdout == program.run("program.py", manyhands=False).stdout


@pytest.mark.parametrize(
    ("options", "project", "says"),
    [
        (["--plain-for", "not a name"], "", "--plain-for takes names of packages, not ['not a name']"),
        ([], "[tool.manyhands]\nplain-for = 5\n", "pyproject.toml takes names of packages, not 5"),
        ([], "[tool.manyhands\n", "pyproject.toml cannot be read"),
    ],
)
def test_wrong_names(runner, options, project, says):
    runner.write("print('ran')")
    (runner.folder / "pyproject.toml").write_text(project)
    done = runner.run("run", *options, "program.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


LIBRARY = """
import multiprocessing, os, sys
from joblib import Parallel, delayed

def square(number):
    return number * number

def inner(number):
    return Parallel(n_jobs=2, backend="threading")(delayed(square)(index) for index in range(number))

if __name__ == "__main__":
    for kind in ("threading", "multiprocessing", "loky"):
        print(kind, Parallel(n_jobs=2, backend=kind)(delayed(square)(number) for number in range(4)))
    with multiprocessing.Pool(2) as pool:
        print(pool.map(inner, range(3)))
"""


def test_a_library_with_pools_of_its_own(runner):
    needs("joblib")
    runner.write(LIBRARY)
    done = runner.run("program.py")
    squares = "[0, 1, 4, 9]"
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"threading {squares}",
        f"multiprocessing {squares}",
        f"loky {squares}",
        "[[], [0], [0, 1]]",
    ]


def test_a_semaphore_used_from_within(program):
    program.write(
        "import threading\n"
        "from threading import Semaphore, current_thread\n"
        "class Lax(Semaphore):\n"
        "    def grow(self):\n"
        "        with self._cond:\n"
        "            self._value += 1\n"
        "            self._cond.notify()\n"
        "threading.kept = 5\n",
        "insides/lax.py",
    )
    program.write(
        "import threading\n"
        "from insides.lax import Lax, current_thread\n"
        "lax = Lax(0)\n"
        "waiter = threading.Thread(target=lax.acquire)\n"
        "waiter.start(); lax.grow(); waiter.join()\n"
        "print(lax._value, threading.kept, current_thread() is threading.main_thread())\n"
    )
    done = program.run("program.py", options=["--plain-for", "insides"])
    assert (done.stdout, done.stderr) == ("0 5 True\n", "")
