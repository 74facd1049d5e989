"""The second cure of the deadlock: no thread waits for ever.

A thread that does not get the second lock soon gives the first one back and begins anew after a moment. The moment is
of random length, so that the two do not meet again and again. This cure needs no order among the locks. It costs
attempts, and what was begun under the first lock must be undone.
"""

import random
import threading
import time

ROUNDS = 50

brush = threading.Lock()
ladder = threading.Lock()
attempts_given_up = []


def with_both(first, second, job):
    while True:
        with first:
            time.sleep(0.001)  # on the way to the other thing
            if second.acquire(timeout=0.002):
                try:
                    return job()
                finally:
                    second.release()
        attempts_given_up.append(threading.current_thread().name)
        time.sleep(random.uniform(0, 0.002))


def paint(first, second, walls):
    for wall in range(ROUNDS):
        with_both(first, second, lambda wall=wall: walls.append(wall))


if __name__ == "__main__":
    walls = []
    ann = threading.Thread(target=paint, args=(brush, ladder, walls), name="Ann")
    bob = threading.Thread(target=paint, args=(ladder, brush, walls), name="Bob")
    ann.start()
    bob.start()
    ann.join()
    bob.join()
    print(f"{len(walls)} walls painted, {len(attempts_given_up)} attempts given up")
