"""The states of a thread: new, ready, running, blocked, dead; each shown by a thread that is held in it.

A thread that was made and not started is *new*. A thread that computes is *running*. One that could compute, but waits
until another gives up the interpreter lock, is *ready*. A thread that waits for something else is *blocked*, and the
engine knows for what. A *dead* thread stays dead. Threads change state all the time; the state is that of the moment of
the question. (The standard library has no such attribute.)
"""

import time

from manyhands import threading


def until(thread, *states):
    """Asks until the thread is in one of the states, and returns that state."""
    while (state := thread.state) not in states:
        time.sleep(0.001)
    return state


def compute(stop):
    while not stop:
        pass


def wait(event):
    event.wait()


def main():
    stop = []
    computing = threading.Thread(target=compute, args=(stop,), name="computing")
    print(f"before start: {computing.state}")
    computing.start()
    # The thread that asks has the interpreter lock at that moment; the other one waits for it, or has just got it.
    print(f"while it computes: {until(computing, 'Running', 'Ready')}")
    stop.append(True)
    computing.join()
    print(f"after its end: {computing.state}")

    door = threading.Event()
    waiting = threading.Thread(target=wait, args=(door,), name="waiting")
    waiting.start()
    state = until(waiting, "Blocked")
    print(f"while it waits: {state} on {type(state.on).__name__}")
    door.set()
    waiting.join()
    print(f"after its end: {waiting.state}")


if __name__ == "__main__":
    main()
