"""Two processes talk through a pipe: one asks, the other answers, until there is nothing more to ask.

Objects sent at one end are received at the other, whole and in order. `recv` waits, and raises `EOFError` when nothing
is left and the other end is closed, that is, closed in every process that has it. So each process closes the end that
belongs to the other, which it got by being forked or together with its own.
"""

import multiprocessing


def answer(mine, asker):
    asker.close()
    while True:
        try:
            dividend, divisor = mine.recv()
        except EOFError:
            mine.close()
            return
        try:
            mine.send(dividend / divisor)
        except ZeroDivisionError as error:
            mine.send(error)


def main():
    mine, other = multiprocessing.Pipe()
    process = multiprocessing.Process(target=answer, args=(other, mine))
    process.start()
    other.close()

    for question in [(84, 2), (1, 0)]:
        mine.send(question)
        print(f"{question} is answered by {mine.recv()!r}")

    print(f"something else to be received: {mine.poll()}")
    mine.close()
    process.join()
    print(f"the end is closed, and the other process has ended with {process.exitcode}")


if __name__ == "__main__":
    main()
