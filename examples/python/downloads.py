"""Waiting at the same time: three downloads take as long as the slowest of them, not as long as all together.

A small server on this machine answers each request after the number of seconds that its address names. The downloads
run one after another, then in threads, then in processes. Work that mostly waits gains from either; threads are the
cheaper ones.
"""

import multiprocessing
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

SECONDS = (1.0, 1.5, 2.0)


class Slow(BaseHTTPRequestHandler):
    """Answers `/SECONDS` after as many seconds."""

    def do_GET(self):
        time.sleep(float(self.path[1:]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 10_000)

    def log_message(self, *_):
        pass


def download(address):
    with urlopen(address) as answer:
        size = len(answer.read())
    print(f"{size} bytes from {address} in process {os.getpid()}", flush=True)


def one_after_another(addresses):
    for address in addresses:
        download(address)


def at_once(kind, addresses):
    """Starts a `kind` for each address, then waits for all."""
    workers = [kind(target=download, args=(address,)) for address in addresses]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def timed(name, run, *arguments):
    begun = time.monotonic()
    run(*arguments)
    print(f"{name}: {time.monotonic() - begun:.2f} s for downloads of {SECONDS} s", flush=True)


def main():
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        addresses = [f"http://127.0.0.1:{server.server_port}/{seconds}" for seconds in SECONDS]
        timed("one after another", one_after_another, addresses)
        timed("threads", at_once, threading.Thread, addresses)
        timed("processes", at_once, multiprocessing.Process, addresses)
        server.shutdown()


if __name__ == "__main__":
    main()
