"""Many connections go to a process or to a pool's workers; too many are an error of the start itself.

The kernel takes 253 descriptors at a time, and a process may have so many open as its limit says.
"""

import json

import pytest

PROGRAM = """
import errno, json, os, resource, sys
import manyhands.multiprocessing as multiprocessing

def pipes(count):
    return [end for _ in range((count + 1) // 2) for end in multiprocessing.Pipe(duplex=False)][:count]

def use(ends):
    '''Each reader gets what its writer sends: all arrived, in their order.'''
    for number in range(0, len(ends) - 1, 2):
        reader, writer = ends[number : number + 2]
        writer.send(number)
        assert reader.recv() == number
    return len(ends)

def set_up(*ends):
    global given
    given = ends

def use_given(_):
    return use(given)

def run(ends):
    assert use(ends) == len(ends)

def open_descriptors():
    return len(os.listdir("/proc/self/fd")) - 1

def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()

def main(method, what, count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * count + 200), hard))
    ctx = multiprocessing.get_context(method)
    ends = pipes(count)
    if what == "process":
        process = ctx.Process(target=run, args=(ends,))
        process.start()
        process.join()
        print(process.exitcode)
    elif what == "pool":
        # One worker: two would read from one another's pipes.
        with ctx.Pool(1, set_up, ends) as pool:
            print(set(pool.map(use_given, range(4), 1)))
    elif what == "executor":
        from manyhands.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(1, mp_context=ctx, initializer=set_up, initargs=ends) as executor:
            print(set(executor.map(use_given, range(4))))
    else:
        # What is needed besides is there already.
        first = ctx.Process(target=run, args=([],))
        first.start()
        first.join()
        heard = []
        for more in range(0, 80, 3):
            before, known = open_descriptors(), children()
            resource.setrlimit(resource.RLIMIT_NOFILE, (before + more, hard))
            process = ctx.Process(target=run, args=(ends,))
            try:
                process.start()
            except OSError as error:
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
                # Refused: nothing was started, and nothing is left.
                assert error.errno == errno.EMFILE, error
                heard.append(str(error))
                assert set(children()) <= set(known) or method == "forkserver", (known, children())
                assert open_descriptors() <= before + 1, (before, open_descriptors())
            else:
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
                process.join()
                heard.append(process.exitcode)
        print(json.dumps(heard))

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


@pytest.mark.parametrize("count", [197, 198, 253, 254, 1000])
def test_a_process_gets_them(runner, method, count):
    runner.write(PROGRAM)
    done = runner.run("program.py", method, "process", count, manyhands=False)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("what", ["pool", "executor"])
@pytest.mark.parametrize("count", [254, 1000])
def test_workers_get_them(runner, method, what, count):
    runner.write(PROGRAM)
    done = runner.run("program.py", method, what, count, manyhands=False)
    assert (done.stdout, done.stderr) == (f"{{{count}}}\n", "")


@pytest.mark.parametrize("count", [60, 300])
def test_too_many_for_the_limit_are_an_error_of_the_start(runner, method, count):
    runner.write(PROGRAM)
    done = runner.run("program.py", method, "limit", count, manyhands=False)
    assert (done.returncode, done.stderr) == (0, "")
    heard = json.loads(done.stdout)
    # It was refused at first, and went well once the limit was high enough; it never died of it.
    refused = [text for text in heard if isinstance(text, str)]
    assert refused, heard
    assert heard == refused + [0] * (len(heard) - len(refused)), heard
    assert heard[-1] == 0
    if method == "fork":
        return
    assert all("zygote" not in text and "supervisor" not in text and "::" not in text for text in refused), refused
    assert any("RLIMIT_NOFILE" in text for text in refused), refused
