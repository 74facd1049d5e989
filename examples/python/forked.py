"""One process becomes two: `os.fork`, and what the two share and what they do not.

The call returns twice: 0 in the child, the child's pid in the parent. The child has a copy of everything, so the parent
does not see what the child changes. A pipe made before the fork is one pipe with two ends. The parent takes the child's
exit code, or the child would stay behind as a zombie.
"""

import os

copied = ["from before"]


def main():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        copied.append("from the child")
        with os.fdopen(writer, "w") as pipe:
            pipe.write(f"child {os.getpid()} of parent {os.getppid()} has {copied}")
        os._exit(7)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        print(pipe.read())
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    print(f"parent {os.getpid()} of child {pid} has {copied}; the child's exit code was {code}")


if __name__ == "__main__":
    main()
