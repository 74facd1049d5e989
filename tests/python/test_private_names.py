"""What is ours in a class that programs derive from has a name that no program uses.

Each name of an object is one that the standard library's has, too, or a public one of ours, or it begins with
`_manyhands`. So a subclass may have attributes and methods of its own by any other name: they are not overwritten, and
nothing breaks. Those that were ours once are tried in every class, which is put to its use; by the standard library's
classes, too, which say what is right.
"""

import functools
import importlib
import os

import pytest

import manyhands

LIMIT = 60

#: What is public in ours besides, and documented: `docs/drop-in.md`. Some are names of later versions of Python.
EXTENSIONS = {
    *["statistics", "owner_died", "state", "banker"],
    *["interrupt", "locked", "terminate_workers", "kill_workers", "shutdown", "is_shutdown"],
}

#: Private names that ours had once, and others that a program may well have.
NAMES = [
    *["_admission", "_admits", "_alias", "_answer", "_arrive", "_await_workers", "_banker", "_begin", "_beginning"],
    *["_bounded", "_broken_because", "_by_name", "_by_reference", "_call_one", "_callbacks", "_calls"],
    *["_cancel_pending", "_check_broken", "_check_there", "_child", "_claim", "_close", "_code", "_core", "_count"],
    *["_count_down", "_drop_calls", "_dumps_arguments", "_dumps_call", "_end", "_end_workers", "_ended", "_failure"],
    *["_feeders", "_finalize", "_flying", "_forget_keeper", "_future", "_gather", "_gathered", "_get_value"],
    *["_hand_over", "_handle", "_handles", "_has_result", "_hooked", "_hurried", "_inside", "_is_closed", "_is_mine"],
    *["_is_result", "_is_terminated", "_join", "_join_cancelled", "_keep_by_template", "_keep_by_zygote"],
    *["_keep_forked", "_keep_fresh", "_known", "_known_by", "_left", "_length_known", "_life", "_listed"],
    *["_make_inside", "_map_elements", "_max_value", "_members", "_method", "_most", "_names", "_note_unguarded"],
    *["_notify", "_number_workers", "_of", "_open", "_opened", "_own_process", "_owner", "_parts", "_phase", "_plan"],
    *["_pool_handle", "_process_object", "_raw", "_record", "_refusal", "_refuse", "_release"],
    *["_renew_template", "_replace", "_report", "_request", "_resources", "_results", "_retries", "_room"],
    *["_safe_order", "_sequence", "_stand_on", "_start_feeder", "_start_workers", "_statistics", "_stopped"],
    *["_stream", "_submit", "_submit_is_ours", "_submit_list", "_submitted", "_take", "_taken", "_tell_state"],
    *["_terminate", "_threads", "_unanswered", "_units", "_unwatch", "_wait", "_waited", "_waiting", "_wanted"],
    *["_watch", "_withdraw", "_worker", "_workers", "begin", "core", "end", "feeders", "handle", "owner_died", "plan"],
    *["refusal", "share", "state", "statistics"],
]
WHEN = ("of the class", "set before", "set after")


class Library:
    """The standard library, or ours, by the names of the standard library."""

    def __init__(self, is_ours):
        self.is_ours = is_ours
        self.ctx = self.module("multiprocessing").get_context("fork")

    def module(self, name):
        ours = f"manyhands.{name.replace('concurrent.futures', 'futures')}"
        return importlib.import_module(ours if self.is_ours else name)

    def kind(self, name):
        module, _, kind = name.rpartition(".")
        return getattr(self.module(module), kind)


PLAIN, OURS = Library(False), Library(True)


def use_thread(made, library):
    made.start()
    made.join(LIMIT)
    assert not made.is_alive()


def use_lock(made, library):
    assert made.acquire() and not acquired_elsewhere(made, library)
    made.release()
    with made:
        assert not acquired_elsewhere(made, library)
    assert repr(made)


def acquired_elsewhere(lock, library):
    found = []
    thread = library.module("threading").Thread(target=lambda: found.append(lock.acquire(False)))
    thread.start()
    thread.join()
    return found[0]


def use_semaphore(made, library):
    assert made.acquire() and not made.acquire(False)
    made.release()
    with made:
        assert not made.acquire(False)
    assert repr(made)


def use_condition(made, library):
    found = []

    def wait():
        with made:
            found.append(0)
            found.append(made.wait(LIMIT))

    thread = library.module("threading").Thread(target=wait)
    thread.start()
    while thread.is_alive():
        with made:
            made.notify_all()
            made.notify()
        thread.join(0.01)
    assert found == [0, True] and repr(made)
    with made:
        assert not made.wait(0.001) and made.wait_for(lambda: True)


def use_event(made, library):
    assert not made.wait(0.001)
    made.set()
    assert made.wait(LIMIT) and made.is_set()
    made.clear()
    assert not made.is_set() and repr(made)


def use_barrier(made, library):
    assert made.wait() == 0 and made.n_waiting == 0 and made.parties == 1 and not made.broken


def use_queue(made, library):
    made.put(1)
    made.put([2])
    assert made.get() == 1 and made.get() == [2] and made.empty()


def use_joinable_queue(made, library):
    made.put(1)
    assert made.get() == 1
    if hasattr(made, "task_done"):
        made.task_done()
        made.join()
        with pytest.raises(ValueError, match="too many times"):
            made.task_done()
    use_queue(made, library)


def use_process_queue(made, library):
    use_joinable_queue(made, library) if hasattr(made, "task_done") else use_queue(made, library)
    process = library.ctx.Process(target=made.put, args=("from elsewhere",))
    process.start()
    assert made.get() == "from elsewhere"
    process.join()
    made.close()


def use_pool(made, library):
    assert made.apply(abs, (-1,)) == 1
    assert made.map(abs, [-1, -2, 3]) == made.map_async(abs, [-1, -2, 3], 1).get(LIMIT) == [1, 2, 3]
    assert made.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
    assert list(made.imap(abs, iter(range(-300, 0)))) == list(range(300, 0, -1))
    assert sorted(made.imap_unordered(abs, range(-300, 0), 7)) == list(range(1, 301))
    heard = []
    made.apply_async(abs, (-5,), callback=heard.append).wait(LIMIT)
    made.apply_async(len, (5,), error_callback=heard.append).wait(LIMIT)
    assert heard[0] == 5 and isinstance(heard[1], TypeError)
    assert len(made._pool) == 2
    made.close()
    with pytest.raises(ValueError, match="not running"):
        made.apply_async(abs, (-1,))
    made.join()
    made.terminate()


def use_executor(made, library):
    assert made.submit(abs, -1).result(LIMIT) == 1
    assert list(made.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]
    assert list(made.map(abs, range(-5, 0), chunksize=2)) == [5, 4, 3, 2, 1]
    with made:
        future = made.submit(len, 5)
    assert isinstance(future.exception(LIMIT), TypeError)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        made.submit(abs, -1)


def use_future(made, library):
    heard = []
    made.add_done_callback(heard.append)
    assert made.set_running_or_notify_cancel()
    made.set_result(3)
    assert made.result() == 3 and heard == [made]
    assert library.module("concurrent.futures").wait([made]).done == {made}


def use_process(made, library):
    made.start()
    assert made.is_alive() in (True, False) and made.pid != os.getpid()
    made.join(LIMIT)
    assert made.exitcode == 0 and repr(made)
    made.close()


def use_popen(made, library):
    assert made.wait(LIMIT) == made.poll() == 0


def use_context(made, library):
    process = made.Process(target=int)
    process.start()
    process.join(LIMIT)
    assert process.exitcode == 0 and made.get_start_method() == "fork"


def use_result(made, library):
    assert made.get(LIMIT) == 1 and made.ready() and made.successful()


def use_map_result(made, library):
    assert made.get(LIMIT) == [1, 2] and made.ready() and made.successful()


def use_stream(made, library):
    assert sorted(made) == list(range(1, 301))


def with_context(library, *arguments):
    return arguments, {"ctx": library.ctx}


def with_nothing(library):
    return (), {}


#: How an object of each class is made, and how it is used.
CLASSES = {
    "threading.Thread": (with_nothing, use_thread),
    "threading.Timer": (lambda library: ((0, int), {}), use_thread),
    "threading.Condition": (with_nothing, use_condition),
    "threading.Semaphore": (with_nothing, use_semaphore),
    "threading.BoundedSemaphore": (with_nothing, use_semaphore),
    "threading.Event": (with_nothing, use_event),
    "threading.Barrier": (lambda library: ((1,), {}), use_barrier),
    "queue.Queue": (with_nothing, use_joinable_queue),
    "queue.LifoQueue": (with_nothing, lambda made, library: (made.put(1), made.get(), made.task_done(), made.join())),
    "queue.PriorityQueue": (with_nothing, lambda made, library: (made.put(1), made.get(), made.task_done())),
    "queue.SimpleQueue": (with_nothing, use_queue),
    "concurrent.futures.Future": (with_nothing, use_future),
    "concurrent.futures.ThreadPoolExecutor": (lambda library: ((1,), {}), use_executor),
    "concurrent.futures.ProcessPoolExecutor": (
        lambda library: ((1,), {"mp_context": library.ctx}),
        use_executor,
    ),
    "multiprocessing.pool.Pool": (lambda library: ((2,), {"context": library.ctx}), use_pool),
    "multiprocessing.pool.ThreadPool": (lambda library: ((2,), {}), use_pool),
    "multiprocessing.queues.Queue": (with_context, use_process_queue),
    "multiprocessing.queues.JoinableQueue": (with_context, use_process_queue),
    "multiprocessing.queues.SimpleQueue": (with_context, use_process_queue),
    "multiprocessing.synchronize.Lock": (with_context, use_lock),
    "multiprocessing.synchronize.RLock": (with_context, use_lock),
    "multiprocessing.synchronize.SemLock": (lambda library: ((1, 1, 1), {"ctx": library.ctx}), use_semaphore),
    "multiprocessing.synchronize.Semaphore": (with_context, use_semaphore),
    "multiprocessing.synchronize.BoundedSemaphore": (with_context, use_semaphore),
    "multiprocessing.synchronize.Condition": (with_context, use_condition),
    "multiprocessing.synchronize.Event": (with_context, use_event),
    "multiprocessing.synchronize.Barrier": (lambda library: with_context(library, 1), use_barrier),
    "multiprocessing.context.Process": (lambda library: ((), {"target": int}), use_process),
    "multiprocessing.context.ForkProcess": (lambda library: ((), {"target": int}), use_process),
    "multiprocessing.context.SpawnProcess": (lambda library: ((), {"target": int}), use_process),
    "multiprocessing.context.ForkServerProcess": (lambda library: ((), {"target": int}), use_process),
    "multiprocessing.context.ForkContext": (with_nothing, use_context),
}

CHOICES = ([False, True], [*CLASSES], WHEN)


def own(library, name, when):
    """A subclass with attributes of its own by all those names that the standard class has not; to be found by name,
    also by a process that does not begin as a copy of this one."""
    return __getattr__(f"Own_{int(library is OURS)}_{[*CLASSES].index(name)}_{WHEN.index(when)}")


def __getattr__(called):
    if not called.startswith("Own_"):
        raise AttributeError(called)
    is_ours, name, when = (choices[int(number)] for choices, number in zip(CHOICES, called.split("_")[1:], strict=True))
    kind = made_own(OURS if is_ours else PLAIN, name, when)
    kind.__qualname__ = kind.__name__ = called
    return globals().setdefault(called, kind)


def made_own(library, name, when):
    kind = library.kind(name)
    names = [each for each in NAMES if each not in standard_names(name)]
    attributes = dict.fromkeys(names, "my own") if when == "of the class" else {}

    class Own(kind):
        locals().update(attributes)

        def __init__(self, label, *arguments, **more):
            if when == "set before":
                vars(self).update(dict.fromkeys(names, "my own"))
                for each in names:
                    setattr(self, each, "my own")
            super().__init__(*arguments, **more)
            if when == "set after":
                for each in names:
                    setattr(self, each, "my own")

        def of_my_own(self):
            return {getattr(self, each) for each in names} == {"my own"}

    return Own


def make(library, name):
    arguments, more = CLASSES[name][0](library)
    return library.kind(name)(*arguments, **more)


def let_go(made):
    """Ends what an object has begun."""
    for end in ("terminate", "shutdown"):
        if hasattr(made, end) and not hasattr(made, "start"):
            getattr(made, end)()


@functools.cache
def standard_names(name):
    """What an object of the standard class has."""
    made = make(PLAIN, name)
    names = frozenset(dir(made))
    let_go(made)
    return names


def strange(made, standard):
    """The names of ours that are none of the standard library's, nor public, nor out of the way."""
    found = {*dir(made), *getattr(made, "__dict__", ())} - standard - EXTENSIONS
    return sorted(each for each in found if hasattr(made, each) and not each.startswith(("__", "_manyhands")))


@pytest.mark.parametrize("name", CLASSES)
def test_names(name):
    made = make(OURS, name)
    try:
        assert strange(made, standard_names(name)) == []
        CLASSES[name][1](made, OURS)
        assert strange(made, standard_names(name)) == []
    finally:
        let_go(made)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("library", [PLAIN, OURS], ids=["standard", "ours"])
def test_a_subclass_may_have_any_others(library, name, when):
    (arguments, more), use = CLASSES[name][0](library), CLASSES[name][1]
    made = own(library, name, when)("a label", *arguments, **more)
    try:
        use(made, library)
        assert made.of_my_own()
    finally:
        let_go(made)


RESULTS = {
    "apply_async": (lambda pool: pool.apply_async(abs, (-1,)), use_result),
    "map_async": (lambda pool: pool.map_async(abs, [-1, -2]), use_map_result),
    "imap": (lambda pool: pool.imap(abs, iter(range(-300, 0))), use_stream),
    "imap_unordered": (lambda pool: pool.imap_unordered(abs, iter(range(-300, 0))), use_stream),
}


@pytest.mark.parametrize("name", ["Pool", "ThreadPool"])
@pytest.mark.parametrize("method", RESULTS)
def test_results_of_pools(name, method):
    ask, use = RESULTS[method]
    with make(PLAIN, f"multiprocessing.pool.{name}") as pool:
        result = ask(pool)
        standard = {*dir(result), "_success", "_value"}
        use(result, PLAIN)
    with make(OURS, f"multiprocessing.pool.{name}") as pool:
        result = ask(pool)
        for each in NAMES:
            if each not in standard:
                setattr(result, each, "my own")
        use(result, OURS)
        assert strange(result, {*standard, *NAMES, "_callback"}) == []


@pytest.mark.parametrize("name", ["Lock", "RLock"])
def test_locks_of_threads(name):
    plain, ours = (library.kind(f"threading.{name}")() for library in (PLAIN, OURS))
    use_lock(ours, OURS)
    assert strange(ours, {*dir(plain)}) == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_started_processes(method):
    """What `Process` keeps of one that it has started, for programs that have another way to start some."""
    found = []
    for library in (PLAIN, OURS):
        process = library.module("multiprocessing").get_context(method).Process(target=int)
        process.start()
        process.join(LIMIT)
        use_popen(process._popen, library)
        found.append(process._popen)
    assert strange(found[1], {*dir(found[0]), "returncode"}) == []


def test_bankers():
    banker = manyhands.Banker(memory=3)
    with banker.claim("first", memory=2) as claim, claim.request(memory=1) as units:
        for each in (banker, claim, units):
            assert [name for name in strange(each, frozenset()) if name.startswith("_")] == []


@pytest.mark.parametrize("when", WHEN)
def test_a_subclass_of_a_banker(when):
    class Own(manyhands.Banker):
        locals().update(dict.fromkeys(NAMES, "my own") if when == "of the class" else {})

        def __init__(self, label, **units):
            vars(self).update(dict.fromkeys(NAMES, "my own") if when == "set before" else {})
            super().__init__(**units)
            vars(self).update(dict.fromkeys(NAMES, "my own") if when == "set after" else {})

    banker = Own("a label", memory=3)
    with banker.claim("first", memory=2) as claim, claim.request(memory=1):
        assert claim.held == {"memory": 1} and banker.is_safe() and banker.safe_order() == ["first"]
        assert banker.totals == {"memory": 3} and repr(banker) == "<Own(memory=3)>"


#: Where the public classes are.
MODULES = [
    *["threading", "queue", "concurrent.futures", "concurrent.futures.thread", "concurrent.futures.process"],
    *["multiprocessing", "multiprocessing.pool", "multiprocessing.queues", "multiprocessing.synchronize"],
    *["multiprocessing.context", "multiprocessing.managers", "multiprocessing.sharedctypes", "multiprocessing.heap"],
    *["multiprocessing.shared_memory", "multiprocessing.popen_fork", "multiprocessing.popen_spawn_posix"],
    *["multiprocessing.popen_forkserver", "multiprocessing.process", "multiprocessing.connection"],
]


@pytest.mark.parametrize("name", MODULES)
def test_no_class_is_forgotten(name):
    plain, ours = PLAIN.module(name), OURS.module(name)
    known = {OURS.kind(each) for each in CLASSES}
    for each in {*dir(plain), *getattr(ours, "__all__", ())}:
        kind, standard = getattr(ours, each, None), getattr(plain, each, None)
        if not isinstance(kind, type) or kind is standard or kind in known or issubclass(kind, BaseException):
            continue
        if each not in ("Lock", "RLock"):
            # What an object of the standard class has besides, where none is looked at here.
            assert strange(kind, {*dir(standard), "returncode"}) == [], each


#: What goes to a process by pickle.
TRAVELLERS = [name for name in CLASSES if name.split(".")[1] in ("queues", "synchronize") and "SemLock" not in name]


def use_there(thing):
    if hasattr(thing, "put"):
        thing.put(thing.get() + 1)
    elif hasattr(thing, "set"):
        thing.set()
    elif hasattr(thing, "parties"):
        assert thing.wait() == 0
    else:
        with thing:
            pass


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("name", TRAVELLERS)
@pytest.mark.parametrize("library", [PLAIN, OURS], ids=["standard", "ours"])
def test_a_subclass_goes_to_other_processes(library, name, when):
    ctx = library.module("multiprocessing").get_context("spawn")
    arguments = CLASSES[name][0](library)[0]
    thing = own(library, name, when)("a label", *arguments, ctx=ctx)
    if hasattr(thing, "put"):
        thing.put(1)
    process = ctx.Process(target=use_there, args=(thing,))
    process.start()
    process.join(LIMIT)
    assert process.exitcode == 0
    if hasattr(thing, "put"):
        assert thing.get() == 2
    if hasattr(thing, "set"):
        assert thing.is_set()
