"""Notebooks, run by Jupyter's own machinery with manyhands in force in the kernel, under each start method.

It is put in force by starting the kernel under the launcher, or by `%load_ext manyhands` in a cell. The notes' own
notebooks stand in `shared/seeds` beside the project; their tests skip where that is not.
"""

import json
import re
import sys

import pytest
from conftest import METHODS
from seeds import SEEDS, needs_seeds, told, took_as_long_as_the_longer

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Executes a notebook in a kernel with these words before `-m`; gives the output of each cell of code."""

    def execute(notebook, *launcher):
        command = [sys.executable, *launcher, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "manyhands", "language": "python"}
        folder = tmp_path / "kernels" / "manyhands"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
        # With this a kernel does not show what its children print.
        monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
        client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="manyhands")
        client.execute()
        return [outputs(cell) for cell in notebook.cells if cell.cell_type == "code"]

    return execute


def outputs(cell):
    streams = [output for output in cell.outputs if output.output_type == "stream"]
    wrong = [output for output in cell.outputs if output.output_type == "error"]
    assert not wrong
    errors, _ = told("".join(output.text for output in streams if output.name == "stderr"))
    assert errors == ""
    return "".join(output.text for output in streams if output.name == "stdout")


def seed(number):
    return nbformat.read(SEEDS / f"{number}_notebook.ipynb", as_version=4)


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


LOADED = "%load_ext manyhands\nimport multiprocessing\nmultiprocessing.set_start_method({method!r})"


@needs_seeds
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", ["launcher", "extension"])
class TestTheNotesNotebooks:
    """Each with the kernel under the launcher, and with a cell before it that loads the extension."""

    @pytest.fixture
    def cells(self, execute, how, method):
        def cells(number):
            if how == "launcher":
                return execute(seed(number), "-m", "manyhands", "run", "--start-method", method)
            notes = seed(number)
            notes.cells.insert(0, nbformat.v4.new_code_cell(LOADED.format(method=method)))
            nothing, *others = execute(notes)
            assert nothing == ""
            return others

        return cells

    def test_downloads_and_an_account(self, cells):
        threads, subclass, account = cells(0)
        took_as_long_as_the_longer(threads)
        took_as_long_as_the_longer(subclass)
        assert re.findall(r"\d+", account) == ["100"]

    def test_processes_with_functions_of_cells(self, cells):
        processes, threads, lost, exact = cells(1)
        # A fresh interpreter imports Jupyter's machinery, too, since that is the main module.
        took_as_long_as_the_longer(processes, to_begin=4)
        assert len(set(re.findall(r"\[(\d+)\]", processes))) == 2
        took_as_long_as_the_longer(threads)
        assert int(re.findall(r"\d+", lost)[0]) < 100
        assert re.findall(r"\d+", exact) == ["100"]

    def test_threads_pools_and_a_process_subclass(self, cells):
        answers = cells(4)
        assert len(answers) == 13
        assert answers[1].count("MainThread") == 10
        assert "Task Complete!" in answers[1]
        assert re.findall(r"^(MainThread|Thread)", answers[3], re.MULTILINE) == ["MainThread"] * 20
        for answer, numbers in ((answers[9], {"45", "190"}), (answers[10], {"45", "190"})):
            assert numbers <= set(re.findall(r"^\d+$", answer, re.MULTILINE))
        assert re.findall(r"^\d+$", answers[11], re.MULTILINE) == ["10", "45", "105"]
        children = set(re.findall(r"SubProcess\((\d+)\)", answers[12]))
        [parent] = set(re.findall(r"FatherProcess\((\d+)\)", answers[12]))
        # The program waits for the second only; what the first one prints may come after the cell has ended.
        assert len(children) in (1, 2) and parent not in children
        assert "Task finished" in answers[12]


WHOSE = """
import multiprocessing, queue, threading, concurrent.futures
print(*("manyhands" in repr(thing.__mro__) for thing in (
    multiprocessing.Pool(1).__class__, queue.SimpleQueue, threading.Event, concurrent.futures.ThreadPoolExecutor
)))
"""


def test_an_extension_puts_it_in_force(execute):
    nothing, ours = execute(notebook("%load_ext manyhands", WHOSE))
    assert (nothing, ours) == ("", "True True True True\n")


BEFORE = """
import concurrent.futures as futures, multiprocessing, queue, threading
from concurrent.futures import ThreadPoolExecutor, wait
from multiprocessing import Pool, Process
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread
work, mine = len, 5
"""


def test_an_extension_that_comes_late_says_for_what(execute):
    _, told, again = execute(notebook(BEFORE, "%load_ext manyhands", BEFORE + WHOSE))
    found = re.fullmatch(
        r"manyhands: these names were imported before, and still mean .*: (.*); import them again.*\n", told
    )
    late = "Lock Pool Process SimpleQueue Thread ThreadPoolExecutor futures multiprocessing wait"
    assert found and found[1].split(", ") == late.split(), told
    assert again == "True True True True\n"


STUCK = """
import threading
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
def cross(one, other):
    try:
        with one:
            both.wait()
            with other:
                pass
    except RuntimeError as error:
        print(error)
threads = [threading.Thread(target=cross, args=pair) for pair in ((first, second), (second, first))]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_a_deadlock_names_the_cell(execute):
    _, told = execute(notebook("%load_ext manyhands", STUCK))
    assert set(re.findall(r"(?<= at )[^,;]*?:\d+", told)) == {"Cell In[2]:2", "Cell In[2]:5", "Cell In[2]:7"}, told


def test_a_plain_kernel_has_the_standard_library(execute):
    assert execute(notebook(WHOSE)) == ["False False False False\n"]
