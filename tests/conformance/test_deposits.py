"""A hundred threads with a thousand deposits each: not one may be lost, whichever lock guards the account."""

import sys
import threading as standard

import pytest

from manyhands import threading as ours

THREADS = 100
DEPOSITS = 1_000


@pytest.fixture(autouse=True)
def hurried():
    """The interpreter changes threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Account:
    """Money that is read, added to and written."""

    def __init__(self):
        self.money = 0

    def deposit(self, amount):
        before = self.money
        sum(range(3))
        self.money = before + amount


@pytest.mark.parametrize("module", [standard, ours], ids=["standard", "ours"])
@pytest.mark.parametrize("kind", ["Lock", "RLock", "Semaphore", "Condition"])
def test_no_deposit_is_lost(module, kind):
    account, guard = Account(), getattr(module, kind)()

    def deposit():
        for _ in range(DEPOSITS):
            with guard:
                account.deposit(1)

    threads = [module.Thread(target=deposit) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.money == THREADS * DEPOSITS
