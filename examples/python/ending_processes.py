"""How processes end: joined, joined with a limit, terminated, or left to the end of the program.

`join` with a limit returns in any case; `exitcode` says whether the process has ended. `terminate` asks it to end with
a signal, which shows in the exit code as a negative number. A program that ends normally waits for its processes, and
ends its daemons.
"""

import multiprocessing
import time


def sleep_long():
    time.sleep(3600)


def finish(gate):
    gate.wait()
    print("a process that nobody joined ends, and the program ended after it", flush=True)


def main():
    sleeper = multiprocessing.Process(target=sleep_long, name="sleeper")
    sleeper.start()
    sleeper.join(timeout=0.1)
    print(f"after a join with a limit: alive {sleeper.is_alive()}, exit code {sleeper.exitcode}", flush=True)
    sleeper.terminate()
    sleeper.join()
    print(f"after terminate: alive {sleeper.is_alive()}, exit code {sleeper.exitcode}", flush=True)

    multiprocessing.Process(target=sleep_long, daemon=True).start()
    gate = multiprocessing.Event()
    multiprocessing.Process(target=finish, args=(gate,)).start()
    print("the main process has nothing more to do", flush=True)
    gate.set()


if __name__ == "__main__":
    main()
