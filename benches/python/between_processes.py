"""What processes share: managers, values, connections, queues that are joined."""

import importlib
import time


def serve(requests, answers, count):
    """Sends back whatever comes."""
    answers.send(None)
    for _ in range(count):
        answers.send(requests.recv())


def swallow(connection, count):
    """Takes so many messages of bytes."""
    connection.send_bytes(b"ready")
    for _ in range(count):
        connection.recv_bytes()
    connection.send_bytes(b"done")


def add(value, started, go, count):
    started.release()
    go.wait()
    for _ in range(count):
        with value.get_lock():
            value.value += 1


def finish(queue, count):
    for _ in range(count):
        queue.get()
        queue.task_done()


def give_back(questions, answers, count):
    for _ in range(count):
        answers.put(questions.get())


def sharing_cases(multiprocessing):
    """The cases by name, over the `multiprocessing` of the subject."""

    def timed(count, act):
        act()
        begun = time.perf_counter()
        for _ in range(count):
            act()
        return time.perf_counter() - begun

    def manager_queue(count):
        """`put` and `get` at a manager's queue, by one process: microseconds for both."""
        with multiprocessing.Manager() as manager:
            queue = manager.Queue()
            return timed(count, lambda: (queue.put(1), queue.get())) / count * 1e6

    def manager_dict(count):
        """An item of a manager's dict, set and read: microseconds for both."""
        with multiprocessing.Manager() as manager:
            table = manager.dict()
            return timed(count, lambda: (table.__setitem__("a", 1), table["a"])) / count * 1e6

    def value_add(count):
        """Two processes add 1 to a value under its lock, `count` times each: microseconds each time."""
        value, started, go = multiprocessing.Value("q"), multiprocessing.Semaphore(0), multiprocessing.Event()
        adding = [multiprocessing.Process(target=add, args=(value, started, go, count)) for _ in range(2)]
        for process in adding:
            process.start()
        for _ in adding:
            started.acquire()
        begun = time.perf_counter()
        go.set()
        for process in adding:
            process.join()
        seconds = time.perf_counter() - begun
        assert value.value == 2 * count
        return seconds / (2 * count) * 1e6

    def pipe_ping_pong(count):
        """A small object to another process and back through pipes: microseconds."""
        (there, out), (back, answers) = multiprocessing.Pipe(False), multiprocessing.Pipe(False)
        server = multiprocessing.Process(target=serve, args=(there, answers, count + 1))
        server.start()
        back.recv()
        seconds = timed(count, lambda: (out.send(1), back.recv()))
        server.join()
        return seconds / count * 1e6

    def pipe_megabyte(count):
        """A message of 1 MB by `send_bytes`: microseconds."""
        ours, theirs = multiprocessing.Pipe()
        taker = multiprocessing.Process(target=swallow, args=(theirs, count + 1))
        taker.start()
        ours.recv_bytes()
        message = bytes(1 << 20)
        seconds = timed(count, lambda: ours.send_bytes(message))
        ours.recv_bytes()
        taker.join()
        return seconds / count * 1e6

    def joinable_queue(count):
        """Objects put, taken and done by another process, until the queue is joined: thousands a second."""
        queue = multiprocessing.JoinableQueue()
        taker = multiprocessing.Process(target=finish, args=(queue, count + 1))
        taker.start()
        queue.put(0)
        queue.join()
        begun = time.perf_counter()
        for number in range(count):
            queue.put(number)
        queue.join()
        seconds = time.perf_counter() - begun
        taker.join()
        return count / seconds / 1e3

    def wait_for_queue(count):
        """A question by one queue and a `wait` for its answer in another, beside a pipe: microseconds."""
        wait = importlib.import_module(f"{multiprocessing.__name__}.connection").wait
        questions, answers, beside = multiprocessing.Queue(), multiprocessing.Queue(), multiprocessing.Pipe()
        server = multiprocessing.Process(target=give_back, args=(questions, answers, count + 1))
        server.start()
        waited = [answers._reader, beside[0]]

        def ask():
            questions.put(1)
            assert wait(waited) == waited[:1]
            answers.get()

        seconds = timed(count, ask)
        server.join()
        return seconds / count * 1e6

    cases = [
        *(manager_queue, manager_dict, value_add, pipe_ping_pong, pipe_megabyte, joinable_queue),
        wait_for_queue,
    ]
    return {case.__name__.replace("_", "-"): case for case in cases}
