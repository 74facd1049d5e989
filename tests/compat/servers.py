"""Web servers under plain python and under the launcher: requests in parallel, a quiet minute, an end.

    python tests/compat/servers.py --wheel WHEEL [--python PYTHON] [--servers NAME,...] [--requests N] [--idle SECONDS]

Each server runs a small application whose handlers hold locks. It is asked N times by eight clients on this machine, is
left alone for some seconds, in which it must write nothing, and gets SIGTERM or SIGINT. Exit code and number of right
answers must be the same on both sides. Everything that it writes stays in `target/compat`.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sides import SIDES, WORK, Environment, adopt_orphans, end_all, surroundings

CLIENTS = 8
START_LIMIT = 120
END_LIMIT = 60
NEEDS = ["fastapi", "uvicorn", "flask", "gunicorn", "gevent", "packaging"]

FASTAPI = """
import threading
from typing import Annotated
from fastapi import Depends, FastAPI

lock = threading.Lock()
app = FastAPI()

def held():
    with lock:
        yield "fine"

@app.get("/")
def answer(word: Annotated[str, Depends(held)]):
    return word
"""

FLASK = """
import threading
from flask import Flask

lock = threading.RLock()
app = Flask(__name__)

@app.get("/")
def answer():
    with lock:
        return '"fine"'
"""


@dataclass(frozen=True)
class Server:
    """How a server is started; `{port}` is put in."""

    name: str
    program: str
    arguments: tuple[str, ...]


UVICORN = ("-m", "uvicorn", "program:app", "--port", "{port}", "--log-level", "warning")
GUNICORN = ("-m", "gunicorn", "program:app", "--bind", "127.0.0.1:{port}", "--log-level", "warning", "--workers", "2")
SERVERS = (
    Server("fastapi", FASTAPI, UVICORN),
    Server("uvicorn-workers", FASTAPI, (*UVICORN, "--workers", "2")),
    Server("flask-debug", FLASK, ("-m", "flask", "--app", "program", "run", "--debug", "--port", "{port}")),
    Server("gunicorn-gthread", FLASK, (*GUNICORN, "--worker-class", "gthread", "--threads", "4")),
    Server("gunicorn-gevent", FLASK, (*GUNICORN, "--worker-class", "gevent")),
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answer(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as reply:
            return bool(reply.read().strip() == b'"fine"')
    except OSError:
        return False


def until_it_answers(process: subprocess.Popen[bytes], port: int) -> bool:
    over = time.monotonic() + START_LIMIT
    while time.monotonic() < over and process.poll() is None:
        if answer(port):
            return True
        time.sleep(0.2)
    return False


def serve(server: Server, place: Environment, side: str, ending: signal.Signals, requests: int, idle: float) -> str:
    """What can be said of one server on one side: right answers, lines while it was idle, how it ended."""
    folder = WORK / "servers" / server.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.py").write_text(server.program, encoding="utf-8")
    port = free_port()
    log = folder / f"{side}-{ending.name}.txt"
    arguments = [word.format(port=port) for word in server.arguments]
    with log.open("wb") as file:
        process = subprocess.Popen(
            place.command(side, arguments),
            cwd=folder,
            env=surroundings() | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        if not until_it_answers(process, port):
            return f"does not answer: {log.read_text('utf-8', 'replace')[-1500:]}"
        with ThreadPoolExecutor(CLIENTS) as clients:
            right = sum(clients.map(lambda _: answer(port), range(requests)))
        before = log.stat().st_size
        time.sleep(idle)
        idle_bytes = log.stat().st_size - before
        # As a terminal and a service manager do it: Ctrl-C goes to all, SIGTERM to the first process.
        if ending is signal.SIGINT:
            os.killpg(process.pid, ending)
        else:
            process.send_signal(ending)
        try:
            code: int | None = process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            code = None
        return f"{right} of {requests} right, {idle_bytes} bytes while idle, ended with {code}"
    finally:
        end_all(process)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--servers", default=",".join(server.name for server in SERVERS))
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--idle", type=float, default=60)
    options = parser.parse_args()
    adopt_orphans()
    place = Environment("servers", options.python, options.wheel.resolve())
    place.install(NEEDS, 600)
    same = True
    for server in SERVERS:
        if server.name not in options.servers.split(","):
            continue
        for ending in (signal.SIGTERM, signal.SIGINT):
            said = [serve(server, place, side, ending, options.requests, options.idle) for side in SIDES]
            same &= said[0] == said[1]
            for side, words in zip(SIDES, said, strict=True):
                print(f"{server.name:18} {ending.name} {side:5} {words}", flush=True)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
