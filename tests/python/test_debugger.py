"""Breakpoints in the processes that the engine starts, set by a debugger that follows processes, as an editor does it.

The debugger is debugpy, which a Jupyter kernel brings along; the editor is a few lines that speak its protocol. A
program runs under it in each way of starting processes and must stop once in its child, and go on.
"""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest
from conftest import METHODS, eventually

pytest.importorskip("debugpy")

PROGRAM = """
import concurrent.futures
import multiprocessing
import sys

def work(number):
    result = number + 1
    return result

if __name__ == "__main__":
    import debugpy

    print(debugpy.listen(("127.0.0.1", 0))[1], flush=True)
    debugpy.wait_for_client()
    context = multiprocessing.get_context(sys.argv[1])
    if sys.argv[2] == "process":
        child = context.Process(target=work, args=(1,))
        child.start()
        child.join()
        print(child.exitcode)
    elif sys.argv[2] == "pool":
        with context.Pool(1) as pool:
            print(pool.map(work, [1]))
    else:
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            print(list(executor.map(work, [1])))
    print(multiprocessing.__name__)
"""
LINE = PROGRAM.splitlines().index("    return result") + 1


class Editor:
    """Attaches to a program and to each process that it starts; goes on at each stop, and counts those in children."""

    def __init__(self, port, path):
        self.port = port
        self.path = str(path)
        self.stops_in_children = []
        self.threads = []
        self.follow({"connect": {"host": "127.0.0.1", "port": port}, "subProcess": True}, None)

    def follow(self, attach, child):
        thread = threading.Thread(target=self._session, args=(attach, child), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _session(self, attach, child):
        connection = eventually(self._connect)
        with connection, connection.makefile("rb") as answers:

            def ask(command, **arguments):
                request = {"seq": next(numbers), "type": "request", "command": command, "arguments": arguments}
                body = json.dumps(request).encode()
                connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)

            numbers = iter(range(1, 1000))
            ask("initialize", adapterID="test")
            ask("attach", **attach)
            while length := self._length(answers):
                message = json.loads(answers.read(length))
                event, body = message.get("event"), message.get("body")
                if event == "initialized":
                    ask("setBreakpoints", source={"path": self.path}, breakpoints=[{"line": LINE}])
                    ask("configurationDone")
                elif event == "debugpyAttach":
                    self.follow(body, body["subProcessId"])
                elif event == "stopped":
                    self.stops_in_children.append(child)
                    ask("continue", threadId=body["threadId"])
                elif event == "terminated":
                    # Or the debugger's helper, which has the program's output, waits for more.
                    ask("disconnect")
                    return

    def _connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            return None

    @staticmethod
    def _length(answers):
        length = 0
        while (line := answers.readline()) not in (b"\r\n", b""):
            length = int(line.partition(b":")[2])
        return length


WAYS = [("process", method) for method in METHODS] + [("pool", method) for method in METHODS] + [("executor", "fork")]


@pytest.mark.parametrize(("kind", "method"), WAYS)
def test_a_breakpoint_in_a_child(runner, kind, method):
    path = runner.write(PROGRAM)
    program = subprocess.Popen(
        [sys.executable, "-Xfrozen_modules=off", "-m", "manyhands", "run", "program.py", method, kind],
        cwd=runner.folder,
        env=runner.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        editor = Editor(int(program.stdout.readline()), path)
        out, _ = program.communicate(timeout=60)
    finally:
        program.kill()
    assert out.splitlines() == [{"process": "0"}.get(kind, "[2]"), "manyhands.multiprocessing"]
    assert len(editor.stops_in_children) == 1
    assert editor.stops_in_children[0] not in (None, program.pid, os.getpid())
