"""Computing at the same time: a map over a pool of processes, each of which has an interpreter and a lock of its own.

To find out which numbers are prime is pure computing: threads would take turns, processes use all cores. The numbers go
in chunks, so that each message is worth its price. The answers come in the order of the numbers, whichever is done
first.
"""

import os
from concurrent.futures import ProcessPoolExecutor

BELOW = 20_000


def is_prime(number):
    if number < 2:
        return False
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 1
    return True


def prime_and_worker(number):
    return is_prime(number), os.getpid()


def main():
    with ProcessPoolExecutor(max_workers=2) as pool:
        answers = list(pool.map(prime_and_worker, range(BELOW), chunksize=100))
    primes = [number for number, (prime, _) in enumerate(answers) if prime]
    workers = {worker for _, worker in answers}
    print(f"{len(primes)} primes below {BELOW}, the last {primes[-1]}, found by {len(workers)} processes")


if __name__ == "__main__":
    main()
