"""Kills processes of a program at random, and sees that it goes on, answers right, ends, and leaves nothing behind.

    python storm.py [--kills N] [--methods fork,spawn,forkserver] [--seed N] [--pid-max N]

Whoever belongs to the program may be hit: workers, processes, queues' producers, the helpers that start processes, the
one that notices deaths; only the program itself is spared. `--pid-max` has it run in a PID namespace whose numbers go
round soon, so that each comes back again and again (needs root and a kernel with such namespaces).
"""

import argparse
import collections
import contextlib
import functools
import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from observed import open_files

PROGRAM = Path(__file__).with_name("storm_program.py")
#: How long a turn may take: then it hangs.
PATIENCE = 120
#: What the process is called that notices deaths. It has a session of its own.
REAPER = "mh-reaper"


def memory_files(pid):
    """The engine's memory files that a process has open."""
    return {file for file in open_files(pid) if "memfd:manyhands" in file}


class Storm:
    """One program, and its killer."""

    def __init__(self, method, random, folder):
        self.random = random
        self.stop = Path(folder) / f"stop-{method}"
        self.killed = collections.Counter()
        command = [sys.executable, "-m", "manyhands", "run", PROGRAM, method, self.stop]
        self.program = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
        )
        self.lines, self.errors = queue.SimpleQueue(), []
        self.readers = [
            threading.Thread(target=self._read, args=(self.program.stdout, self.lines.put), daemon=True),
            threading.Thread(target=self._read, args=(self.program.stderr, self.errors.append), daemon=True),
        ]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _read(stream, keep):
        for line in stream:
            keep(line.rstrip())

    def member(self, pid):
        """What a process is called that runs and is one of the program's: of its group, or its reaper."""
        try:
            before, _, after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
            state, _parent, group, *_ = after.split()
            name = before.partition("(")[2]
            belongs = int(group) == self.program.pid or (name == REAPER and self.arena in memory_files(pid))
            return name if belongs and state not in "ZX" else None
        except (FileNotFoundError, ProcessLookupError):
            return None

    def members(self):
        """All of them, by their numbers."""
        found = {int(entry): self.member(entry) for entry in os.listdir("/proc") if entry.isdigit()}
        return {pid: name for pid, name in found.items() if name is not None}

    @functools.cached_property
    def arena(self):
        """The program's memory file, once it has one."""
        while not (found := memory_files(self.program.pid)):
            time.sleep(0.005)
        return found.pop()

    def kill_one(self):
        others = [pid for pid in self.members() if pid != self.program.pid]
        if not others:
            return
        pid = self.random.choice(others)
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            # A number may have come back as somebody else's before it was opened, not after that.
            name = self.member(pid)
            if name is not None:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                self.killed[name] += 1
        except ProcessLookupError:
            pass
        finally:
            os.close(pidfd)

    def run(self, kills):
        """Kills so many; what the program sums up."""
        heard = time.monotonic()
        while self.killed.total() < kills and self.program.poll() is None:
            # Storms and lulls: what comes right after a kill, and what comes later.
            pause = self.random.choice([0, 0.01, 0.05, 0.3])
            for _ in range(10):
                time.sleep(pause * self.random.random())
                self.kill_one()
            while not self.lines.empty():
                self.lines.get()
                heard = time.monotonic()
            if time.monotonic() - heard > PATIENCE:
                self.fail("it hangs")
        self.stop.touch()
        try:
            self.program.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail("it does not end")
        for reader in self.readers:
            reader.join(PATIENCE)
        if self.program.returncode != 0:
            self.fail(f"exit code {self.program.returncode}")
        self.await_the_last()
        last = None
        while not self.lines.empty():
            last = self.lines.get()
        return json.loads(last)

    def await_the_last(self):
        """What watches over others ends after them."""
        end = time.monotonic() + 10
        while left := self.members():
            if time.monotonic() > end:
                self.fail(f"left behind: {left}")
            time.sleep(0.02)

    def fail(self, why):
        for pid in self.members():
            # Python's show where they stand; the others end by this.
            os.kill(pid, signal.SIGUSR1)
        time.sleep(1)
        # The program itself may have ended.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.program.pid, signal.SIGKILL)
        raise SystemExit("\n".join([*self.errors[-200:], f"storm: {why}, after {self.killed}"]))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kills", type=int, default=20_000)
    arguments.add_argument("--methods", default="fork,spawn,forkserver")
    arguments.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFF)
    arguments.add_argument("--pid-max", type=int)
    given = arguments.parse_args()
    if given.pid_max:
        options = [f"--kills={given.kills}", f"--methods={given.methods}", f"--seed={given.seed}"]
        script = f'echo {given.pid_max} > /proc/sys/kernel/pid_max && "$@"'
        os.execvp(
            "unshare",
            [
                "unshare",
                "--pid",
                "--fork",
                "--mount-proc",
                "sh",
                "-c",
                script,
                "sh",
                sys.executable,
                __file__,
                *options,
            ],
        )
    print(f"seed {given.seed}")
    methods = given.methods.split(",")
    with tempfile.TemporaryDirectory() as folder:
        for method in methods:
            begun = time.monotonic()
            storm = Storm(method, random.Random(f"{given.seed}-{method}"), folder)
            counts = storm.run(given.kills // len(methods))
            print(f"{method}: {storm.killed.total()} kills in {time.monotonic() - begun:.0f} s: {dict(storm.killed)}")
            print(f"{method}: {counts}", flush=True)


if __name__ == "__main__":
    main()
