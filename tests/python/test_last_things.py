"""The end of a program's own objects: what its main module still holds is let go while the modules that it needs are
there, whatever the engine did before. A file that is still open is written out then.
"""

import pytest

PROGRAM = """
import json, os
import concurrent.futures as cf
import multiprocessing as mp

class Held:
    def __del__(self):
        print("let go", json.dumps([mp.current_process().name]))

class Made:
    def method(self):
        return held

def work(*_):
    return None

def make():
    return Made()

def fail():
    raise LookupError("as it should")

nameless = lambda: None

if __name__ == "__main__":
    held = Held()
    written = open("written", "w")
    written.write("in the buffer")
    ctx = mp.get_context(os.environ["START_METHOD"])
    {use}
"""

USES = {
    "ended pool": "pool = ctx.Pool(1); pool.map(work, [1]); pool.close(); pool.join()",
    "pool left by with": "with ctx.Pool(1) as pool: pool.map(work, [1])",
    "running pool": "pool = ctx.Pool(1); pool.map(work, [1])",
    "result": "pool = ctx.Pool(1); result = pool.apply_async(work); result.get()",
    "result that nobody took": "pool = ctx.Pool(1); result = pool.apply_async(work); pool.close(); pool.join()",
    "result in its pool": "pool = ctx.Pool(1); pool.result = pool.apply_async(work)",
    "instance": "pool = ctx.Pool(1); result = pool.apply_async(make); result.get()",
    "error": "pool = ctx.Pool(1); result = pool.apply_async(fail); result.wait(); result.successful()",
    "lambda": "pool = ctx.Pool(1); result = pool.apply_async(nameless); result.get()",
    "steps": "pool = ctx.Pool(1); steps = pool.imap(work, range(9)); next(steps)",
    "executor": "executor = cf.ProcessPoolExecutor(1, mp_context=ctx); executor.submit(work).result()",
    "future": "executor = cf.ProcessPoolExecutor(1, mp_context=ctx); future = executor.submit(work)",
    "future of an instance": "executor = cf.ProcessPoolExecutor(1); x = executor.submit(make); x.result()",
    "process": "process = ctx.Process(target=work, args=(1,)); process.start(); process.join()",
    "queue": "queue = ctx.Queue(); queue.put(work)",
    "threads": "executor = cf.ThreadPoolExecutor(1); future = executor.submit(make); future.result()",
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_main_module_is_let_go(runner, method, use):
    program = runner.write(PROGRAM.replace("{use}", USES[use]))
    done = runner.run("run", program, environment={"START_METHOD": method})
    assert (done.stdout, done.stderr, done.returncode) == ('let go ["MainProcess"]\n', "", 0)
    assert (runner.folder / "written").read_text() == "in the buffer"


def test_another_function_in_the_place_of_one_that_is_gone(runner):
    """Functions that workers know by a number are known by identity, and a new one may stand where another stood."""
    program = runner.write("""
import multiprocessing as mp

if __name__ == "__main__":
    with mp.Pool(1) as pool:
        for number in range(50):
            text = f"def function{number}(x): return x + {number}"
            exec(text, globals())
            assert pool.apply(globals()[f"function{number}"], (1,)) == 1 + number
            del globals()[f"function{number}"]
    print("right")
""")
    done = runner.run("run", program)
    assert (done.stdout, done.stderr) == ("right\n", "")
