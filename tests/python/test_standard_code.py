"""Standard code that is built on the insides of the standard `multiprocessing` goes on working under the launcher.

It gets a copy of the standard modules; the program that uses it beside ours gets ours.
"""

EXECUTOR = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
import os

def double(x):
    return 2 * x

def die():
    os._exit(3)

if __name__ == "__main__":
    queue = multiprocessing.Queue()
    queue.put("ours")
    print(queue.get(), type(queue).__module__)
    for given in (None, multiprocessing.get_context(METHOD)):
        with ProcessPoolExecutor(2, given) as executor:
            print(list(executor.map(double, range(5))))
    with ProcessPoolExecutor(1) as executor:
        try:
            executor.submit(die).result()
        except BrokenProcessPool:
            print("broken")
    with multiprocessing.Pool(1) as pool:
        try:
            pool.apply(die)
        except BrokenProcessPool as died:
            print(type(died).__name__)
"""


def test_a_process_executor(runner, method):
    runner.write(EXECUTOR.replace("METHOD", repr(method)))
    done = runner.run("program.py", options=["--start-method", method])
    assert done.stderr == ""
    doubled = "[0, 2, 4, 6, 8]"
    assert done.stdout.splitlines() == [
        "ours manyhands.multiprocessing.queues",
        doubled,
        doubled,
        "broken",
        "WorkerDied",
    ]


def test_a_thread_pool(runner):
    runner.write(
        "from multiprocessing.pool import ThreadPool\n"
        "import multiprocessing, os\n"
        "if __name__ == '__main__':\n"
        "    with ThreadPool(2) as pool:\n"
        "        print(set(pool.map(lambda _: os.getpid(), range(9))) == {os.getpid()})\n"
        "    with multiprocessing.Pool(2) as pool:\n"
        "        print(os.getpid() in pool.map(lambda _: os.getpid(), range(9)))\n"
    )
    done = runner.run("program.py")
    assert (done.stdout, done.stderr) == ("True\nFalse\n", "")


def test_logging_names_the_process(runner, method):
    runner.write(
        "import logging, multiprocessing, sys\n"
        "def work():\n"
        "    logging.basicConfig(format='%(processName)s %(message)s', stream=sys.stdout)\n"
        "    logging.warning('here')\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.Process(target=work, name='Emma')\n"
        "    child.start(); child.join(); work()\n"
    )
    done = runner.run("program.py", options=["--start-method", method])
    assert done.stdout.splitlines() == ["Emma here", "MainProcess here"]
