"""Very many threads that wake at once: only some of them ask for the interpreter lock at a time, and all go on."""

import subprocess
import sys

THREADS = 300
# As many as are let through at a time, and a few that slept for reasons of their own.
ASKING = 64 + 16

# Counts the threads that wake again and again, once one of them has woken thirty times.
OBSERVER = """
import os, sys

def switches(pid):
    counts = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/status") as status:
                line = next(line for line in status if line.startswith("voluntary_ctxt_switches"))
        except OSError:
            continue
        counts[thread] = int(line.split()[1])
    return counts

pid = int(sys.argv[1])
before = switches(pid)
print("ready", flush=True)
woken = {}
while max(woken.values(), default=0) < 30:
    woken = {thread: count - before.get(thread, 0) for thread, count in switches(pid).items()}
print(sum(count >= 10 for count in woken.values()), flush=True)
"""

PROGRAM = """
import os, subprocess, sys
from manyhands import threading

event = threading.Event()
come = threading.Semaphore(0)

def wait():
    come.release()
    event.wait()

threads = [threading.Thread(target=wait) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for _ in threads:
    come.acquire()
while any(not asleep(thread.native_id) for thread in threads):
    pass
observer = subprocess.Popen([sys.executable, "-c", OBSERVER, str(os.getpid())], stdout=subprocess.PIPE, text=True)
observer.stdout.readline()
event.set()
# All the while this thread keeps the interpreter lock.
3 ** (1 << 24)
print(observer.stdout.readline().strip())
for thread in threads:
    thread.join()
"""

ASLEEP = """
def asleep(thread):
    with open(f"/proc/self/task/{thread}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"
"""


def test_few_of_many_threads_ask_for_the_interpreter_lock():
    program = f"THREADS = {THREADS}\nOBSERVER = {OBSERVER!r}\n{ASLEEP}\n{PROGRAM}"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    asking = int(run.stdout)
    assert asking <= ASKING, f"{asking} of {THREADS} threads asked again and again"
