"""Processes with threads inside: one process per core that computes, and in each a few threads that wait.

Each process gets a share of the orders. Its threads fetch what an order needs (here they sleep) and compute with it;
the answers of all threads of all processes meet in one queue. Each answer has the name of its thread and the pid of its
process.
"""

import multiprocessing
import os
import threading
import time

PROCESSES = 2
THREADS = 3
ORDERS = 12


def fetch(order):
    time.sleep(0.02)
    return range(order * 1_000)


def serve(orders, lock, answers):
    """One thread's work: takes orders until there are none."""
    while True:
        with lock:
            if not orders:
                return
            order = orders.pop()
        answers.put((order, sum(fetch(order)), os.getpid(), threading.current_thread().name))


def process(orders, answers):
    lock = threading.Lock()
    threads = [
        threading.Thread(target=serve, args=(orders, lock, answers), name=f"server {number}")
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    answers = multiprocessing.Queue()
    shares = [list(range(ORDERS))[start::PROCESSES] for start in range(PROCESSES)]
    processes = [multiprocessing.Process(target=process, args=(share, answers)) for share in shares]
    for one in processes:
        one.start()
    got = sorted(answers.get() for _ in range(ORDERS))
    for one in processes:
        one.join()
    for order, total, pid, thread in got:
        print(f"order {order}: {total} by {thread} of process {pid}")


if __name__ == "__main__":
    main()
