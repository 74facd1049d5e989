"""A value per thread under one name: what `threading.local` is for.

A desk is needed deep inside the program, and passing it through every call is tedious. A global variable would be
shared by all threads. An attribute of a `local` is the thread's own: no other thread sees it, it needs no lock, and it
goes when the thread goes. A subclass can give each thread a beginning.
"""

import threading


class Desk(threading.local):
    """Every thread that looks at it finds an empty one of its own."""

    def __init__(self):
        self.papers = []


desk = Desk()
here = threading.local()
all_have_written = threading.Barrier(3)
seen = []


def write(paper):
    desk.papers.append(f"{here.clerk}'s {paper}")


def work(name):
    here.clerk = name
    for paper in ("letter", "bill"):
        write(paper)
    all_have_written.wait()
    seen.append(f"{threading.current_thread().name} has {', '.join(desk.papers)}")


if __name__ == "__main__":
    threads = [threading.Thread(target=work, args=(name,), name=f"{name}'s thread") for name in ("Ann", "Bob", "Cem")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*seen, sep="\n")
    print(f"the main thread has {len(desk.papers)} papers and {'a' if hasattr(here, 'clerk') else 'no'} clerk")
