"""A crawler: threads that fetch pages and find more pages to fetch while they do. Producers and consumers are the same.

The pages to be fetched are in a queue. A worker takes one, fetches it, puts in the addresses that are new, and then
reports that it is done with that page. `Queue.join` returns when as many are done as were put: then the queue is empty,
and no worker is at a page that could bring more. The site is a small one, served by this program.
"""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from urllib.parse import urljoin
from urllib.request import urlopen

WORKERS = 8
PAGES = 60
LINK = re.compile(r'href="([^"]+)"')


class Site(BaseHTTPRequestHandler):
    """Page N has links to its two children, to its parent and to the first page; each takes a moment."""

    def do_GET(self):
        time.sleep(0.1)
        number = int(self.path[1:])
        links = [link for link in (2 * number, 2 * number + 1) if link <= PAGES] + [max(number // 2, 1), 1]
        body = "".join(f'<a href="/{link}">{link}</a>' for link in links).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Crawler:
    """The addresses still to be fetched, and all addresses that were seen so far."""

    def __init__(self):
        self.waiting = Queue()
        self.lock = threading.Lock()
        self.seen = set()
        self.fetched = []

    def add(self, address):
        with self.lock:
            if address in self.seen:
                return
            self.seen.add(address)
        self.waiting.put(address)

    def work(self):
        while (address := self.waiting.get()) is not None:
            try:
                with urlopen(address) as answer:
                    page = answer.read().decode()
                self.fetched.append(address)
                for link in LINK.findall(page):
                    self.add(urljoin(address, link))
            except OSError as error:
                print(f"not fetched: {address}: {error}")
            finally:
                self.waiting.task_done()

    def crawl(self, start):
        workers = [threading.Thread(target=self.work) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        self.add(start)
        self.waiting.join()
        for _ in workers:
            self.waiting.put(None)
        for worker in workers:
            worker.join()


def main():
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        crawler = Crawler()
        begun = time.monotonic()
        crawler.crawl(f"http://127.0.0.1:{server.server_port}/1")
        seconds = time.monotonic() - begun
        server.shutdown()
    different = len(set(crawler.fetched))
    print(f"{len(crawler.fetched)} pages fetched, {different} different, {WORKERS} workers, {seconds:.2f} s")


if __name__ == "__main__":
    main()
