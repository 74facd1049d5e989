"""Cycles through objects of the engine are found by the garbage collector: nothing keeps what a program has let go.

Each recipe makes a cycle through an object of a class of the compiled module, hangs a witness on it and lets both go;
a collection must find them. Every class of that module has a recipe or a reason to have none, so the next one does too.
"""

import gc
import weakref

import pytest
from conftest import eventually

from manyhands import _engine, futures, multiprocessing, queue, threading
from manyhands.multiprocessing.pool import ThreadPool

#: Per class of the compiled module the recipes that reach it.
RECIPES = {}
#: Classes that hold nothing a program has given them, and why.
HOLD_NOTHING = {
    "Banker": "numbers and names, in shared memory",
    "Claim": "its banker, a number",
    "Child": "a process's number",
    "Lock": "a handle",
    "RLock": "a handle",
    "Semaphore": "a handle",
    "Event": "a handle",
    "Queue": "a handle: what is put there is pickled",
    "SimpleQueue": "as Queue",
    "QueueReader": "as Queue",
    "Readiness": "handles and a descriptor",
    "SharedBuffer": "memory",
    "SharedMemory": "memory",
    "Lease": "a handle",
    "PipeEnd": "handles: what is sent there is pickled",
    "GuardedAttribute": "a name",
    "SocketFolder": "a handle",
    "SocketName": "a handle",
    "Tally": "a handle",
    "ThreadLife": "names and words",
    "ThreadLock": "a word",
    "ThreadRLock": "a word",
    "ThreadWorker": "its executor's engine; used by one frame",
    "Worker": "its pool's engine; used by one frame of a worker",
}


class Int(int):
    """A number that may have attributes."""


class Float(float):
    """A time that may have attributes."""


class Witness:
    """What a program lets go. In a worker it is another one, which refers to nothing."""

    def work(self, *_):
        return 1

    def __reduce__(self):
        return Witness, ()


class OddLock:
    """What a program may give a condition for a lock."""

    def acquire(self, *_):
        return True

    def release(self):
        pass


def fail(*_):
    raise ValueError("on purpose")


def fresh_list(*_):
    return [1]


def recipe(*classes):
    """A recipe that reaches these classes."""

    def register(function):
        for name in classes:
            RECIPES.setdefault(name, []).append(function)
        return function

    return register


@pytest.fixture(scope="module", params=["processes", "threads"])
def pool(request):
    """A pool of either kind."""
    made = multiprocessing.get_context("fork").Pool(1) if request.param == "processes" else ThreadPool(1)
    with made:
        yield made


@pytest.fixture(scope="module", params=["processes", "threads"])
def executor(request):
    """An executor of either kind."""
    if request.param == "processes":
        made = futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    else:
        made = futures.ThreadPoolExecutor(1)
    with made:
        yield made


def assert_collected(make):
    """What `make` hangs on the witness that it is given is collected with it, each time and the last time."""
    witnesses = []
    for _ in range(4):
        witness = Witness()
        witnesses.append(weakref.ref(witness))
        make(witness)
        del witness

    def gone():
        gc.collect()
        return all(witness() is None for witness in witnesses)

    eventually(gone, 10)


# Results: an exception keeps the frame that asked for it, whose local is the result.

CALLS = {
    "apply_async": lambda pool: pool.apply_async(fail, (1,)),
    "map_async": lambda pool: pool.map_async(fail, [1, 2]),
    "starmap_async": lambda pool: pool.starmap_async(fail, [(1,), (2,)]),
    "callback": lambda pool: pool.apply_async(fail, (1,), callback=fresh_list),
    "error_callback": lambda pool: pool.apply_async(fail, (1,), error_callback=fresh_list),
    "callback of a map": lambda pool: pool.map_async(fail, [1, 2], callback=fresh_list),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_frame_that_asked_for_a_result(pool, call):
    def make(witness):
        def ask():
            local = witness
            result = call(pool)
            return result.get(), local

        with pytest.raises(ValueError):
            ask()

    assert_collected(make)


@pytest.mark.parametrize("name", ["imap", "imap_unordered"])
@pytest.mark.parametrize("elements", [list, iter], ids=["list", "iterator"])
def test_the_frame_that_asked_a_stream(pool, name, elements):
    def make(witness):
        def ask():
            local = witness
            stream = getattr(pool, name)(fail, elements([1, 2]))
            return next(stream), local

        with pytest.raises(ValueError):
            ask()

    assert_collected(make)


def method_and_result(pool, witness):
    witness.result = pool.apply_async(witness.work)
    witness.result.get()


def method_and_result_that_nobody_took(pool, witness):
    witness.result = pool.apply_async(witness.work)
    witness.result.wait()


def method_and_map(pool, witness):
    witness.result = pool.map_async(witness.work, [1, 2, 3])
    witness.result.get()


def method_and_stream(pool, witness):
    witness.result = pool.imap(witness.work, [1, 2, 3])
    next(witness.result)


def method_and_fed_stream(pool, witness):
    witness.result = pool.imap_unordered(witness.work, iter([1, 2, 3]))
    list(witness.result)


def method_as_callback(pool, witness):
    witness.result = pool.apply_async(fresh_list, callback=witness.work)
    witness.result.get()


def answer_and_value(workers):
    """An answer of a pool or of an executor, and its value."""
    if isinstance(workers, futures.Executor):
        future = workers.submit(fresh_list)
        return future, future.result()
    result = workers.apply_async(fresh_list)
    return result, result.get()


def attribute_of_answer(workers, witness):
    answer, _ = answer_and_value(workers)
    answer.myself, answer.witness = answer, witness


def value_of_answer(workers, witness):
    answer, value = answer_and_value(workers)
    value.extend([answer, witness])


RESULTS = (
    method_and_result,
    method_and_result_that_nobody_took,
    method_and_map,
    method_and_stream,
    method_and_fed_stream,
    method_as_callback,
    attribute_of_answer,
    value_of_answer,
)
RECIPES["ApplyResult"] = RECIPES["MapResult"] = list(RESULTS)


@pytest.mark.parametrize("make", RESULTS, ids=lambda make: make.__name__)
def test_results(pool, make):
    assert_collected(lambda witness: make(pool, witness))


def frame_of_future(executor, witness):
    def ask():
        local = witness
        future = executor.submit(fail)
        return future.result(), local

    with pytest.raises(ValueError):
        ask()


def method_and_future(executor, witness):
    witness.future = executor.submit(witness.work)
    witness.future.result()


def method_and_future_that_was_waited_for(executor, witness):
    witness.future = executor.submit(witness.work)
    futures.wait([witness.future])


def callback_of_future(executor, witness):
    witness.future = executor.submit(fresh_list)
    witness.future.add_done_callback(witness.work)
    witness.future.result()


def method_and_map_of_futures(executor, witness):
    witness.results = executor.map(witness.work, [1, 2])
    next(witness.results)


FUTURES = (
    frame_of_future,
    method_and_future,
    method_and_future_that_was_waited_for,
    callback_of_future,
    method_and_map_of_futures,
    attribute_of_answer,
    value_of_answer,
)
RECIPES["Future"] = list(FUTURES)


@pytest.mark.parametrize("make", FUTURES, ids=lambda make: make.__name__)
def test_futures(executor, make):
    assert_collected(lambda witness: make(executor, witness))


def test_a_collection_while_answers_are_made(pool, executor):
    """The collector looks at objects of which there is no more than their memory."""
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        made = [[pool.apply_async(fresh_list), pool.map_async(fresh_list, [1, 2])] for _ in range(50)]
        made.append([executor.submit(fresh_list) for _ in range(50)])
    finally:
        gc.set_threshold(*before)
    assert [result.get() for pair in made[:-1] for result in pair] == [[1], [[1], [1]]] * 50
    assert all(future.result() == [1] for future in made[-1])


# What needs no pool, or one of its own.


@recipe("Future")
def future_of_a_program(witness):
    witness.future = futures.Future()
    witness.future.add_done_callback(witness.work)


@recipe("Future")
def future_with_a_value(witness):
    witness.future = futures.Future()
    witness.future.set_result(witness)


@recipe("Future")
def future_with_an_exception(witness):
    error = ValueError()
    witness.future, error.witness = futures.Future(), witness
    witness.future.set_exception(error)


@recipe("ThreadPoolExecutor")
def executor_of_threads_that_has_not_begun(witness):
    witness.executor = futures.ThreadPoolExecutor(1, initializer=witness.work)


@recipe("ThreadPoolExecutor")
def attributes_of_an_executor_of_threads(witness):
    made = futures.ThreadPoolExecutor(1)
    made.submit(fresh_list).result()
    made.myself, made.witness = made, witness


@recipe("ProcessPoolExecutor", "HasWorkers", "PoolCore")
def executor_of_processes_that_has_not_begun(witness):
    witness.executor = futures.ProcessPoolExecutor(1, initializer=witness.work)


@recipe("ProcessPoolExecutor", "HasWorkers", "PoolCore")
def initializer_of_an_executor_of_processes(witness):
    context = multiprocessing.get_context("fork")
    witness.executor = futures.ProcessPoolExecutor(1, context, initializer=witness.work)
    witness.executor.submit(fresh_list).result()


@recipe("PoolBase", "HasWorkers", "PoolCore")
def initializer_of_a_pool_that_has_ended(witness):
    witness.pool = multiprocessing.get_context("fork").Pool(1, initializer=witness.work)
    witness.pool.terminate()
    witness.pool.join()


@recipe("ThreadPoolCore")
def initializer_of_a_pool_of_threads_that_has_ended(witness):
    witness.pool = ThreadPool(1, initializer=witness.work)
    witness.pool.terminate()
    witness.pool.join()


@recipe("Barrier")
def action_of_a_barrier_between_processes(witness):
    witness.barrier = multiprocessing.Barrier(2, action=witness.work)


@recipe("Condition")
def lock_of_a_condition_between_processes(witness):
    lock = multiprocessing.RLock()
    lock.condition, lock.witness = multiprocessing.Condition(lock), witness


@recipe("ThreadQueue")
def item_of_a_queue(witness):
    witness.queue = queue.Queue()
    witness.queue.put(witness)


@recipe("ThreadQueue")
def size_of_a_queue(witness):
    size = Int(3)
    size.witness, size.queue = witness, queue.Queue(size)


@recipe("ThreadQueue")
def later_size_of_a_queue(witness):
    size = Int(3)
    size.witness, size.queue = witness, queue.Queue()
    size.queue.maxsize = size


@recipe("ThreadSimpleQueue")
def item_of_a_simple_queue(witness):
    witness.queue = queue.SimpleQueue()
    witness.queue.put(witness)


@recipe("ThreadCondition")
def lock_of_a_condition(witness):
    lock = OddLock()
    lock.witness, lock.condition = witness, threading.Condition(lock)


@recipe("ThreadBarrier")
def action_of_a_barrier(witness):
    witness.barrier = threading.Barrier(2, action=witness.work)


@recipe("ThreadBarrier")
def patience_of_a_barrier(witness):
    patience = Float(2)
    patience.witness, patience.barrier = witness, threading.Barrier(2, timeout=patience)


@recipe("ThreadSemaphore")
def value_of_a_semaphore(witness):
    value = Int(3)
    value.witness, value.semaphore = witness, threading.Semaphore(value)


SUBCLASSED = {
    "ThreadCondition": threading.Condition,
    "ThreadEvent": threading.Event,
    "ThreadSemaphore": threading.Semaphore,
    "ThreadQueue": queue.Queue,
    "ThreadSimpleQueue": queue.SimpleQueue,
    "Future": futures.Future,
    "ThreadPoolExecutor": futures.ThreadPoolExecutor,
    "ProcessPoolExecutor": futures.ProcessPoolExecutor,
}


@pytest.mark.parametrize("slots", [False, True], ids=["dict", "slots"])
@pytest.mark.parametrize("kind", SUBCLASSED.values(), ids=SUBCLASSED)
def test_objects_of_subclasses(kind, slots):
    kind = type("Subclass", (kind,), {"__slots__": ("myself", "witness")} if slots else {})

    def make(witness):
        made = kind()
        made.myself, made.witness = made, witness

    assert_collected(make)


for name in SUBCLASSED:
    RECIPES.setdefault(name, []).append(test_objects_of_subclasses)

ALONE = sorted(
    {make for makes in RECIPES.values() for make in makes} - {*RESULTS, *FUTURES, test_objects_of_subclasses},
    key=lambda make: make.__name__,
)


@pytest.mark.parametrize("make", ALONE, ids=lambda make: make.__name__)
def test_objects(make):
    assert_collected(make)


def test_every_class_of_the_engine_is_looked_at():
    classes = {name for name, value in vars(_engine).items() if isinstance(value, type)}
    assert classes == RECIPES.keys() | HOLD_NOTHING.keys()
    assert not RECIPES.keys() & HOLD_NOTHING.keys()
