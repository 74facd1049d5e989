"""The banker: the textbook's example, waiting, refusals by name, and what a killed process gives back."""

import os
import pickle
import signal
import threading
import time

import pytest
from conftest import eventually

from manyhands import Banker


@pytest.fixture(params=["threads", "processes"])
def kind(request):
    """Each place of the banker in turn."""
    return Banker if request.param == "threads" else Banker.shared


def free(banker):
    return {name: resource.free for name, resource in banker.statistics().resources.items()}


def waiters(banker):
    return [claimant.name for claimant in banker.statistics().claimants if claimant.waits_for is not None]


def test_the_textbooks_example(kind):
    """Five processes, three resources: Silberschatz, Galvin, Gagne, "Operating System Concepts"."""
    banker = kind(A=10, B=5, C=7)
    maxima = [(7, 5, 3), (3, 2, 2), (9, 0, 2), (2, 2, 2), (4, 3, 3)]
    held = [(0, 1, 0), (2, 0, 0), (3, 0, 2), (2, 1, 1), (0, 0, 2)]
    claims = [banker.claim(f"P{at}", dict(zip("ABC", units, strict=True))) for at, units in enumerate(maxima)]
    for claim, units in zip(claims, held, strict=True):
        assert claim.try_request(dict(zip("ABC", units, strict=True)))
    assert free(banker) == {"A": 3, "B": 3, "C": 2}
    assert banker.safe_order() == ["P1", "P3", "P4", "P0", "P2"]

    assert claims[1].foresee(A=1, C=2) == (True, ["P1", "P3", "P4", "P0", "P2"], "safe")
    assert claims[1].try_request(A=1, C=2).counts == {"A": 1, "B": 0, "C": 2}
    assert claims[4].foresee(A=3, B=3) == (False, None, "there is not enough A now")
    assert claims[4].try_request(A=3, B=3) is None
    assert claims[0].foresee(B=2) == (False, None, "unsafe: all could come to wait for one another")
    assert claims[0].try_request(B=2) is None
    with pytest.raises(TimeoutError, match=r"P0 did not get 2 of B within 0.01 s"):
        claims[0].request_timeout(0.01, B=2)
    assert free(banker) == {"A": 2, "B": 3, "C": 0}
    assert banker.is_safe()

    granted = threading.Thread(target=claims[0].request, args=({"B": 2},))
    granted.start()
    eventually(lambda: waiters(banker) == ["P0"])
    claims[1].close()
    granted.join()
    assert claims[0].held == {"A": 0, "B": 3, "C": 0}


def test_guards_give_back(kind):
    banker = kind(memory=8, licences=3)
    with banker.claim("report", memory=6, licences=1) as claim:
        with claim.request(memory=4) as units:
            assert units.counts == {"memory": 4, "licences": 0}
            assert free(banker) == {"memory": 4, "licences": 3}
        units.release()
        assert claim.held == {"memory": 0, "licences": 0}
        claim.request(memory=2)
        claim.release(memory=1)
        assert repr(claim) == "<Claim of 'report'>"
    assert free(banker) == {"memory": 8, "licences": 3}
    claim = banker.claim(memory=1)
    assert claim.name == "MainThread"
    claim.request(memory=1)
    del claim
    assert banker.statistics().claimants == []
    assert repr(banker) == "<Banker(memory=8, licences=3)>"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda b, c: b.claim("greedy", licences=4),
            ValueError,
            "greedy declares 4 of licences, and there are 3 in all",
        ),
        (
            lambda b, c: b.claim("odd", cores=1),
            ValueError,
            "this banker has no resource 'cores': it has memory, licences",
        ),
        (lambda b, c: b.claim(memory=-1), ValueError, "the units of 'memory' must be between 0 and"),
        (lambda b, c: b.claim(memory=2**64), ValueError, "the units of 'memory' must be between 0 and"),
        (lambda b, c: b.claim(memory=1.5), TypeError, "the units of 'memory' must be a whole number, not 'float'"),
        (lambda b, c: c.request(memory=4), ValueError, "report requests 4 of memory and has 1, but declared no more"),
        (lambda b, c: c.request_timeout(1, memory=4), ValueError, "report requests 4 of memory"),
        (lambda b, c: c.try_request(memory=4), ValueError, "report requests 4 of memory"),
        (lambda b, c: c.foresee(memory=4), ValueError, "report requests 4 of memory"),
        (lambda b, c: c.release(memory=2), ValueError, "report releases 2 of memory and has 1"),
    ],
)
def test_refusals_name_who_and_what_and_change_nothing(kind, call, error, text):
    banker = kind(memory=8, licences=3)
    claim = banker.claim("report", memory=4, licences=1)
    claim.request(memory=1)
    before = banker.statistics()
    with pytest.raises(error, match=text):
        call(banker, claim)
    assert banker.statistics() == before


def test_what_cannot_be_a_banker(kind):
    for resources in ({}, {"": 1}, {"x" * 33: 1}, {f"r{at}": 1 for at in range(17)}):
        with pytest.raises(ValueError, match="a banker's resources are 1 to 16"):
            kind(resources)
    with pytest.raises(TypeError, match="'m' must be a whole number"):
        kind(m="8")


def test_a_closed_claim(kind):
    banker = kind(m=1)
    claim = banker.claim("gone", m=1)
    claim.close()
    claim.close()
    with pytest.raises(ValueError, match="the claim of gone is closed"):
        claim.request(m=1)


def test_one_thread_waits_with_a_claim(kind):
    banker = kind(m=1)
    holder, claim = banker.claim("holder", m=1), banker.claim("shared", m=1)
    units = holder.request(m=1)
    waiting = threading.Thread(target=claim.request, kwargs={"m": 1})
    waiting.start()
    eventually(lambda: waiters(banker) == ["shared"])
    with pytest.raises(RuntimeError, match="another thread waits with the claim of shared"):
        claim.request(m=1)
    units.release()
    waiting.join()


def test_a_wait_runs_signal_handlers_and_takes_nothing_when_one_raises(kind):
    banker = kind(m=1)
    holder, claim = banker.claim("holder", m=1), banker.claim("waiter", m=1)
    units = holder.request(m=1)

    class Enough(Exception):
        pass

    def handler(*_):
        raise Enough

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        # It sends the signal only once the main thread waits, so it runs: the interpreter lock is free.
        def send():
            eventually(lambda: waiters(banker) == ["waiter"])
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

        sender = threading.Thread(target=send)
        sender.start()
        with pytest.raises(Enough):
            claim.request(m=1)
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert waiters(banker) == []
    units.release()
    assert free(banker) == {"m": 1}


def test_threads_that_would_deadlock(kind):
    """Two resources, taken in opposite orders."""
    banker = kind(left=1, right=1)

    def work(first, second):
        with banker.claim(left=1, right=1) as claim:
            for _ in range(200):
                with claim.request({first: 1}):
                    time.sleep(0)
                    with claim.request({second: 1}):
                        pass

    threads = [threading.Thread(target=work, args=order) for order in (("left", "right"), ("right", "left")) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert free(banker) == {"left": 1, "right": 1}


#: Eight threads, three resources: the order in which each takes one unit of each.
ORDERS = ["abc", "bca", "cab", "acb", "bac", "cba", "abc", "bca"]
UNITS = {"a": 3, "b": 3, "c": 2}


def test_eight_threads_on_three_resources_never_deadlock(kind):
    banker = kind(UNITS)
    end = time.monotonic() + float(os.environ.get("MANYHANDS_BANKER_SECONDS", "1"))
    rounds, failed = [0] * 8, []

    def work(number):
        with banker.claim(f"thread {number}", a=1, b=1, c=1) as claim:
            while time.monotonic() < end:
                try:
                    for resource in ORDERS[number]:
                        # The limit only ends a test that would not; a deadlock would reach it.
                        claim.request_timeout(60, {resource: 1})
                except TimeoutError as error:
                    failed.append(error)
                    return
                claim.release(a=1, b=1, c=1)
                rounds[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert min(rounds) > 0, f"somebody starved: {rounds}"
    assert free(banker) == UNITS


def test_the_same_threads_deadlock_without_a_banker():
    """Each holds what it took first; none could go on, and none would let go. So none of them waits here."""
    semaphores = {name: threading.Semaphore(count) for name, count in UNITS.items()}
    all_have_one, all_have_tried = threading.Barrier(8), threading.Barrier(8)
    could_go_on = []

    def work(order):
        with semaphores[order[0]]:
            all_have_one.wait(60)
            could_go_on.append(semaphores[order[1]].acquire(blocking=False))
            all_have_tried.wait(60)

    threads = [threading.Thread(target=work, args=(order,)) for order in ORDERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert could_go_on == [False] * 8


def hold(banker, event):
    claim = banker.claim("child", memory=8)
    claim.request(memory=6)
    event.set()
    time.sleep(3600)


def test_what_a_killed_process_had_comes_back(ctx):
    banker = Banker.shared(memory=8)
    event = ctx.Event()
    child = ctx.Process(target=hold, args=(banker, event))
    child.start()
    event.wait()
    (claimant,) = banker.statistics().claimants
    assert claimant == ("child", child.pid, {"memory": 8}, {"memory": 6}, None)
    claim = banker.claim("parent", memory=8)
    assert claim.try_request(memory=3) is None
    os.kill(child.pid, signal.SIGKILL)
    with claim.request(memory=8):
        assert banker.statistics().claimants == [("parent", os.getpid(), {"memory": 8}, {"memory": 8}, None)]
    child.join()


def end(banker):
    banker.claim("child", memory=8).request(memory=6)
    banker.kept = banker.claim("kept", memory=2)
    banker.kept.request(memory=2)


def test_an_end_in_good_order_gives_back_as_well(ctx):
    banker = Banker.shared(memory=8)
    child = ctx.Process(target=end, args=(banker,))
    child.start()
    child.join()
    assert child.exitcode == 0
    with banker.claim("parent", memory=8) as claim, claim.request(memory=8):
        pass


def test_pickling():
    with pytest.raises(TypeError, match="a banker for threads cannot be sent to another process"):
        pickle.dumps(Banker(m=1))
    with pytest.raises(RuntimeError, match="Banker objects should only be shared between processes"):
        pickle.dumps(Banker.shared(m=1))
