"""A deadlock, made on purpose: two painters, one brush, one ladder, and each painter takes a different thing first.

Each holds what the other wants, and neither gives it back: on the standard library this program hangs for good. The
engine sees the circle and ends one of the two waits with a `DeadlockError` that says which thread holds what, and since
where. The other painter goes on. The cures: `deadlock_order.py`, `deadlock_patience.py`, `deadlock_banker.py`.
"""

from manyhands import DeadlockError, threading

brush = threading.Lock()
ladder = threading.Lock()
both_have_one = threading.Barrier(2)
said = []


def paint(first, second):
    name = threading.current_thread().name
    try:
        with first:
            both_have_one.wait()
            with second:
                said.append(f"{name} paints")
    except DeadlockError as error:
        said.append(f"{name} gives up: {error}")


if __name__ == "__main__":
    painters = [
        threading.Thread(target=paint, args=(brush, ladder), name="Ann"),
        threading.Thread(target=paint, args=(ladder, brush), name="Bob"),
    ]
    for painter in painters:
        painter.start()
    for painter in painters:
        painter.join()
    print(*said, "both went home", sep="\n")
