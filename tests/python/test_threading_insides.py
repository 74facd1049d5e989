"""What programs read and write inside of conditions, events, semaphores and barriers: by the standard names."""

import pytest
from conftest import eventually


def test_the_flag_of_an_event(threading):
    event = threading.Event()
    assert event._flag is False
    event._flag = True
    assert event.is_set() and event.wait(0)
    event._flag = False
    assert not event.is_set()


def test_the_value_of_a_semaphore(threading):
    semaphore = threading.Semaphore(2)
    semaphore._value += 3
    assert [semaphore.acquire(False) for _ in range(6)] == [True] * 5 + [False]
    semaphore._value = 3
    semaphore._value -= 2
    assert semaphore._value == 1 and semaphore.acquire(False) and not semaphore.acquire(False)


def test_the_first_value_of_a_bounded_semaphore(threading):
    class Own(threading.BoundedSemaphore):
        def __init__(self):
            super().__init__(3)

    semaphore = Own()
    semaphore.acquire()
    assert (semaphore._initial_value, semaphore._value) == (3, 2)


def test_those_who_wait_at_a_condition(threading):
    condition = threading.Condition()
    woken = []

    def wait():
        with condition:
            woken.append(condition.wait())

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()

    def all_wait():
        with condition:
            return len(condition._waiters) == 2

    eventually(all_wait)
    with condition:
        condition.notify_all()
    for thread in threads:
        thread.join()
    assert woken == [True, True] and not condition._waiters


def test_to_notify_all_goes_through_a_subclass(threading):
    class Counting(threading.Condition):
        notified = 0

        def notify(self, n=1):
            self.notified += n
            super().notify(n)

    condition, woken = Counting(), []

    def wait():
        with condition:
            woken.append(condition.wait())

    thread = threading.Thread(target=wait)
    thread.start()

    def waits():
        with condition:
            return len(condition._waiters) == 1

    eventually(waits)
    with condition:
        condition.notify_all()
    thread.join()
    assert (condition.notified, woken) == (1, [True])


@pytest.mark.parametrize("timeout", [None, 60, 0, -1])
def test_to_wait_for_something_goes_through_a_subclass(threading, timeout):
    waits, answers = [], iter([False, True])

    class Noting(threading.Condition):
        def wait(self, timeout=None):
            waits.append(timeout)
            return super().wait(0)

    condition = Noting()
    with condition:
        assert condition.wait_for(lambda: next(answers), timeout)
    assert waits == [timeout]


def test_those_who_have_come_to_a_barrier(threading):
    barrier = threading.Barrier(2)
    assert (barrier._parties, barrier._count) == (2, 0)
    thread = threading.Thread(target=barrier.wait)
    thread.start()
    eventually(lambda: barrier._count == 1)
    barrier.wait()
    thread.join()


def test_the_condition_of_a_semaphore(threading):
    """A semaphore that grows: the recipe of more than one library."""

    class Growing(threading.Semaphore):
        def __init__(self, value):
            super().__init__(value)
            self._initial_value = value

        def grow(self):
            with self._cond:
                self._initial_value += 1
                self._value += 1
                self._cond.notify()

        def release(self):
            with self._cond:
                if self._value < self._initial_value:
                    self._value += 1
                    self._cond.notify_all()

    semaphore = Growing(1)
    with semaphore:
        assert not semaphore.acquire(blocking=False)
        taken = []
        threads = [threading.Thread(target=lambda: taken.append(semaphore.acquire())) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            semaphore.grow()
        eventually(lambda: len(taken) == 2)
    for thread in threads:
        thread.join()
    assert (taken, semaphore._value, semaphore._initial_value) == ([True] * 3, 0, 3)
    semaphore.release()
    assert semaphore.acquire(timeout=0) and not semaphore.acquire(timeout=0.001)


def test_those_who_wait_when_the_condition_is_looked_at(threading):
    semaphore, event, go_on = threading.BoundedSemaphore(1), threading.Event(), []
    semaphore.acquire()
    waits = [semaphore.acquire] * 3 + [event.wait] * 3
    threads = [threading.Thread(target=lambda wait=wait: go_on.append(wait())) for wait in waits]
    for thread in threads:
        thread.start()
    set_it = event.set
    assert semaphore._cond is semaphore._cond and event._cond is event._cond
    assert (semaphore._value, event._flag, event.is_set()) == (0, False, False)
    set_it()
    for _ in range(3):
        semaphore.release()
        eventually(lambda: semaphore._value == 0)
    for thread in threads:
        thread.join()
    assert go_on == [True] * 6 and "value=0" in repr(semaphore)
    event.clear()
    assert not event.wait(0.001) and "unset" in repr(event)
