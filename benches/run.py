"""Measures the engine beside its peers and prints a table.

    python benches/run.py [--size full|smoke] [--rounds N] [--only CASE] [--placement free|pinned]

Every subject of a case runs once in each round, in an order that turns from round to round, so that a quiet or busy
moment of the machine meets them all. A ratio is taken within a round; medians of the rounds are shown, with the lowest
and highest ratio. A second table is about values in queues, whose times are so short that one process takes them by
turns. `free` leaves the placement to the scheduler. `pinned` means two cores: each end of a ring, each contender of a
lock keeps to its own, all other cases share the two; values in queues have one. Size `smoke` only shows that everything
runs.
"""

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LIMIT = 300
# The name of the table of values in queues, which is no case.
VALUES = "values"


@dataclass(frozen=True)
class Case:
    """A measurement: what is counted, by whom, in which unit, and how much of it."""

    name: str
    title: str
    unit: str
    peers: tuple[str, ...]
    count: int
    smoke: int
    is_rate: bool = True
    python: bool = False


RING = ("pipe", "ipc-channel", "crossbeam-channel")
LOCK = ("std", "parking_lot")
POOL = ("rayon", "procspawn")
CHANNEL = ("crossbeam-channel", "std")
START = ("re-exec", "fork")
STDLIB = ("stdlib",)

CASES = (
    Case("ring-64", "ring, 64 B", "M/s", RING, 2_000_000, 2_000),
    Case("ring-1024", "ring, 1 KiB", "M/s", RING, 1_000_000, 2_000),
    Case("ring-65536", "ring, 64 KiB", "M/s", RING, 50_000, 500),
    Case("lock-free", "Lock, free", "ns", LOCK, 20_000_000, 1_000, is_rate=False),
    Case("lock-contended", "Lock, 2 contenders", "M/s", LOCK, 5_000_000, 1_000),
    Case("rlock-free", "RLock, free", "ns", ("parking_lot",), 20_000_000, 1_000, is_rate=False),
    Case("condition-ping-pong", "Condition, ping-pong", "us", LOCK, 100_000, 100, is_rate=False),
    Case("condition-hand-over", "Condition, hand-over of items", "M/s", LOCK, 1_000_000, 1_000),
    Case("semaphore-free", "Semaphore, free", "ns", LOCK, 20_000_000, 1_000, is_rate=False),
    Case("event-free", "Event, free", "ns", LOCK, 20_000_000, 1_000, is_rate=False),
    Case("semaphore-contended", "Semaphore(1), 2 contenders", "M/s", LOCK, 2_000_000, 1_000),
    Case("pool-1", "pool, 1 in flight", "us", POOL, 20_000, 50, is_rate=False),
    Case("pool-1000", "pool, 1000 in flight", "M/s", POOL, 200_000, 1_000),
    Case("threads-1", "pool of threads, 1 in flight", "us", ("rayon",), 50_000, 50, is_rate=False),
    Case("threads-1000", "pool of threads, 1000 in flight", "M/s", ("rayon",), 500_000, 1_000),
    Case("threads-scope", "scopes of 1000 calls", "M/s", ("rayon",), 500_000, 1_000),
    Case("queue-1-1", "Queue within a process, 1-1", "M/s", CHANNEL, 2_000_000, 1_000),
    Case("queue-2-2", "Queue within a process, 2-2", "M/s", ("crossbeam-channel",), 2_000_000, 1_000),
    Case("start-small", "start, small requester", "us", START, 500, 5, is_rate=False),
    Case("start-large", "start, 1 GiB requester", "us", START, 100, 2, is_rate=False),
    Case("apply-async", "Python apply_async", "k/s", STDLIB, 50_000, 200, python=True),
    Case("map-one", "Python map, chunksize=1", "k/s", STDLIB, 100_000, 200, python=True),
    Case("map-default", "Python map, default chunks, range", "k/s", STDLIB, 1_000_000, 1_000, python=True),
    Case("map-list", "Python map, default chunks, list of int", "k/s", STDLIB, 1_000_000, 1_000, python=True),
    Case("map-texts", "Python map, default chunks, list of str", "k/s", STDLIB, 1_000_000, 1_000, python=True),
    Case("queue-64", "Python Queue, 64 B", "k/s", STDLIB, 200_000, 500, python=True),
    Case("thread-lock", "Python threading.Lock, free", "ns", STDLIB, 2_000_000, 1_000, is_rate=False, python=True),
    Case("thread-lock-with", "Python threading.Lock, free, with", "ns", STDLIB, 2_000_000, 1_000, False, python=True),
    Case("thread-rlock", "Python threading.RLock, free", "ns", STDLIB, 2_000_000, 1_000, is_rate=False, python=True),
    Case("thread-rlock-with", "Python threading.RLock, free, with", "ns", STDLIB, 2_000_000, 1_000, False, python=True),
    Case("thread-queue", "Python queue.Queue, 1-1", "k/s", STDLIB, 200_000, 500, python=True),
    Case("thread-queue-bounded", "Python queue.Queue(100), 1-1", "k/s", STDLIB, 100_000, 500, python=True),
    Case("thread-queue-alone", "Python queue.Queue, one thread", "k/s", STDLIB, 300_000, 500, python=True),
    Case("simple-queue", "Python SimpleQueue, 1-1", "k/s", STDLIB, 1_000_000, 500, python=True),
    Case("simple-queue-alone", "Python SimpleQueue, one thread", "k/s", STDLIB, 1_000_000, 500, python=True),
    Case("thread-pool", "Python ThreadPoolExecutor.submit", "k/s", STDLIB, 50_000, 200, python=True),
    Case("thread-pool-one", "Python ThreadPoolExecutor, 1 in flight", "us", STDLIB, 20_000, 50, False, python=True),
    Case("process-executor", "Python ProcessPoolExecutor.submit", "k/s", STDLIB, 10_000, 100, python=True),
    Case(
        "process-executor-one", "Python ProcessPoolExecutor, 1 in flight", "us", STDLIB, 2_000, 20, False, python=True
    ),
    Case("start-fork", "Python Process, fork", "ms", STDLIB, 200, 3, is_rate=False, python=True),
    Case("start-forkserver", "Python Process, forkserver", "ms", STDLIB, 100, 3, is_rate=False, python=True),
    Case("start-spawn", "Python Process, spawn", "ms", STDLIB, 30, 2, is_rate=False, python=True),
    Case("manager-queue", "Python Manager().Queue(), put and get", "us", STDLIB, 20_000, 50, False, python=True),
    Case("manager-dict", "Python Manager().dict(), set and get", "us", STDLIB, 20_000, 50, False, python=True),
    Case("value-add", "Python Value, += 1 under its lock, contended", "us", STDLIB, 100_000, 100, False, python=True),
    Case("pipe-ping-pong", "Python Pipe, ping-pong of an int", "us", STDLIB, 20_000, 50, False, python=True),
    Case("pipe-megabyte", "Python Pipe, send_bytes of 1 MB", "us", STDLIB, 1_000, 10, False, python=True),
    Case("joinable-queue", "Python JoinableQueue, put, get, done", "k/s", STDLIB, 100_000, 100, python=True),
    Case(
        "wait-for-queue",
        "Python connection.wait for a queue beside a pipe",
        "us",
        STDLIB,
        5_000,
        50,
        False,
        python=True,
    ),
    Case("many-locks", "Python 100,000 process locks", "us", STDLIB, 100_000, 500, is_rate=False, python=True),
    Case("many-locks-again", "Python process locks, half made again", "us", STDLIB, 100_000, 500, False, python=True),
    Case("many-events", "Python 20,000 process events", "us", STDLIB, 20_000, 200, is_rate=False, python=True),
    Case("pool-beside-locks", "Python Pool beside 100,000 locks", "ms", STDLIB, 100_000, 500, False, python=True),
    Case("many-calls", "Python 100,000 calls of processes", "us", STDLIB, 100_000, 200, is_rate=False, python=True),
    Case("many-thread-calls", "Python 100,000 calls of threads", "us", STDLIB, 100_000, 200, False, python=True),
    Case("many-messages", "Python 100,000 messages in a Queue", "us", STDLIB, 100_000, 200, False, python=True),
    Case("event-herd", "Python Event, 1,000 waiters", "us", STDLIB, 1_000, 20, is_rate=False, python=True),
    Case("shared-event-herd", "Python process Event, 1,000 waiters", "us", STDLIB, 1_000, 20, False, python=True),
    Case("condition-herd", "Python Condition, 1,000 waiters", "us", STDLIB, 1_000, 20, False, python=True),
)


def build():
    """Builds the Rust side and returns the path of its program."""
    manifest = HERE / "Cargo.toml"
    target = os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target")
    target = Path(target) / "benches"
    command = [
        "cargo",
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--manifest-path",
        manifest,
        "--target-dir",
        target,
    ]
    subprocess.run(command, check=True)
    return target / "release" / "peers"


def measure(program, case, subject, count, placement):
    """One number. On failure the program's own words end the run: a table with holes in it says nothing."""
    command = [sys.executable, HERE / "python/peers.py"] if case.python else [program]
    command += [case.name, subject, str(count)]
    two_cores = sorted(os.sched_getaffinity(0))[:2] if placement == "pinned" else None
    if two_cores and not case.python:
        command.append("--pinned")

    def settle():
        if two_cores:
            os.sched_setaffinity(0, two_cores)

    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT, preexec_fn=settle)
    if run.returncode:
        sys.exit(f"{case.name}, {subject}, {placement}: exit code {run.returncode}")
    return float(run.stdout)


def rounds(program, case, count, placement, how_many):
    """For each subject its numbers, one per round."""
    subjects = ["manyhands", *case.peers]
    numbers = {subject: [] for subject in subjects}
    for turn in range(how_many):
        start = turn % len(subjects)
        for subject in subjects[start:] + subjects[:start]:
            numbers[subject].append(measure(program, case, subject, count, placement))
    return numbers


def cell(case, numbers, peer):
    """A peer's median, and how many times faster manyhands is: the median over the rounds, lowest and highest."""
    pairs = zip(numbers["manyhands"], numbers[peer], strict=True)
    ratios = [ours / theirs if case.is_rate else theirs / ours for ours, theirs in pairs]
    median = statistics.median(ratios)
    return f"{peer} {short(statistics.median(numbers[peer]))} (**{median:.3g}x**, {min(ratios):.2g}-{max(ratios):.2g})"


def short(number):
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return (
        f"{', '.join(sorted(models)) or platform.machine()}, {os.cpu_count()} CPUs, {memory:.0f} GiB, "
        f"Linux {platform.release()}, rustc {rust}, CPython {platform.python_version()}"
    )


def values(program, placement, how_many):
    """Prints the table of values in queues, which one thread puts and gets."""
    one_core = sorted(os.sched_getaffinity(0))[-1:] if placement == "pinned" else None

    def settle():
        if one_core:
            os.sched_setaffinity(0, one_core)

    print(f"\nValues through a queue, {placement}, medians of {how_many} rounds:\n", flush=True)
    subprocess.run([program, "values", str(how_many)], check=True, timeout=LIMIT, preexec_fn=settle)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["full", "smoke"], default="full")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", action="append", choices=[*(case.name for case in CASES), VALUES])
    parser.add_argument("--placement", action="append", choices=["free", "pinned"])
    options = parser.parse_args()
    is_smoke = options.size == "smoke"
    how_many = options.rounds or (1 if is_smoke else 7)
    placements = options.placement or (["free"] if is_smoke else ["free", "pinned"])

    program = build()
    print(f"{machine()}; {datetime.date.today()}; medians of {how_many} rounds; size {options.size}\n")
    print("| case | placement | manyhands | peers (how many times faster manyhands is: median, lowest-highest) |")
    print("|---|---|---|---|", flush=True)
    for case in CASES:
        if options.only and case.name not in options.only:
            continue
        for placement in placements:
            numbers = rounds(program, case, case.smoke if is_smoke else case.count, placement, how_many)
            ours = short(statistics.median(numbers["manyhands"]))
            peers = "; ".join(cell(case, numbers, peer) for peer in case.peers)
            print(f"| {case.title} | {placement} | {ours} {case.unit} | {peers} |", flush=True)
    if not options.only or VALUES in options.only:
        for placement in placements:
            values(program, placement, 1 if is_smoke else 300)


if __name__ == "__main__":
    main()
