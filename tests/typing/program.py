"""What users write: both checkers find nothing wrong here. It runs, too."""

from manyhands import DeadlockError, WorkerDied, multiprocessing, queue, threading
from manyhands.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from manyhands.multiprocessing import Pool, Process, Queue


def length(text: str) -> int:
    return len(text)


def add(one: int, other: int = 0) -> int:
    return one + other


class Worker(threading.Thread):
    def __init__(self, work: queue.Queue[str]) -> None:
        super().__init__(name="worker", daemon=True)
        self.work = work

    def run(self) -> None:
        while text := self.work.get():
            length(text)
            self.work.task_done()


class Child(multiprocessing.Process):
    def run(self) -> None:
        print(self.name, flush=True)


def threads() -> None:
    lock = threading.Lock()
    with lock:
        pass
    taken: bool = lock.acquire(timeout=1)
    other: threading.Lock = threading.Lock()
    ready, again = threading.Condition(other), threading.RLock()
    with ready, again:
        ready.notify_all()
    work: queue.Queue[str] = queue.Queue(maxsize=3)
    worker = Worker(work)
    worker.start()
    work.put("text")
    work.join()
    state: str = worker.state
    waits_for: object = worker.state.on
    print(taken, state in ("Blocked", "Ready", "Running"), waits_for is not None or True)
    work.put("")
    worker.join()
    timer = threading.Timer(0.01, print, args=("timer",))
    timer.start()
    timer.join()
    try:
        with threading.Semaphore(2), threading.BoundedSemaphore(value=1):
            threading.Barrier(1).wait()
    except DeadlockError as error:
        print(error.steps[0].thread)


def executors() -> None:
    with ThreadPoolExecutor(2, thread_name_prefix="t") as pool:
        future: Future[int] = pool.submit(length, "text")
        more = [pool.submit(add, number, other=1) for number in range(3)]
        done, not_done = wait(more, timeout=60)
        print(future.result(timeout=60), sorted(each.result() for each in as_completed(done)), len(not_done))
        results: list[int] = list(pool.map(add, range(3), range(3), buffersize=2))
        print(results)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork"), retries=1) as processes:
        call: Future[int] = processes.submit(length, "a")
        call.add_done_callback(lambda over: None)
        print(call.result())


def processes() -> None:
    with Pool(2, retries=1) as pool:
        numbers: list[int] = pool.map(length, ["a", "bc"])
        calls = [pool.apply_async(add, (number,), {"other": 1}) for number in (1, 2)]
        try:
            answers: list[int] = [call.get(timeout=60) for call in calls]
        except WorkerDied:
            answers = []
        print(numbers, answers, list(pool.imap(length, iter("ab"))), pool.starmap(add, [(1, 2)]))
    items = Queue(3)
    child = Process(target=items.put, args=(1,), daemon=True)
    child.start()
    number: int = items.get()
    child.join(60)
    code: int | None = child.exitcode
    print(number, code)
    context = multiprocessing.get_context("fork")
    one, two = context.Pipe(duplex=False)
    two.send(number)
    print(one.recv())
    with context.Lock(), multiprocessing.RLock():
        multiprocessing.Event().set()
    named = Child(name="child")
    named.start()
    named.join()


if __name__ == "__main__":
    threads()
    executors()
    processes()
