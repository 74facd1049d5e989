"""Threads: the same behaviour of the standard library's `threading` and of ours.

Each test runs unchanged over both modules, so that it proves likeness. What only ours has is tested elsewhere: states
in `test_threading_states`, deadlocks in `test_threading_deadlock`, unmodified programs in `test_threading_programs`.
"""

import threading as standard

import pytest
from conftest import run_in_thread as run

from manyhands import threading as ours


def test_a_thread_is_started_once_and_joined_by_others(threading):
    thread = threading.Thread(target=lambda: None)
    with pytest.raises(RuntimeError, match="before it is started"):
        thread.join()
    thread.start()
    thread.join()
    with pytest.raises(RuntimeError, match="once"):
        thread.start()
    thread.join()
    assert not thread.is_alive()
    assert isinstance(run(threading, lambda: threading.current_thread().join()), RuntimeError)
    with pytest.raises(RuntimeError, match="not called"):
        type("Lazy", (threading.Thread,), {"__init__": lambda self: None})().start()


def test_join_with_a_limit(threading):
    go = threading.Event()
    thread = threading.Thread(target=go.wait, daemon=True)
    thread.start()
    thread.join(0.001)
    thread.join(timeout=-1)
    assert thread.is_alive()
    go.set()
    thread.join(60)
    assert not thread.is_alive()


def test_names_and_the_registry_are_shared(threading):
    go = threading.Event()

    def action():
        go.wait()

    thread = threading.Thread(target=action)
    assert thread.name.startswith("Thread-")
    assert thread.name.endswith(" (action)")
    assert thread not in threading.enumerate()
    thread.start()
    try:
        for module in (standard, ours):
            assert thread in module.enumerate()
            assert module.active_count() == len(module.enumerate())
        assert thread.ident
        assert thread.native_id
        assert isinstance(thread, standard.Thread)
    finally:
        go.set()
        thread.join()
    assert ours.main_thread() is standard.main_thread()
    assert ours.current_thread() is standard.current_thread()
    assert run(threading, lambda: ours.current_thread() is standard.current_thread()) is True
    assert isinstance(threading.main_thread(), threading.Thread)


def test_every_public_name_is_there(threading):
    assert set(standard.__all__) <= set(dir(threading))
    for name in standard.__all__:
        assert getattr(threading, name) is not None
    for name in ("_shutdown", "_active", "_limbo", "_MainThread", "_DummyThread", "_register_atexit", "_RLock"):
        assert hasattr(threading, name)


def test_hooks(threading, capsys):
    seen = []
    before = threading.excepthook
    threading.excepthook = lambda arguments: seen.append((arguments.exc_type, arguments.thread))
    try:
        assert standard.excepthook is threading.excepthook
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        threading.excepthook = threading.__excepthook__
        other = threading.Thread(target=lambda: 1 / 0)
        other.start()
        other.join()
    finally:
        threading.excepthook = before
    assert seen == [(ZeroDivisionError, thread)]
    assert f"Exception in thread {other.name}" in capsys.readouterr().err
    lines = []
    threading.settrace(lambda frame, *_: lines.append(frame.f_code.co_name))
    try:
        assert threading.gettrace() is not None
        run(threading, lambda: None)
    finally:
        threading.settrace(None)
    assert "run" in lines


def test_a_timer_and_a_cancelled_one(threading):
    called = threading.Event()
    timer = threading.Timer(0.001, called.set)
    timer.start()
    assert called.wait(60)
    timer.join()
    never = threading.Timer(60, called.clear)
    never.start()
    never.cancel()
    never.join()
    assert called.is_set()


def test_thread_locals_and_stacks(threading):
    local = threading.local()
    local.value = 1
    assert run(threading, lambda: hasattr(local, "value")) is False
    before = threading.stack_size(1 << 20)
    try:
        assert run(threading, lambda: threading.stack_size()) == 1 << 20
    finally:
        threading.stack_size(before)
