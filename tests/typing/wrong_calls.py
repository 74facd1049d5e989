"""What users get wrong: both checkers object to each line that is marked, and to no other. It is never run."""

# ruff: noqa

from manyhands import multiprocessing, queue, threading
from manyhands.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from manyhands.multiprocessing import Pool, Process, Queue


def f(x: int) -> str:
    return str(x)


threading.Thread(target=5)  # wrong
threading.Thread(target=f, args=5)  # wrong
threading.Lock().acquire("x")  # wrong
threading.Event().wait("1")  # wrong
threading.Semaphore("1")  # wrong
threading.Barrier("2")  # wrong
threading.Timer("a", 1)  # wrong
threading.Condition(5)  # wrong
queue.Queue("3")  # wrong
queue.Queue[int]().put("s")  # wrong
Process(target=5)  # wrong
Process(target=f, args=5)  # wrong
Pool("2")  # wrong
Pool(2).map(1, [1])  # wrong
Pool(2).apply_async(f, 5)  # wrong
Queue("3")  # wrong
ThreadPoolExecutor("4")  # wrong
ThreadPoolExecutor(4).submit(5)  # wrong
ThreadPoolExecutor(4).submit(f, "s")  # wrong
ProcessPoolExecutor(4).submit(f, 1, 2)  # wrong
ProcessPoolExecutor("4")  # wrong
a: Future[int] = ThreadPoolExecutor(4).submit(f, 1)  # wrong
b: Future[int] = ProcessPoolExecutor(4).submit(f, 1)  # wrong
a.result("x")  # wrong
multiprocessing.set_start_method(5)  # wrong
multiprocessing.Lock().acquire("x")  # wrong
multiprocessing.Semaphore("1")  # wrong
multiprocessing.Barrier("2")  # wrong
multiprocessing.Event().wait("x")  # wrong
wait(5)  # wrong
as_completed([1])  # wrong
a.set_result("s")  # wrong
threading.RLock().release(1)  # wrong
threading.Thread().join("x")  # wrong
Process().join("x")  # wrong
queue.SimpleQueue[int]().put("x")  # wrong
a.add_done_callback(5)  # wrong
multiprocessing.Pipe("a", 1)  # wrong
threading.current_thread().name = 5  # wrong
Process().kill(1)  # wrong
multiprocessing.nothing  # wrong
threading.nothing  # wrong
threading.Thread().nothing  # wrong
