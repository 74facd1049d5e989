"""What is ours in a class that programs derive from has a name that no program uses.

Each name of an object is one that the standard library's has, too, or a public one of ours, or it begins with
`_manyhands`. So a subclass may have attributes and methods of its own by any other name: they are not overwritten, and
nothing breaks. Those that were ours once are tried in every class, which is put to its use; by the standard library's
classes, too, which say what is right.
"""

import functools
import gc
import types
import weakref

import pytest
from uses import CLASSES, LIMIT, OURS, PLAIN, use_lock, use_map_result, use_popen, use_result, use_stream

import manyhands

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
    *["_feeders", "_finalize", "_flying", "_forget_supervisor", "_future", "_gather", "_gathered", "_get_value"],
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


@pytest.mark.parametrize("name", ["multiprocessing.pool.Pool", "concurrent.futures.ProcessPoolExecutor"])
@pytest.mark.filterwarnings("ignore:unclosed running")
def test_one_that_its_workers_know_goes_all_the_same(name):
    """What is in the slot of an object is seen by the collector of cycles."""
    (arguments, more) = CLASSES[name][0](OURS)

    class Own(OURS.kind(name)):
        def __init__(self):
            super().__init__(*arguments, initializer=self.begin, **more)

        def begin(self):
            pass

    made = Own()
    if hasattr(made, "submit"):
        assert made.submit(abs, -1).result(LIMIT) == 1
        # What its workers were told is kept until they have ended.
        made.shutdown()
    else:
        assert made.apply(abs, (-1,)) == 1
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_what_only_looks_like_a_result_is_none():
    pools = OURS.module("multiprocessing.pool")
    other = types.SimpleNamespace(_is_result=True, _number_left=1, _chunksize=1)
    assert not isinstance(other, pools.ApplyResult) and not isinstance(other, pools.MapResult)
