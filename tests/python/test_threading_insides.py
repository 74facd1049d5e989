"""What programs read and write inside of conditions, events, semaphores and barriers: by the standard names."""

import copy
from collections import deque

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


def waiting_at(threading, condition, count):
    """So many threads that wait at a condition, and the list of what their waits will have given."""
    woken = []

    def wait():
        with condition:
            woken.append(condition.wait())

    def all_wait():
        with condition:
            return len(condition._waiters) == count

    threads = [threading.Thread(target=wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    eventually(all_wait)
    return threads, woken


def notify_when_one_waits(threading, wait, condition, lock):
    """Has a thread wait, and notifies it at the condition, under the lock."""
    thread = threading.Thread(target=wait)
    thread.start()
    eventually(lambda: condition._waiters)
    with lock:
        condition.notify()
    thread.join()


def test_those_who_wait_at_a_condition(threading):
    condition = threading.Condition()
    threads, woken = waiting_at(threading, condition, 2)
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

    condition = Counting()
    (thread,), woken = waiting_at(threading, condition, 1)
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


def test_a_subclass_sets_a_lock_of_its_own(threading):
    class Own(threading.Condition):
        def __init__(self):
            self._lock = threading.RLock()
            super().__init__(self._lock)

    condition, first = Own(), threading.Lock()
    with condition:
        condition.notify()
    condition = threading.Condition(first)
    condition._lock = second = threading.Lock()
    woken = []

    def wait():
        with condition:
            woken.append((first.locked(), second.locked(), condition.wait()))

    notify_when_one_waits(threading, wait, condition, second)
    assert woken == [(False, True, True)] and condition._lock is second and not second.locked()
    condition.acquire()
    assert first.locked()
    condition.release()


def test_the_waiters_of_a_condition_are_the_program_s_own(threading):
    condition, woken = threading.Condition(), []
    condition._waiters = waiters = deque()

    def wait():
        with condition:
            woken.append(condition.wait())

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(waiters) == 2)
    with condition:
        condition.notify_all()
    for thread in threads:
        thread.join()
    assert woken == [True, True] and condition._waiters is waiters and not waiters


def test_a_barrier_goes_by_what_was_set(threading):
    ran = []

    class Own(threading.Barrier):
        def __init__(self):
            self._parties, self._timeout = 9, 60
            self.before = self._parties, self._timeout
            super().__init__(2)
            self._timeout, self._action = 0, lambda: ran.append("action")

    barrier = Own()
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    assert barrier.before == (9, 60) and (barrier.parties, barrier._timeout) == (2, 0)
    barrier.reset()
    barrier._timeout, barrier._parties = None, 1
    assert barrier.wait() == 0 and ran == ["action"] and barrier.parties == 1


def test_a_barrier_is_made_smaller_while_somebody_waits(threading):
    barrier, came = threading.Barrier(5), []
    thread = threading.Thread(target=lambda: came.append(barrier.wait()))
    thread.start()
    eventually(lambda: barrier.n_waiting == 1)
    barrier._parties = 2
    came.append(barrier.wait())
    thread.join()
    assert sorted(came) == [0, 1]


def test_a_subclass_sets_the_value_before_it_is_begun(threading):
    class Own(threading.Semaphore):
        def __init__(self, value):
            self._value = value + 3
            self.before = self._value
            super().__init__(value)

    semaphore = Own(1)
    assert (semaphore.before, semaphore._value) == (4, 1)
    assert semaphore.acquire(False) and not semaphore.acquire(False)


@pytest.mark.parametrize("begins", [False, True])
def test_a_subclass_makes_the_insides_of_a_semaphore(threading, begins):
    class Own(threading.Semaphore):
        def __init__(self, value):
            self._cond = threading.Condition(threading.Lock())
            self._value = value
            if begins:
                super().__init__(value)

    semaphore = Own(1)
    assert semaphore.acquire(False) and not semaphore.acquire(False)
    semaphore.release()
    assert semaphore._value == 1


def test_the_most_of_a_bounded_semaphore_is_what_it_was_set_to(threading):
    class Growing(threading.BoundedSemaphore):
        def grow(self):
            self._initial_value += 1
            self.release()

    semaphore = Growing(1)
    semaphore.grow()
    semaphore.grow()
    assert [semaphore.acquire(False) for _ in range(4)] == [True] * 3 + [False]
    semaphore.release(3)
    with pytest.raises(ValueError, match="Semaphore released too many times"):
        semaphore.release()
    semaphore = threading.BoundedSemaphore(1)
    semaphore._initial_value = 3
    semaphore._value = 3
    assert [semaphore.acquire(False) for _ in range(4)] == [True] * 3 + [False]
    semaphore = threading.BoundedSemaphore(1)
    semaphore._value = 2
    assert [semaphore.acquire(False) for _ in range(3)] == [True] * 2 + [False]


@pytest.mark.parametrize("value", [1.5, 2**40])
def test_a_semaphore_takes_any_number(threading, value):
    semaphore = threading.Semaphore(value)
    assert semaphore.acquire(False) and semaphore._value == value - 1
    assert threading.BoundedSemaphore(value)._initial_value == value
    with pytest.raises(ValueError, match="semaphore initial value must be >= 0"):
        threading.Semaphore(-value)


def test_a_flag_that_is_neither_true_nor_false(threading):
    class Own(threading.Event):
        def __init__(self):
            self._flag = "before"
            super().__init__()

    event = Own()
    assert event.is_set() is False
    event._flag = "go"
    assert event.is_set() == event.wait() == event.wait(0) == "go"
    event.clear()
    assert event.is_set() is False and event.wait(0) is False
    event.set()
    assert event.is_set() is True


def test_a_copy_of_a_condition_wakes_those_of_the_other(threading):
    condition, woken = threading.Condition(), []
    other = copy.copy(condition)
    assert type(other) is threading.Condition and other._lock is condition._lock

    def wait():
        with condition:
            woken.append(condition.wait())

    notify_when_one_waits(threading, wait, other, other)
    assert woken == [True]


@pytest.mark.parametrize("name", ["Semaphore", "BoundedSemaphore"])
def test_a_copy_of_a_semaphore_has_a_value_of_its_own(threading, name):
    semaphore = getattr(threading, name)(2)
    semaphore.acquire()
    other = copy.copy(semaphore)
    assert other._cond is semaphore._cond and (other._value, semaphore._value) == (1, 1)
    assert other.acquire(False) and not other.acquire(False)
    assert semaphore._value == 1
    semaphore.release()
    if name == "BoundedSemaphore":
        with pytest.raises(ValueError, match="released too many times"):
            semaphore.release()


def test_a_copy_of_an_event_has_a_flag_of_its_own(threading):
    event = threading.Event()
    event.note = "mine"
    other = copy.copy(event)
    other.set()
    assert other.is_set() and other.note == "mine" and not event.is_set() and other._cond is event._cond


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


def test_the_state_of_a_barrier(threading):
    barrier = threading.Barrier(3)
    assert barrier._state == 0
    barrier.abort()
    assert barrier._state == -2
    barrier.reset()
    assert barrier._state == 0


def test_a_barrier_goes_through_the_steps_of_a_subclass(threading):
    class Noting(threading.Barrier):
        def __init__(self, *arguments, **named):
            self.steps = []
            super().__init__(*arguments, **named)

        def _enter(self):
            self.steps.append("enter")
            super()._enter()

        def _wait(self, timeout):
            self.steps.append(("wait", timeout))
            super()._wait(timeout)

        def _release(self):
            self.steps.append(("release", self._state, self._count))
            super()._release()

        def _exit(self):
            super()._exit()
            self.steps.append(("exit", self._count))

    class Derived(Noting):
        def wait(self, timeout=None):
            return super().wait(timeout or 30)

    ran = []
    barrier = Derived(2, lambda: ran.append("action"))
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (2, 0, False)
    other = threading.Thread(target=lambda: ran.append(barrier.wait()))
    other.start()
    eventually(lambda: barrier.n_waiting == 1)
    assert barrier.wait(20) == 1
    other.join()
    assert ran == ["action", 0]
    assert barrier.steps[:4] == ["enter", ("wait", 30), "enter", ("release", 0, 2)]
    assert barrier.steps[-1] == ("exit", 0) and barrier._state == 0 and "waiters=0/2" in repr(barrier)
    barrier.abort()
    assert barrier.broken and repr(barrier).endswith("broken>")
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert not barrier.broken


def test_a_barrier_that_breaks_is_broken_by_the_step_of_a_subclass(threading):
    broken = []

    class Noting(threading.Barrier):
        def _break(self):
            broken.append(self._state)
            super()._break()

    barrier = Noting(2, timeout=0)
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    assert broken == [0] and barrier._state == -2
