"""Waiting for one another without a queue: event, barrier, semaphore and condition, each where it fits.

An *event* opens a gate for all that wait, and stays open. A *barrier* lets its waiters go when a given number have
come, round after round. A *semaphore* lets in a given number at once. A *condition* is for anything else to wait for: a
thread that waits gives the lock back, and has it again when it is notified of a change. Then it looks again itself.
"""

import threading
import time
from collections import deque

RUNNERS = 4


def race(name, gate, start, results):
    gate.wait()
    start.wait()
    results.append(name)


def bathe(pool, lock, inside, fullest):
    with pool:
        with lock:
            inside.append(1)
            fullest.append(len(inside))
        time.sleep(0.005)
        with lock:
            inside.pop()


class Shelf:
    """A shelf with room for two: `bring` waits for room, `take` waits for something to take."""

    def __init__(self, room):
        self.room = room
        self.things = deque()
        self.changed = threading.Condition()
        self.fullest = 0

    def bring(self, thing):
        with self.changed:
            self.changed.wait_for(lambda: len(self.things) < self.room)
            self.things.append(thing)
            self.fullest = max(self.fullest, len(self.things))
            self.changed.notify_all()

    def take(self):
        with self.changed:
            self.changed.wait_for(lambda: self.things)
            thing = self.things.popleft()
            self.changed.notify_all()
            return thing


def start_all(target, count, *arguments):
    threads = [threading.Thread(target=target, args=arguments) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def main():
    gate, results = threading.Event(), []
    line = threading.Barrier(RUNNERS, action=lambda: print(f"barrier: {RUNNERS} runners stand at the line"))
    runners = start_all(race, RUNNERS, "runner", gate, line, results)
    print(f"event: the gate is open: {gate.is_set()}, runners at the goal: {len(results)}")
    gate.set()
    for runner in runners:
        runner.join()
    print(f"event: the gate is open: {gate.is_set()}, runners at the goal: {len(results)}")

    inside, fullest = [], []
    for bather in start_all(bathe, 20, threading.BoundedSemaphore(3), threading.Lock(), inside, fullest):
        bather.join()
    print(f"semaphore: {len(fullest)} bathed, at most {max(fullest)} at once")

    shelf, taken = Shelf(room=2), []
    taker = threading.Thread(target=lambda: taken.extend(shelf.take() for _ in range(100)))
    taker.start()
    for thing in range(100):
        shelf.bring(thing)
    taker.join()
    print(f"condition: {len(taken)} things in order: {taken == list(range(100))}, at most {shelf.fullest} on the shelf")


if __name__ == "__main__":
    main()
