"""The third cure of the deadlock: a banker, who lends only what is sure to come back.

Each thread declares beforehand how much of each thing it will need at most. Then it takes the things one by one, in any
order, and keeps them while it waits for more. The banker grants a request only if all could then still get what they
declared, one after another; otherwise the request waits, although the thing is there. (This is Dijkstra's algorithm; it
needs the engine.)
"""

import threading

from manyhands import Banker

ROOMS = 20


def renovate(banker, order, painted):
    name = threading.current_thread().name
    with banker.claim(name, brushes=2, ladders=1) as claim:
        for _ in range(ROOMS):
            first, second, third = order
            with claim.request(**{first: 1}), claim.request(**{second: 1}), claim.request(**{third: 1}):
                painted.append(name)


def main():
    # Two brushes, one ladder: if each painter had half of what he needs, none could go on.
    banker, painted = Banker(brushes=2, ladders=1), []
    orders = {
        "Ann": ("brushes", "brushes", "ladders"),
        "Bob": ("ladders", "brushes", "brushes"),
        "Cem": ("brushes", "ladders", "brushes"),
    }
    painters = [
        threading.Thread(target=renovate, args=(banker, order, painted), name=name) for name, order in orders.items()
    ]
    for painter in painters:
        painter.start()
    for painter in painters:
        painter.join()
    print(", ".join(f"{name} painted {painted.count(name)} rooms" for name in orders))

    with banker.claim("Dan", brushes=1) as dan, banker.claim("Eve", brushes=2, ladders=1) as eve:
        with dan.request(brushes=1):
            print(f"Eve wants the ladder while Dan has a brush: {eve.foresee(ladders=1)}")
        try:
            banker.claim("Fay", ladders=2)
        except ValueError as error:
            print(f"refused: {error}")


if __name__ == "__main__":
    main()
