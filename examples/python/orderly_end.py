"""An orderly end: SIGTERM and Ctrl-C are taken as requests, and all processes finish what they have begun.

A handler may run in the middle of anything. So it only passes the request to the main thread, which waits at a
`SimpleQueue`: its `put` may be called there. Ctrl-C reaches every process at the terminal at once; the workers ignore
it and go on until they get the order to end. The handlers are set after the workers have been started, since a forked
process has its parent's handlers, and could not be terminated any more.
"""

import multiprocessing
import os
import queue
import signal

WORKERS = 2
ORDERS = 20


def serve(orders, answers):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers.put("ready")
    for order in iter(orders.get, None):
        answers.put(order * order)


def work_until(send):
    """Starts the workers, gives them orders, and ends when `send` has sent the signal to end."""
    orders, answers = multiprocessing.Queue(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=serve, args=(orders, answers)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for _ in workers:
        answers.get()
    for order in range(ORDERS):
        orders.put(order)

    wishes = queue.SimpleQueue()
    before = {
        number: signal.signal(number, lambda number, _: wishes.put(signal.Signals(number).name))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    send([worker.pid for worker in workers])
    wish = wishes.get()
    for _ in workers:
        orders.put(None)
    served = [answers.get() for _ in range(ORDERS)]
    for worker in workers:
        worker.join()
    for number, handler in before.items():
        signal.signal(number, handler)
    print(f"{wish}: {len(served)} of {ORDERS} orders served, exit codes {[worker.exitcode for worker in workers]}")


def terminate(_):
    """As `kill` does, and the shutdown of the machine."""
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt(workers):
    """As Ctrl-C at a terminal does."""
    for pid in [*workers, os.getpid()]:
        os.kill(pid, signal.SIGINT)


def main():
    work_until(terminate)
    work_until(interrupt)


if __name__ == "__main__":
    main()
