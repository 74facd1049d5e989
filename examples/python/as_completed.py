"""Futures: answers that are on their way, taken in the order in which they come, or in the order of the calls.

`submit` returns a future at once. `as_completed` gives each future when it is done, the fastest first; `map` gives the
answers in the order of the arguments; a callback runs when its future is done. If a call raises an exception, asking
for its result raises that. A call that has not begun can be cancelled.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed


def brew(drink, seconds):
    time.sleep(seconds)
    if drink == "nothing":
        raise ValueError("nobody brews nothing")
    return f"{drink} after {seconds} s"


def main():
    orders = {"tea": 0.3, "coffee": 0.1, "soup": 0.2, "nothing": 0.4}
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="kitchen") as kitchen:
        futures = {kitchen.submit(brew, drink, seconds): drink for drink, seconds in orders.items()}
        for future in as_completed(futures):
            error = future.exception()
            print(f"as completed: {futures[future]}: {error or future.result()}")

        for answer in kitchen.map(brew, ("tea", "coffee"), (0.2, 0.1)):
            print(f"mapped: {answer}")

    with ThreadPoolExecutor(max_workers=1) as one_cook:
        go = threading.Event()
        first = one_cook.submit(go.wait)
        second = one_cook.submit(brew, "tea", 0)
        second.add_done_callback(lambda future: print(f"callback: cancelled: {future.cancelled()}"))
        print(f"taken back: the second: {second.cancel()}, the first, which runs: {first.cancel()}")
        go.set()


if __name__ == "__main__":
    main()
