"""The same program on two hosts, which talk through a message queue, and through a file.

One host serves: it keeps a queue of tasks and a queue of answers, and other hosts reach both through sockets. The key
is a secret that all of them have. A host that works takes a task, and puts the answer back. When it goes with a task,
the one that serves hears nothing of that, so what has no answer is put again. Locks and queues in shared
memory end at the edge of a machine, so a file that several hosts write needs the file system's own lock.

    HOSTS_KEY=secret python hosts.py serve 192.168.0.1 5000 /shared/counter
    HOSTS_KEY=secret python hosts.py work 192.168.0.1 5000 /shared/counter

Without arguments the program plays two hosts on this machine, each at a loopback address of its own.
"""

import fcntl
import os
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
from multiprocessing.managers import BaseManager

TASKS = 20
ROUNDS = 100
#: After so many seconds without an answer the tasks that have none are put once more.
PATIENCE = 2


class Board(BaseManager):
    """What the hosts share by messages."""


def count_in(path):
    """Adds 1 to the number in a file, some times, with the lock that also holds between hosts."""
    for _ in range(ROUNDS):
        with open(path, "r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            number = int(file.read())
            file.seek(0)
            file.write(str(number + 1))
        # The lock goes with the file.


def serve(address, port, path, key):
    tasks, answers = queue.Queue(), queue.Queue()
    Board.register("tasks", callable=lambda: tasks)
    Board.register("answers", callable=lambda: answers)
    server = Board((address, port), key).get_server()
    print(*server.address, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for number in range(TASKS):
        tasks.put(number)
    count_in(path)
    got = {}
    while len(got) < TASKS:
        try:
            number, answer = answers.get(timeout=PATIENCE)
        except queue.Empty:
            # A host may have gone with a task, which nobody would know. Work that is done twice does no harm here.
            for number in set(range(TASKS)) - set(got):
                tasks.put(number)
        else:
            got[number] = answer
    tasks.put(None)
    while answers.get() is not None:
        pass
    with open(path) as file:
        print(f"{len(got)} answers, their sum is {sum(got.values())}; counted in the file: {file.read()}")


def work(address, port, path, key):
    Board.register("tasks")
    Board.register("answers")
    board = Board((address, port), key)
    board.connect()
    tasks, answers = board.tasks(), board.answers()
    count_in(path)
    for number in iter(tasks.get, None):
        answers.put((number, number * number))
    answers.put(None)


def play():
    """Two programs that have no memory, no parent and no address in common."""
    environment = {**os.environ, "HOSTS_KEY": secrets.token_hex(16)}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "counter")
        with open(path, "w") as file:
            file.write("0")

        def host(role, address, port):
            command = [sys.executable, __file__, role, address, str(port), path]
            return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)

        serving = host("serve", "127.0.0.2", 0)
        address, port = serving.stdout.readline().split()
        working = host("work", address, port)
        print(serving.communicate()[0], end="")
        working.communicate()
        print(f"the hosts ended with {serving.returncode} and {working.returncode}")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        play()
    else:
        role, address, port, path = sys.argv[1:]
        {"serve": serve, "work": work}[role](address, int(port), path, os.environ["HOSTS_KEY"].encode())
