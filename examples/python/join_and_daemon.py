"""The end of threads: join, join with a limit, daemons, and what cannot be done twice.

`join` waits for the end of another thread, with a limit at most that long. A program ends when all its threads have
ended, except for daemons, which are dropped. A thread runs once: a dead one cannot be started again. And `run`, called
directly, is an ordinary call and no thread.
"""

import threading


def wait_for(event, name):
    event.wait()
    print(f"{name} ends in {threading.current_thread().name}")


def main():
    go = threading.Event()
    worker = threading.Thread(target=wait_for, args=(go, "worker"), name="worker's thread")
    worker.start()
    worker.join(timeout=0.05)
    print(f"after a join with a limit the worker is alive: {worker.is_alive()}")
    go.set()
    worker.join()
    print(f"after a join the worker is alive: {worker.is_alive()}")

    try:
        worker.start()
    except RuntimeError as error:
        print(f"a dead thread is not started again: {error}")

    threading.Thread(target=wait_for, args=(go, "a call of run")).run()

    never = threading.Event()
    threading.Thread(target=never.wait, daemon=True, name="dropped").start()
    print("names:", ", ".join(sorted(thread.name for thread in threading.enumerate())))

    threading.Thread(target=say_last).start()
    print("the main thread has nothing more to do")


def say_last():
    threading.main_thread().join()
    print("and this thread outlived it")


if __name__ == "__main__":
    main()
