"""The first cure of the deadlock: all threads take the locks in one order.

A circle needs a thread that holds a later lock and waits for an earlier one. Here each transfer takes the locks of two
accounts in the order of their numbers, whichever way the money goes, so there is no such thread. This cure costs
nothing, but all locks must be known beforehand.
"""

import threading

TRANSFERS = 1_000


class Account:
    """Money, a number, and a lock to hold while the money is moved."""

    def __init__(self, number, money):
        self.number = number
        self.money = money
        self.lock = threading.Lock()


def transfer(amount, giver, taker):
    first, second = sorted((giver, taker), key=lambda account: account.number)
    with first.lock, second.lock:
        giver.money -= amount
        taker.money += amount


def transfer_often(giver, taker):
    for _ in range(TRANSFERS):
        transfer(1, giver, taker)


if __name__ == "__main__":
    accounts = [Account(number, 5_000) for number in range(3)]
    ways = [(0, 1), (1, 0), (1, 2), (2, 1), (2, 0), (0, 2)]
    threads = [threading.Thread(target=transfer_often, args=(accounts[a], accounts[b])) for a, b in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{len(ways) * TRANSFERS} transfers; each account has", *(account.money for account in accounts))
