"""The first use of shared memory fails at each of its steps, as something has run out, and is tried again.

The error says what has run out; nothing that was half made stands in the way of the next try.
"""

import json

PROGRAM = """
import json, os, resource, sys
from manyhands import multiprocessing

ctx = multiprocessing.get_context("fork")

def in_use(what):
    if what == "address space":
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * 4096
    return len(os.listdir("/proc/self/fd")) - 1

def text_of(attempt):
    try:
        attempt()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "ok"

def use():
    lock = ctx.Lock()
    process = ctx.Process(target=lock.acquire)
    process.start()
    process.join()
    assert process.exitcode == 0

def attempt(what, more):
    '''What the first try says under a limit, and the second without; in a copy of this process, which has nothing.'''
    heard, told = os.pipe()
    child = os.fork()
    if not child:
        limit = resource.RLIMIT_AS if what == "address space" else resource.RLIMIT_NOFILE
        soft, hard = resource.getrlimit(limit)
        before = in_use(what)
        resource.setrlimit(limit, (before + more, hard))
        first = text_of(ctx.Lock)
        resource.setrlimit(limit, (soft, hard))
        gone = in_use(what) - before if first != "ok" else 0
        os.write(told, json.dumps([first, text_of(use), gone]).encode())
        os._exit(0)
    os.close(told)
    with open(heard) as file:
        answer = json.load(file)
    os.waitpid(child, 0)
    return answer

tried = [("descriptors", more, *attempt("descriptors", more)) for more in range(12)]
# As much address space as is just enough, and then every step below.
few, many = 0, 1 << 30
while many - few > 4096:
    middle = (few + many) // 8192 * 4096
    if attempt("address space", middle)[0] == "ok":
        many = middle
    else:
        few = middle
# By then Python's own memory may be just about to grow, which takes some more of it.
enough = many + (1 << 20)
for more in [*range(0, few, few // 8 // 4096 * 4096), *range(few - (2 << 20), few, 32 << 10), few, enough]:
    tried.append(("address space", more, *attempt("address space", more)))
print(json.dumps(tried))
"""


def test_an_arena_that_failed_half_made_is_made_at_the_next_try(runner):
    runner.write(PROGRAM)
    done = runner.run("program.py", manyhands=False)
    assert done.returncode == 0, done.stderr
    tried = json.loads(done.stdout)
    assert len(tried) > 60
    for what, more, first, second, left in tried:
        assert second == "ok", (what, more, first, second)
        if first != "ok":
            wanted = "Too many open files" if what == "descriptors" else "MemoryError"
            assert wanted in first and "another copy" not in first, (what, more, first)
            # Python's own memory may have grown by some; the engine's tables are more than that.
            assert left <= (0 if what == "descriptors" else 1 << 20), (what, more, left)
    for what in ("descriptors", "address space"):
        seen = [first for kind, _, first, _, _ in tried if kind == what]
        assert seen[0] != "ok" and seen[-1] == "ok", (what, seen)
    # More than one step was met.
    assert len({first for _, _, first, _, _ in tried}) >= 4, {first for _, _, first, _, _ in tried}
