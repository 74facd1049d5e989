"""Which, and how many: `advise(f, samples)` measures a function in a loop, in threads and in processes.

All candidates run the same calls, one after the other and round after round, so that a busy moment of the machine
affects all of them. The rounds go on until the medians are steady, or the time is over. The pools exist before the
measurement, so the time to start them is not in the figures. The result is the simplest of the fastest candidates.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _pickling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Advice", "Row", "advise", "usable_cores"]

#: A call that takes less than this, in seconds, takes little more than handing it over does.
SHORT = 100e-6
#: A row whose median is above the best one's by no more than this part counts as equally fast.
TIE = 0.05
#: A median is steady when its likely error is below this part of it.
STEADY = 0.02
#: Two rows that differ by less than their likely error count as equally fast, but never beyond this difference.
DOUBT = 0.08
#: One measurement takes at least about this long, in seconds.
LEAST = 0.1
#: Handing a call over may take this long, in seconds; the number of calls measured allows for it.
HANDING = 50e-6
_ROUNDS = 5
#: With up to so many cores, each number of workers is tried; with more, powers of two.
_EACH = 8


class Row(NamedTuple):
    """One way to run the calls, with its figures: the seconds per call, and the width of the middle half of the runs
    as a part of that."""

    kind: str
    workers: int
    seconds: float | None
    spread: float
    #: The reason why it was not measured; empty when it was.
    reason: str

    def __str__(self) -> str:
        if self.kind == "loop":
            return "a plain loop"
        name = self.kind if self.workers > 1 else {"threads": "thread", "processes": "process"}[self.kind]
        return f"{self.workers} {name}"


class Advice(NamedTuple):
    """The figures of all candidates, and the one to take. Printed, it is a table."""

    function: str
    cores: int
    calls: int
    rounds: int
    rows: tuple[Row, ...]
    pick: Row
    #: Whether a call is so short that handing it over takes a good part of the time.
    too_short: bool
    notes: tuple[str, ...]

    def __str__(self) -> str:
        head = f"{self.function}: {self.calls} calls, {self.rounds} rounds, {self.cores} usable cores"
        loop = _seconds(self.rows[0])
        lines = [head, f"{'':2}{'candidate':<14}{'per call':>12}{'spread':>8}{'speed':>8}"]
        for row in self.rows:
            mark = "->" if row is self.pick else ""
            if row.seconds is None:
                lines.append(f"{mark:2}{row!s:<14}{'-':>12}  {row.reason}")
            else:
                speed = loop / row.seconds if row.seconds else 1.0
                lines.append(f"{mark:2}{row!s:<14}{_time(row.seconds):>12}{row.spread:>8.0%}{speed:>7.2f}x")
        return "\n".join([*lines, f"take {self.pick}", *self.notes])


def _time(seconds: float) -> str:
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 1e-9:.3g} ns"


def usable_cores() -> int:
    """How many cores this process may use, by its affinity or by the limit of its control group, if that is lower."""
    cores = len(os.sched_getaffinity(0))
    try:
        own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return cores
    root = Path("/sys/fs/cgroup")
    folder = root / own[3:].lstrip("/")
    for group in (folder, *folder.parents):
        if not group.is_relative_to(root):
            break
        try:
            quota, period = (group / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if quota != "max":
            cores = min(cores, max(1, math.ceil(int(quota) / int(period))))
    return cores


def _counts(most: int, cores: int) -> list[int]:
    if cores <= _EACH:
        return list(range(1, most + 1))
    return sorted({*(2**power for power in range(most.bit_length()) if 2**power <= most), most})


class _Candidate:
    """A way to run all calls, and how long it took each time."""

    def __init__(self, kind: str, workers: int, run: Callable[[list[Any]], object]) -> None:
        self.kind, self.workers, self.run = kind, workers, run
        self.times: list[float] = []

    def measure(self, calls: list[Any]) -> None:
        begin = time.perf_counter()
        self.run(calls)
        self.times.append((time.perf_counter() - begin) / len(calls))

    def spread(self) -> float:
        """How far the middle half of the times lie apart, as a part of the median."""
        if len(self.times) < 2:
            return math.inf
        low, median, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return (high - low) / median if median else 0.0

    def is_steady(self) -> bool:
        # A median's likely error is about the width of the middle half, divided by the root of the number of runs.
        return self.spread() / math.sqrt(len(self.times)) < STEADY

    def row(self) -> Row:
        return Row(self.kind, self.workers, statistics.median(self.times), self.spread(), "")


def _calls(f: Callable[[Any], object], samples: list[Any], cores: int, seconds: float) -> list[Any]:
    """The samples, repeated often enough for one measurement, but not for more than there is time."""
    begin = time.perf_counter()
    for sample in samples:
        f(sample)
    once = max(time.perf_counter() - begin, 1e-9)
    enough = max(LEAST / once, 4 * cores / len(samples))
    affordable = max(1.0, seconds / (_ROUNDS * (1 + 3 * cores)) / (once + len(samples) * HANDING))
    return samples * max(1, math.ceil(min(enough, affordable)))


def _why_not(f: Callable[[Any], object], samples: list[Any]) -> str:
    """The reason why the function cannot run in other processes; empty when it can."""
    for what, value in (("the function", f), ("a sample", samples[0]), ("a result", f(samples[0]))):
        try:
            _pickling.dumps_by_value(value)
        except Exception as error:
            return f"{what} cannot go to another process: {error}"
    return ""


def advise(f: Callable[[Any], object], samples: Iterable[Any], *, seconds: float = 10.0) -> Advice:
    """Measures `f(sample)` for all samples in a loop, in 1 to 2N threads and in 1 to N processes, and picks one.

    N is the number of usable cores. It takes about `seconds`, or longer if the calls are slow.

    An exception of `f` is passed on. Under `spawn` and `forkserver` the program needs its `if __name__ == "__main__":`.
    """
    calls = list(samples)
    if not calls:
        raise ValueError("advise needs at least one sample to call the function with")
    end = time.perf_counter() + seconds
    cores = usable_cores()
    calls = _calls(f, calls, cores, seconds)
    reason = _why_not(f, calls)
    with ExitStack() as pools:
        candidates = [_Candidate("loop", 1, lambda some: [f(sample) for sample in some])]
        processes = [] if reason else _processes(f, cores, pools)
        candidates += [*_threads(f, cores, pools), *processes]
        for candidate in candidates:
            candidate.run(calls[: 2 * candidate.workers])
        rounds = 0
        while rounds < _ROUNDS or (
            time.perf_counter() < end and not all(candidate.is_steady() for candidate in candidates)
        ):
            # In each round another candidate comes first.
            shift = rounds % len(candidates)
            for candidate in candidates[shift:] + candidates[:shift]:
                candidate.measure(calls)
            rounds += 1
    rows = [candidate.row() for candidate in candidates]
    if reason:
        rows += [Row("processes", count, None, 0.0, reason) for count in _counts(cores, cores)]
    return _judge(f, cores, len(calls), rounds, rows, reason)


def _threads(f: Callable[[Any], object], cores: int, pools: ExitStack) -> list[_Candidate]:
    from .futures import ThreadPoolExecutor

    def run(executor: ThreadPoolExecutor) -> Callable[[list[Any]], object]:
        return lambda calls: list(executor.map(f, calls))

    counts = _counts(2 * cores, cores)
    return [_Candidate("threads", count, run(pools.enter_context(ThreadPoolExecutor(count)))) for count in counts]


def _processes(f: Callable[[Any], object], cores: int, pools: ExitStack) -> list[_Candidate]:
    from .multiprocessing import context

    def run(pool: Any) -> Callable[[list[Any]], object]:
        return lambda calls: pool.map(f, calls, 1)

    counts = _counts(cores, cores)
    made: Any = context._default_context.Pool
    return [_Candidate("processes", count, run(pools.enter_context(made(count)))) for count in counts]


def _seconds(row: Row) -> float:
    return row.seconds or 0.0


def _judge(f: Callable[[Any], object], cores: int, calls: int, rounds: int, rows: list[Row], reason: str) -> Advice:
    measured = [row for row in rows if row.seconds is not None]
    best = min(measured, key=_seconds)

    def is_as_fast(row: Row) -> bool:
        doubt = math.hypot(row.spread, best.spread) / math.sqrt(rounds)
        return _seconds(row) <= _seconds(best) * (1 + max(TIE, min(doubt, DOUBT)))

    # In the order of the table: a loop is simpler than threads, and few workers are simpler than many.
    pick = next(row for row in measured if is_as_fast(row))
    one = _seconds(rows[0])
    notes = []
    too_short = one < SHORT
    if too_short:
        notes.append(
            f"too short to judge: a call takes {_time(one)}, and handing it over takes a good part of that; "
            "put many into one call (chunksize), and ask again"
        )
    if reason:
        notes.append(f"processes were not tried: {reason}")
    unsteady = [str(row) for row in measured if row.spread / math.sqrt(rounds) >= STEADY]
    if unsteady:
        notes.append(f"not steady within the time allowed: {', '.join(unsteady)}")
    name = getattr(f, "__qualname__", None) or type(f).__qualname__
    return Advice(name, cores, calls, rounds, tuple(rows), pick, too_short, tuple(notes))
